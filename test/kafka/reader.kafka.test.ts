/** The committed reader where a topic is larger than a fetch, has holes, or is read while it grows. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import { Records } from '../../src/change/records.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { closeCluster, openCluster } from '../../src/kafka/cluster.ts';
import { TopicTail } from '../../src/kafka/reader.ts';
import { ensureTopic } from '../../src/kafka/topics.ts';
import { PartitionTarget, openWriter } from '../../src/kafka/writer.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { freshName, kafka, quiet, waitFor } from '../support/servers.ts';

const bootstrap = await kafka();
const signal = new AbortController().signal;

async function world(t: TestContext, partitions: number, configs: Readonly<Record<string, string>> = {}) {
  const topic = freshName('reader');
  const settings = { bootstrapServers: [bootstrap], clientId: 'test', sasl: null, tls: null };
  const cluster = await openCluster(createKafka(settings, quiet));
  t.after(() => closeCluster(cluster));
  const context = { cluster, log: quiet, clock: systemClock, signal };
  const leaders = await ensureTopic(context, topic, { enable: true, partitions, replicationFactor: 1, configs });
  const targets = leaders.map((leader, partition) => {
    return new PartitionTarget({ topic, partition, leader, maxBatchBytes: 1_000_000 });
  });
  const [first = assert.fail()] = targets;
  const options = { transactionalId: topic, timeoutMs: 60_000, clientId: 'test', clock: systemClock, signal };
  const writer = await openWriter(cluster, options);
  const tail = new TopicTail(cluster, { ...context, topic, deadlineMs: 30_000 });
  /** Writes and commits `count` records of about `bytes`, numbered from `from`, over all partitions in turns. */
  const write = async (from: number, count: number, bytes: number): Promise<void> => {
    const numbers = Array.from({ length: count }, (_, i) => from + i);
    writer.begin(first);
    await writer.send(
      Records.of(
        numbers.map((n) => ({
          topic,
          key: Buffer.from(String(n)),
          value: Buffer.from(`${n} ${'x'.repeat(bytes)}`),
          headers: [],
          // Not 1970: retention would take it away in the middle of a test.
          timestampMs: Date.now(),
        })),
      ),
      numbers.map((n) => targets[n % partitions] ?? first),
    );
    await writer.commit();
  };
  const numbers = async (): Promise<number[]> =>
    (await tail.read('end')).map(({ value }) => Number(String(value).split(' ')[0])).sort((a, b) => a - b);
  return { topic, write, numbers };
}

test('reads topics larger than a fetch, in every partition, without a gap', { timeout: 120_000 }, async (t) => {
  const { write, numbers } = await world(t, 5);
  for (let n = 0; n < 40; n++) await write(n * 40, 40, 40_000);
  const seen = await numbers();
  const missing = Array.from({ length: 1600 }, (_, i) => i).filter((n) => !seen.includes(n));
  assert.deepEqual({ seen: seen.length, missing }, { seen: 1600, missing: [] });
});

test('goes on where the last read ended, also in the middle of nothing new', async (t) => {
  const { write, numbers } = await world(t, 3);
  assert.deepEqual(await numbers(), []);
  await write(0, 10, 10);
  assert.deepEqual(await numbers(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(await numbers(), []);
  await write(10, 1, 10);
  assert.deepEqual(await numbers(), [10]);
});

test('reads over what compaction has taken out', { timeout: 120_000 }, async (t) => {
  const { topic, write, numbers } = await world(t, 1, {
    'cleanup.policy': 'compact',
    'segment.bytes': '1048576',
    'min.cleanable.dirty.ratio': '0.01',
    'max.compaction.lag.ms': '100',
  });
  // The same keys again and again: of all but the last round nothing has to stay.
  for (let round = 0; round < 40; round++) await write(0, 100, 1000);
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  t.after(() => admin.disconnect());
  const seen = await waitFor('the cleaner', async () => {
    const records = await count(topic);
    return records < 4000 ? records : null;
  });
  assert.ok(seen >= 100);
  assert.deepEqual(
    [...new Set(await numbers())],
    Array.from({ length: 100 }, (_, i) => i),
  );
});

/** How many records a fresh reader sees. */
async function count(topic: string): Promise<number> {
  const settings = { bootstrapServers: [bootstrap], clientId: 'test', sasl: null, tls: null };
  const cluster = await openCluster(createKafka(settings, quiet));
  const options = { topic, deadlineMs: 30_000, log: quiet, clock: systemClock, signal };
  const records = await new TopicTail(cluster, options).read('end');
  await closeCluster(cluster);
  return records.length;
}
