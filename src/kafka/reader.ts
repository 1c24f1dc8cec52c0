/**
 * Reads whole topics as a committed reader, by assignment: kafkajs offers only consumer groups, which need rights, take
 * seconds to join and do not know an end. Its own cluster and fetch are used below its public face (frozen version).
 */
import { createRequire } from 'node:module';
import type { Kafka } from 'kafkajs';
import { MillraceError } from '../errors.ts';
import type { Clock, Log } from '../ports.ts';
import { kafkaError } from './client.ts';

export interface CommittedRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

interface RawMessage {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly firstOffset: string; readonly lastOffsetDelta: number };
}
interface FetchedPartition {
  readonly errorCode: number;
  readonly highWatermark: string;
  readonly lastStableOffset: string;
  readonly abortedTransactions: readonly unknown[];
  readonly messages: RawMessage[];
}
interface Broker {
  fetch(request: object): Promise<{ responses: { partitions: FetchedPartition[] }[] }>;
}
interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findBroker(where: { nodeId: string }): Promise<Broker>;
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ partitions: { partition: number; offset: string }[] }[]>;
}
type FilterAborted = (filter: { messages: RawMessage[]; abortedTransactions: readonly unknown[] }) => RawMessage[];

const filterAborted = createRequire(import.meta.url)('kafkajs/src/consumer/filterAbortedMessages') as FilterAborted;
const READ_COMMITTED = 1;
const NAME_AFTER_MS = 5000;

export interface ReadOptions {
  readonly topic: string;
  /** How long an open transaction of somebody else may hold us up. */
  readonly deadlineMs: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** All committed records of a topic up to the log's end as it is at the first fetch of each partition. */
export async function readCommitted(kafka: Kafka, options: ReadOptions): Promise<readonly CommittedRecord[]> {
  const cluster = createCluster(kafka);
  const { topic } = options;
  try {
    await cluster.connect();
    await cluster.addTargetTopic(topic);
    const partitions = cluster.findTopicPartitionMetadata(topic);
    const starts = await cluster.fetchTopicsOffset([
      { topic, partitions: partitions.map(({ partitionId }) => ({ partition: partitionId })), fromBeginning: true },
    ]);
    const first = new Map(starts[0]?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    const read = partitions.map(async ({ partitionId, leader }) => {
      const broker = await cluster.findBroker({ nodeId: String(leader) });
      return readPartition(broker, partitionId, first.get(partitionId) ?? 0n, options);
    });
    return (await Promise.all(read)).flat();
  } catch (error) {
    throw kafkaError(error, `cannot read topic "${topic}" to its end`);
  } finally {
    await cluster.disconnect().catch(() => {});
  }
}

async function readPartition(
  broker: Broker,
  partition: number,
  from: bigint,
  options: ReadOptions,
): Promise<CommittedRecord[]> {
  const { topic, clock, log, signal } = options;
  const out: CommittedRecord[] = [];
  const startedAt = clock.now();
  let position = from;
  let end: bigint | null = null;
  let named = false;
  for (;;) {
    signal.throwIfAborted();
    const fetched = await fetchOnce(broker, topic, partition, position);
    end ??= BigInt(fetched.highWatermark);
    const stable = BigInt(fetched.lastStableOffset);
    const messages = filterAborted({ messages: fetched.messages, abortedTransactions: fetched.abortedTransactions });
    for (const { offset, key, value, isControlRecord } of messages) {
      if (!isControlRecord && BigInt(offset) >= position) out.push({ partition, offset: BigInt(offset), key, value });
    }
    const last = fetched.messages.at(-1);
    if (last) {
      const behind = BigInt(last.batchContext.firstOffset) + BigInt(last.batchContext.lastOffsetDelta) + 1n;
      if (behind > position) position = behind;
    } else if (position < stable) {
      // A batch that compaction emptied: kafkajs shows nothing of it, so feel for its end.
      position += 1n;
    }
    // Holes of control records and compaction count as read: the end is a fetch position, not a record.
    if (position >= end) return out;
    const waitedMs = clock.now() - startedAt;
    if (position >= stable && waitedMs > NAME_AFTER_MS && !named) {
      named = true;
      log.info('waiting for an open transaction of another producer', { topic, partition, offset: String(stable) });
    }
    if (waitedMs > options.deadlineMs) {
      throw new MillraceError(
        'kafka-unavailable',
        `an open transaction holds topic "${topic}" partition ${partition} at offset ${stable} for ${waitedMs} ms: expected it to end within its time-out. ` +
          'See it with: kafka-transactions.sh list',
      );
    }
  }
}

async function fetchOnce(broker: Broker, topic: string, partition: number, offset: bigint): Promise<FetchedPartition> {
  const { responses } = await broker.fetch({
    isolationLevel: READ_COMMITTED,
    maxWaitTime: 100,
    minBytes: 1,
    maxBytes: 8 * 1024 * 1024,
    topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: 8 * 1024 * 1024 }] }],
  });
  const fetched = responses[0]?.partitions[0];
  if (!fetched) throw new MillraceError('kafka-unavailable', `the broker answered a fetch of "${topic}" with nothing`);
  return fetched;
}

/** kafkajs keeps its cluster factory under a private symbol. */
function createCluster(kafka: Kafka): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find((each) => each.description === 'private:Kafka:createCluster');
  const factory = symbol && (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol];
  if (!factory) throw new MillraceError('internal', 'kafkajs has no cluster factory: expected version 2.2.4');
  return factory({ allowAutoTopicCreation: false, isolationLevel: READ_COMMITTED, metadataMaxAge: 300_000 });
}
