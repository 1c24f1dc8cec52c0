/**
 * Reads whole topics as a committed reader, by assignment: kafkajs offers only consumer groups, which need rights, take
 * seconds to join and do not know an end.
 */
import type { Kafka } from 'kafkajs';
import { MillraceError } from '../errors.ts';
import type { Clock, Log } from '../ports.ts';
import { kafkaError } from './client.ts';
import { type Cluster, type FetchedPartition, type FetchedRecord, closeCluster, openCluster } from './cluster.ts';
import { holderOf } from './open-transactions.ts';
import { topicStarts } from './topics.ts';

export interface CommittedRecord {
  readonly partition: number;
  readonly offset: bigint;
  /** When it was written, in milliseconds since 1970-01-01 UTC. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: FetchedRecord['headers'];
}

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const NAME_AFTER_MS = 5000;
const FETCH_BYTES = 8 * 1024 * 1024;

export interface TailOptions {
  readonly topic: string;
  /** How long an open transaction of somebody else may hold us up. */
  readonly deadlineMs: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** All committed records of a topic up to the log's end as it is at the first fetch of each partition. */
export async function readCommitted(kafka: Kafka, options: TailOptions): Promise<readonly CommittedRecord[]> {
  try {
    const cluster = await openCluster(kafka);
    try {
      return await new TopicTail(cluster, options).read('end');
    } finally {
      await closeCluster(cluster);
    }
  } catch (error) {
    throw kafkaError(error, `cannot read topic "${options.topic}" to its end`);
  }
}

interface PartitionTail {
  readonly partition: number;
  readonly leader: number;
  /** Fetch position: everything before it has been read. */
  position: bigint;
  /** Where this read ends; null before its first fetch. */
  end: bigint | null;
}

/** A topic that is read to its end again and again; every `read` goes on where the last one ended. */
export class TopicTail {
  readonly #cluster: Cluster;
  readonly #options: TailOptions;
  #partitions: PartitionTail[] | null = null;

  constructor(cluster: Cluster, options: TailOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  get topic(): string {
    return this.#options.topic;
  }

  /**
   * What has been committed since the last read. `end`: up to the log's end, waiting for transactions that are open
   * before it; `stable`: up to the first open transaction, waiting for nobody.
   */
  async read(upTo: 'end' | 'stable'): Promise<readonly CommittedRecord[]> {
    try {
      return await this.#read(upTo);
    } catch (error) {
      throw kafkaError(error, `cannot read topic "${this.#options.topic}" to its end`);
    }
  }

  async #read(upTo: 'end' | 'stable'): Promise<readonly CommittedRecord[]> {
    const partitions = (this.#partitions ??= await this.#assign());
    for (const partition of partitions) partition.end = null;
    const out: CommittedRecord[] = [];
    const byLeader = Map.groupBy(partitions, (partition) => partition.leader);
    await Promise.all(
      Array.from(byLeader, ([leader, of]) =>
        this.#readBroker(leader, of, upTo, (record) => {
          out.push(record);
        }),
      ),
    );
    return out.sort((a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1));
  }

  /** What is written in a partition behind the last read, decided or not. The next `read` is not affected. */
  async peek(partition: number): Promise<readonly FetchedRecord[]> {
    const tail = (this.#partitions ??= await this.#assign()).find((each) => each.partition === partition);
    if (!tail) return [];
    const broker = await this.#cluster.findBroker({ nodeId: String(tail.leader) });
    const out: FetchedRecord[] = [];
    for (let position = tail.position; ; ) {
      const request = fetchRequest(this.#options.topic, [{ partition, position }], READ_UNCOMMITTED, 0);
      const { responses } = await broker.fetch(request);
      const fetched = responses[0]?.partitions[0];
      const last = fetched?.messages.at(-1)?.batchContext;
      if (!fetched || !last) return out;
      const from = position;
      out.push(...fetched.messages.filter((record) => !record.isControlRecord && BigInt(record.offset) >= from));
      position = BigInt(last.firstOffset) + BigInt(last.lastOffsetDelta) + 1n;
    }
  }

  async #assign(): Promise<PartitionTail[]> {
    const starts = await topicStarts({ ...this.#options, cluster: this.#cluster }, this.#options.topic);
    return starts.map(({ partition, leader, offset }) => ({ partition, leader, position: offset, end: null }));
  }

  async #readBroker(
    leader: number,
    partitions: readonly PartitionTail[],
    upTo: 'end' | 'stable',
    push: (record: CommittedRecord) => void,
  ): Promise<void> {
    const { clock, signal } = this.#options;
    const broker = await this.#cluster.findBroker({ nodeId: String(leader) });
    const patience = new Patience(this.#options, clock.now(), (partition) =>
      holderOf(this.#cluster, { topic: this.#options.topic, partition, leader }),
    );
    let waitMs = 0;
    for (let left = partitions; left.length > 0; waitMs = 100) {
      signal.throwIfAborted();
      const { responses } = await broker.fetch(fetchRequest(this.#options.topic, left, READ_COMMITTED, waitMs));
      const fetched = new Map(responses.flatMap((each) => each.partitions.map((part) => [part.partition, part])));
      // A response has room for some partitions only. One that brings nothing of any is not short of room.
      const empty = Array.from(fetched.values()).every((part) => part.messages.length === 0);
      left = left.filter((partition) => {
        const part = fetched.get(partition.partition);
        return part === undefined || !this.#advance(partition, part, upTo, { push, patience, empty });
      });
    }
  }

  /** Takes what one fetch brought; true when the partition has been read to its end. */
  #advance(
    tail: PartitionTail,
    fetched: FetchedPartition,
    upTo: 'end' | 'stable',
    to: { readonly push: (record: CommittedRecord) => void; readonly patience: Patience; readonly empty: boolean },
  ): boolean {
    const { partition } = tail;
    const stable = BigInt(fetched.lastStableOffset);
    tail.end ??= upTo === 'end' ? BigInt(fetched.highWatermark) : stable;
    for (const { offset, timestamp, key, value, headers } of committedRecords(fetched)) {
      if (BigInt(offset) < tail.position) continue;
      to.push({ partition, offset: BigInt(offset), timestampMs: Number(timestamp), key, value, headers });
    }
    const last = fetched.messages.at(-1);
    if (last) {
      const behind = BigInt(last.batchContext.firstOffset) + BigInt(last.batchContext.lastOffsetDelta) + 1n;
      if (behind > tail.position) tail.position = behind;
    } else if (to.empty && tail.position < stable && tail.position < tail.end) {
      // A batch that compaction emptied: kafkajs shows nothing of it, so feel for its end.
      tail.position += 1n;
    }
    // Holes of control records and compaction count as read: the end is a fetch position, not a record.
    if (tail.position >= tail.end) return true;
    if (tail.position >= stable) to.patience.wait(partition, stable);
    return false;
  }
}

function fetchRequest(
  topic: string,
  from: readonly { readonly partition: number; readonly position: bigint }[],
  isolationLevel: number,
  maxWaitTime: number,
): object {
  const partitions = from.map(({ partition, position }) => {
    return { partition, fetchOffset: String(position), maxBytes: FETCH_BYTES };
  });
  return { isolationLevel, maxWaitTime, minBytes: 1, maxBytes: FETCH_BYTES, topics: [{ topic, partitions }] };
}

/** Waiting for an open transaction of somebody else: said with its name after 5 s, given up at the deadline. */
class Patience {
  readonly #options: TailOptions;
  readonly #startedAt: number;
  readonly #holder: (partition: number) => Promise<string | null>;
  #asked = false;
  #name = 'another producer';

  constructor(options: TailOptions, startedAt: number, holder: (partition: number) => Promise<string | null>) {
    this.#options = options;
    this.#startedAt = startedAt;
    this.#holder = holder;
  }

  wait(partition: number, stable: bigint): void {
    const { topic, clock, deadlineMs } = this.#options;
    const waitedMs = clock.now() - this.#startedAt;
    if (waitedMs > NAME_AFTER_MS && !this.#asked) {
      this.#asked = true;
      void this.#say(partition, stable);
    }
    if (waitedMs <= deadlineMs) return;
    throw new MillraceError(
      'kafka-unavailable',
      `an open transaction of ${this.#name} holds topic "${topic}" partition ${partition} at offset ${stable} for ${waitedMs} ms: expected it to end within its time-out. ` +
        'See it with: kafka-transactions.sh list',
    );
  }

  async #say(partition: number, stable: bigint): Promise<void> {
    this.#name = (await this.#holder(partition)) ?? this.#name;
    const { topic, log } = this.#options;
    log.info(`waiting for an open transaction of ${this.#name}`, { topic, partition, offset: String(stable) });
  }
}

/**
 * The records of a fetch without control records and without those of aborted transactions. kafkajs has a filter, which
 * takes any record with the key 00000000 for an abort marker and starts at most one aborted transaction a record.
 */
export function committedRecords(fetched: Pick<FetchedPartition, 'messages' | 'abortedTransactions'>): FetchedRecord[] {
  const starts = fetched.abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  if (starts.length === 0) return fetched.messages.filter((record) => !record.isControlRecord);
  const aborting = new Set<string>();
  let next = 0;
  return fetched.messages.filter(({ offset, isControlRecord, batchContext }) => {
    for (let start = starts[next]; start && start.firstOffset <= BigInt(offset); start = starts[++next]) {
      aborting.add(start.producerId);
    }
    // Whichever marker it is, it ends the transaction that its producer had open.
    if (isControlRecord) aborting.delete(batchContext.producerId);
    return !isControlRecord && !(batchContext.inTransaction && aborting.has(batchContext.producerId));
  });
}
