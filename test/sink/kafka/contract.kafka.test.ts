import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ITopicConfig } from 'kafkajs';
import { createKafka } from '../../../src/kafka/client.ts';
import { partitionOf } from '../../../src/kafka/partition.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createKafkaSink } from '../../../src/sink/kafka/sink.ts';
import { sinkContract } from '../../contract/sink.ts';
import { IDENTITY, signal } from '../../contract/sink/suite.ts';
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
