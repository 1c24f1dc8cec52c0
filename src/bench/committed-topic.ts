/** A topic of the benchmark, seen as its consumers see it: committed records only. */
import { deleteTopics } from '../demo/follower.ts';
import { createKafka } from '../kafka/client.ts';
import { type Cluster, type FetchedRecord, closeCluster, openCluster } from '../kafka/cluster.ts';
import { committedRecords } from '../kafka/reader.ts';
import { endOffsets, ensureTopic } from '../kafka/topics.ts';
import type { Log } from '../ports.ts';
import { systemClock } from '../runtime/clock.ts';

const QUIET: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const READ_COMMITTED = 1;
const PARTITIONS = 3;

export class CommittedTopic {
  readonly topic: string;
  readonly #bootstrap: string;
  readonly #cluster: Cluster;
  /** Node ids by partition. */
  readonly #leaders: readonly number[];
  /** The next offset of each partition. */
  readonly #positions: bigint[];

  private constructor(bootstrap: string, topic: string, cluster: Cluster, leaders: readonly number[]) {
    this.topic = topic;
    this.#bootstrap = bootstrap;
    this.#cluster = cluster;
    this.#leaders = leaders;
    this.#positions = leaders.map(() => 0n);
  }

  /** Creates it with three partitions, and connects. */
  static async create(bootstrap: string, topic: string, signal: AbortSignal): Promise<CommittedTopic> {
    const settings = { bootstrapServers: [bootstrap], clientId: 'millrace-bench', sasl: null, tls: null };
    const cluster = await openCluster(createKafka(settings, QUIET));
    const context = { cluster, log: QUIET, clock: systemClock, signal };
    const creation = { enable: true, partitions: PARTITIONS, replicationFactor: -1, configs: {} };
    return new CommittedTopic(bootstrap, topic, cluster, await ensureTopic(context, topic, creation));
  }

  /** How far committed readers get in each partition: their last stable offsets. */
  async stableEnds(): Promise<readonly bigint[]> {
    const partitions = this.#leaders.map((leader, partition) => ({ topic: this.topic, partition, leader }));
    return endOffsets(this.#cluster, partitions, 'stable');
  }

  /** Hears what is committed before the offsets given, and has not been heard yet. */
  async readTo(ends: readonly bigint[], hear: (record: FetchedRecord, partition: number) => void): Promise<void> {
    while (this.#positions.some((position, partition) => position < (ends[partition] ?? 0n))) {
      await Promise.all(this.#byLeader().map((partitions) => this.#fetch(partitions, 100, hear)));
    }
  }

  /** Hears every committed record as soon as it is visible, until the signal. */
  async follow(signal: AbortSignal, hear: (record: FetchedRecord) => void): Promise<void> {
    await Promise.all(
      this.#byLeader().map(async (partitions) => {
        while (!signal.aborted) await this.#fetch(partitions, 200, hear);
      }),
    );
  }

  /** Disconnects and deletes the topic, so that the next run finds the disk and the page cache as this one did. */
  async remove(): Promise<void> {
    await closeCluster(this.#cluster);
    await deleteTopics(this.#bootstrap, [this.topic]);
  }

  #byLeader(): number[][] {
    return Array.from(Map.groupBy(this.#leaders.keys(), (partition) => this.#leaders[partition]).values());
  }

  async #fetch(
    numbers: readonly number[],
    maxWaitTime: number,
    hear: (record: FetchedRecord, partition: number) => void,
  ): Promise<void> {
    const broker = await this.#cluster.findBroker({ nodeId: String(this.#leaders[numbers[0] ?? 0]) });
    const partitions = numbers.map((partition) => {
      return { partition, fetchOffset: String(this.#positions[partition]), maxBytes: 1 << 20 };
    });
    const request = { isolationLevel: READ_COMMITTED, maxWaitTime, minBytes: 1, maxBytes: 4 << 20 };
    const { responses } = await broker.fetch({ ...request, topics: [{ topic: this.topic, partitions }] });
    for (const part of responses.flatMap((each) => each.partitions)) {
      const before = this.#positions[part.partition] ?? 0n;
      for (const record of committedRecords(part)) {
        if (BigInt(record.offset) >= before) hear(record, part.partition);
      }
      const last = part.messages.at(-1)?.batchContext;
      if (last) this.#positions[part.partition] = BigInt(last.firstOffset) + BigInt(last.lastOffsetDelta) + 1n;
    }
  }
}
