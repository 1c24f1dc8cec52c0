/**
 * Reads topics as they lie on the broker, transaction markers included, and tells the Kafka transactions apart: what a
 * committed reader sees and where one transaction ends and the next begins. It decides by the markers itself, so it is
 * a second opinion beside `readCommitted`, which trusts the broker's list of aborted transactions.
 */
import assert from 'node:assert/strict';
import type { Kafka } from 'kafkajs';
import { createKafka } from '../../src/kafka/client.ts';
import { quiet } from './servers.ts';

export interface LoggedRecord {
  readonly offset: bigint;
  readonly key: string;
  readonly value: string;
}

/** What one Kafka transaction wrote to one partition. */
export interface Segment {
  readonly topic: string;
  readonly partition: number;
  readonly committed: boolean;
  readonly records: readonly LoggedRecord[];
}

interface RawMessage {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly isControlRecord: boolean;
  readonly batchContext: {
    readonly firstOffset: string;
    readonly lastOffsetDelta: number;
    readonly producerId: string;
    readonly inTransaction: boolean;
  };
}
interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: string;
  readonly messages: readonly RawMessage[];
}
interface Broker {
  fetch(request: object): Promise<{ responses: { topicName: string; partitions: FetchedPartition[] }[] }>;
}
interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findBroker(where: { nodeId: string }): Promise<Broker>;
}
interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  position: bigint;
  target: bigint | null;
  /** Undecided records by producer id. */
  readonly open: Map<string, LoggedRecord[]>;
}

const READ_UNCOMMITTED = 0;
const MAX_FETCH_BYTES = 16 * 1024 * 1024;

export class TransactionLog {
  readonly #kafka: Kafka;
  readonly #topics: readonly string[];
  readonly #partitions = new Map<string, PartitionState>();
  #connected: { readonly cluster: Cluster; readonly broker: Broker } | null = null;

  constructor(bootstrap: string, topics: readonly string[]) {
    const settings = { bootstrapServers: [bootstrap], clientId: 'transaction-log', sasl: null, tls: null };
    this.#kafka = createKafka(settings, quiet);
    this.#topics = topics;
  }

  /** Records that lie in the log and whose transaction is not decided yet. */
  get undecided(): number {
    let count = 0;
    for (const { open } of this.#partitions.values()) for (const records of open.values()) count += records.length;
    return count;
  }

  /**
   * Reads on to the end of every partition as it is now; the transactions decided meanwhile, per partition in the order
   * of their markers. A broker that is away is an error, and the next call goes on where this one stood.
   */
  async poll(): Promise<readonly Segment[]> {
    const decided: Segment[] = [];
    try {
      const { broker } = (this.#connected ??= await this.#connect());
      for (const state of this.#partitions.values()) state.target = null;
      for (;;) {
        const behind = [...this.#partitions.values()].filter((at) => at.target === null || at.position < at.target);
        if (behind.length === 0) return decided;
        await this.#fetch(broker, behind, decided);
      }
    } catch (error) {
      await this.close();
      // What was read is not read again, so it must not be lost with the error.
      if (decided.length > 0) return decided;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#connected?.cluster.disconnect().catch(() => {});
    this.#connected = null;
  }

  async #connect(): Promise<{ cluster: Cluster; broker: Broker }> {
    const cluster = createCluster(this.#kafka);
    try {
      await cluster.connect();
      const leaders = new Set<number>();
      for (const topic of this.#topics) {
        await cluster.addTargetTopic(topic);
        for (const { partitionId: partition, leader } of cluster.findTopicPartitionMetadata(topic)) {
          leaders.add(leader);
          const key = `${topic}/${partition}`;
          if (this.#partitions.has(key)) continue;
          this.#partitions.set(key, { topic, partition, position: 0n, target: null, open: new Map() });
        }
      }
      assert.equal(leaders.size, 1, 'the reader of the tests knows clusters of one broker');
      return { cluster, broker: await cluster.findBroker({ nodeId: String([...leaders][0]) }) };
    } catch (error) {
      await cluster.disconnect().catch(() => {});
      throw error;
    }
  }

  async #fetch(broker: Broker, states: readonly PartitionState[], decided: Segment[]): Promise<void> {
    const topics = this.#topics.map((topic) => ({
      topic,
      partitions: states
        .filter((state) => state.topic === topic)
        .map(({ partition, position }) => ({
          partition,
          fetchOffset: String(position),
          maxBytes: MAX_FETCH_BYTES,
        })),
    }));
    const { responses } = await broker.fetch({
      isolationLevel: READ_UNCOMMITTED,
      maxWaitTime: 5,
      minBytes: 1,
      maxBytes: MAX_FETCH_BYTES,
      topics: topics.filter(({ partitions }) => partitions.length > 0),
    });
    for (const { topicName, partitions } of responses) {
      for (const fetched of partitions) {
        const state = this.#partitions.get(`${topicName}/${fetched.partition}`);
        assert.ok(state, `nobody asked for ${topicName}/${fetched.partition}`);
        take(state, fetched, decided);
      }
    }
  }
}

function take(state: PartitionState, fetched: FetchedPartition, decided: Segment[]): void {
  const { topic, partition, open } = state;
  assert.equal(fetched.errorCode, 0, `fetch of ${topic}/${partition}`);
  state.target ??= BigInt(fetched.highWatermark);
  for (const { offset, key, value, isControlRecord, batchContext } of fetched.messages) {
    if (BigInt(offset) < state.position) continue;
    const { producerId } = batchContext;
    if (isControlRecord) {
      // The key of a control record: version, then the type: 0 abort, 1 commit.
      const committed = key?.readInt16BE(2) === 1;
      const records = open.get(producerId) ?? [];
      open.delete(producerId);
      if (records.length > 0) decided.push({ topic, partition, committed, records });
    } else {
      assert.ok(batchContext.inTransaction, `${topic}/${partition} offset ${offset} was written outside a transaction`);
      const records = open.get(producerId) ?? [];
      open.set(producerId, records);
      records.push({ offset: BigInt(offset), key: String(key), value: String(value) });
    }
  }
  const last = fetched.messages.at(-1);
  if (!last) return;
  const behind = BigInt(last.batchContext.firstOffset) + BigInt(last.batchContext.lastOffsetDelta) + 1n;
  if (behind > state.position) state.position = behind;
}

/** kafkajs keeps its cluster factory under a private symbol. */
function createCluster(kafka: Kafka): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find((each) => each.description === 'private:Kafka:createCluster');
  const factory = symbol && (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol];
  assert.ok(factory, 'kafkajs has no cluster factory: expected version 2.2.4');
  return factory({ allowAutoTopicCreation: false, isolationLevel: READ_UNCOMMITTED, metadataMaxAge: 300_000 });
}
