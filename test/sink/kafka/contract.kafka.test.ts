import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ITopicConfig } from 'kafkajs';
import { Records } from '../../../src/change/records.ts';
import { MillraceError } from '../../../src/errors.ts';
import { createKafka } from '../../../src/kafka/client.ts';
import { partitionOf } from '../../../src/kafka/partition.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createKafkaSink } from '../../../src/sink/kafka/sink.ts';
import { sinkContract } from '../../contract/sink.ts';
import { IDENTITY, numbered, signal } from '../../contract/sink/suite.ts';
import { ends, partitionCount, readWire, topicReady } from '../../support/kafka-wire.ts';
import { sinkSettings } from '../../support/sink-settings.ts';
import { freshName, kafka, quiet, waitFor } from '../../support/servers.ts';

const bootstrap = await kafka();
const PARTITIONS = 3;
const OFFSETS_PARTITIONS = 16;
const COMPACTED = [{ name: 'cleanup.policy', value: 'compact' }];
const offsetsTopic = (connector: string): string => `${connector.split('.', 1).join('')}-offsets`;
const admin = createKafka(
  { bootstrapServers: [bootstrap], clientId: 'contract', sasl: null, tls: null },
  quiet,
).admin();
await admin.connect();
after(() => admin.disconnect());

const MAX_RECORD_BYTES = 1_000_000;

sinkContract({
  name: 'the Kafka sink',
  maxRecordBytes: MAX_RECORD_BYTES,
  create: (connector, options = {}) =>
    createKafkaSink(
      sinkSettings(
        connector,
        { bootstrapServers: [bootstrap] },
        {
          transactionTimeoutMs: options.transactionTimeoutMs ?? 60_000,
          // One for each test, or their open transactions would hold each other up; neighbours share it.
          offsetsTopic: offsetsTopic(connector),
          maxRequestBytes: MAX_RECORD_BYTES,
          topicCreation: {
            enable: options.createTopics ?? true,
            partitions: PARTITIONS,
            replicationFactor: 1,
            configs: {},
          },
        },
      ),
      {
        log: options.log ?? quiet,
        clock: { ...systemClock, now: options.now ?? (() => Date.now()) },
        ...(options.failpoint ? { failpoint: options.failpoint } : {}),
      },
    ),
  prepare: async (connector, topics) => {
    await createTopics([
      { topic: offsetsTopic(connector), numPartitions: OFFSETS_PARTITIONS, configEntries: COMPACTED },
      ...topics.map((topic) => ({ topic, numPartitions: PARTITIONS })),
    ]);
  },
  neighbours: () => {
    const room = freshName('room');
    const partitionOfName = (name: string): number =>
      partitionOf(Buffer.from(JSON.stringify({ connector: name })), OFFSETS_PARTITIONS);
    const first = `${room}.0`;
    for (let n = 1; ; n++) {
      const name = `${room}.${n}`;
      if (partitionOfName(name) === partitionOfName(first)) return [first, name];
    }
  },
  readNow: (topic) => readWire(bootstrap, topic),
  read: async (topic) => {
    await waitFor(`the transactions in ${topic} to end`, () => settled(topic));
    return readWire(bootstrap, topic);
  },
  written: async (topic) => {
    let written = 0n;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      written += (await ends(bootstrap, topic, partition))?.highWatermark ?? 0n;
    }
    return Number(written);
  },
});

test('open takes less than two seconds where nothing stands in its way', async () => {
  const connector = freshName('quick');
  await createTopics([{ topic: offsetsTopic(connector), numPartitions: OFFSETS_PARTITIONS, configEntries: COMPACTED }]);
  const sink = createKafkaSink(sinkSettings(connector, { bootstrapServers: [bootstrap] }), {
    log: quiet,
    clock: systemClock,
  });
  const startedAt = Date.now();
  await sink.open(IDENTITY, signal);
  const tookMs = Date.now() - startedAt;
  await sink.close();
  assert.ok(tookMs < 2000, `open took ${tookMs} ms`);
});

test('transaction.split=never: one that is too long stops, one that outlived its time-out in a frozen process does not', async () => {
  for (const [lateMs, kind] of [
    [8000, 'transaction-too-long'],
    [11_000, 'fenced'],
  ] as const) {
    let late = 0;
    const connector = freshName('never');
    const settings = { split: 'never', transactionTimeoutMs: 10_000 } as const;
    const sink = createKafkaSink(sinkSettings(connector, { bootstrapServers: [bootstrap] }, settings), {
      log: quiet,
      clock: { ...systemClock, now: () => Date.now() + late },
    });
    await sink.open(IDENTITY, signal);
    await sink.commit(Records.of([numbered(`${connector}.order`, 1)]), { n: 1 }, false);
    await sink.commit(new Records(), { n: 1 }, false);
    late = lateMs;
    await assert.rejects(
      sink.commit(new Records(), { n: 1 }, false),
      (error) => error instanceof MillraceError && error.kind === kind,
    );
    await sink.close();
  }
});

/** No transaction is open in a topic that is there, or it is not there at all. */
async function settled(topic: string): Promise<boolean> {
  const count = await partitionCount(bootstrap, topic);
  for (let partition = 0; partition < count; partition++) {
    const end = await ends(bootstrap, topic, partition);
    if (end === null || end.lastStable !== end.highWatermark) return false;
  }
  return true;
}

async function createTopics(topics: ITopicConfig[]): Promise<void> {
  await admin.createTopics({ topics, waitForLeaders: false });
  for (const { topic, numPartitions } of topics) await topicReady(bootstrap, topic, numPartitions ?? 0);
}
