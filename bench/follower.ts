/** A read_committed consumer that notes when each event becomes visible. */
import { type Cluster, closeCluster, openCluster } from '../src/kafka/cluster.ts';
import { createKafka } from '../src/kafka/client.ts';
import { committedRecords } from '../src/kafka/reader.ts';
import { ensureTopic } from '../src/kafka/topics.ts';
import type { Log } from '../src/ports.ts';
import { systemClock } from '../src/runtime/clock.ts';

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface Follower {
  /** Epoch milliseconds, with fractions, at which event `n` was seen. */
  readonly seenAt: ReadonlyMap<number, number>;
  repeats(): number;
  stop(): Promise<void>;
}

/** Creates the topic with three partitions and follows it from its beginning. */
export async function follow(bootstrap: string, topic: string): Promise<Follower> {
  const settings = { bootstrapServers: [bootstrap], clientId: 'bench', sasl: null, tls: null };
  const cluster = await openCluster(createKafka(settings, quiet));
  const controller = new AbortController();
  const context = { cluster, log: quiet, clock: systemClock, signal: controller.signal };
  const creation = { enable: true, partitions: 3, replicationFactor: 1, configs: {} };
  const leaders = await ensureTopic(context, topic, creation);
  const seenAt = new Map<number, number>();
  let repeats = 0;
  const loop = run(cluster, topic, leaders, controller.signal, (n) => {
    if (seenAt.has(n)) repeats++;
    else seenAt.set(n, performance.timeOrigin + performance.now());
  });
  return {
    seenAt,
    repeats: () => repeats,
    stop: async () => {
      controller.abort();
      await loop;
      await closeCluster(cluster);
    },
  };
}

async function run(
  cluster: Cluster,
  topic: string,
  leaders: readonly number[],
  signal: AbortSignal,
  seen: (n: number) => void,
): Promise<void> {
  const positions = leaders.map(() => 0n);
  const broker = await cluster.findBroker({ nodeId: String(leaders[0]) });
  while (!signal.aborted) {
    const partitions = positions.map((position, partition) => {
      return { partition, fetchOffset: String(position), maxBytes: 1 << 20 };
    });
    const request = { isolationLevel: 1, maxWaitTime: 200, minBytes: 1, maxBytes: 4 << 20 };
    const { responses } = await broker.fetch({ ...request, topics: [{ topic, partitions }] });
    for (const part of responses.flatMap((each) => each.partitions)) {
      const before = positions[part.partition] ?? 0n;
      for (const { offset, value } of committedRecords(part)) {
        if (BigInt(offset) >= before) seen((JSON.parse(String(value)) as { n: number }).n);
      }
      const last = part.messages.at(-1)?.batchContext;
      if (last) positions[part.partition] = BigInt(last.firstOffset) + BigInt(last.lastOffsetDelta) + 1n;
    }
  }
}
