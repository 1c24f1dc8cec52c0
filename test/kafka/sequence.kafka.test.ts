/** Sequence numbers where they end: what kafkajs gets wrong (kafkajs.test.ts), against a broker that counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Records } from '../../src/change/records.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { closeCluster, openCluster } from '../../src/kafka/cluster.ts';
import { PartitionTarget, openWriter } from '../../src/kafka/writer.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { numbered, several, signal } from '../contract/sink/suite.ts';
import { readWire, textOf, topicReady } from '../support/kafka-wire.ts';
import { freshName, kafka, quiet, waitFor } from '../support/servers.ts';

test('our sequence numbers pass 2^31 inside a batch and between transactions, and the broker takes every record', async (t) => {
  const bootstrap = await kafka();
  const topic = freshName('sequence');
  const client = createKafka({ bootstrapServers: [bootstrap], clientId: 'test', sasl: null, tls: null }, quiet);
  const admin = client.admin();
  await admin.connect();
  t.after(() => admin.disconnect());
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: false });
  await topicReady(bootstrap, topic, 1);
  const cluster = await openCluster(client);
  t.after(() => closeCluster(cluster));
  const options = { transactionalId: topic, timeoutMs: 60_000, clientId: 'test', clock: systemClock, signal };
  const writer = await openWriter(cluster, options);
  const target = new PartitionTarget({ topic, partition: 0, leader: 1, maxBatchBytes: 1_000_000 });
  // A broker takes the first number of a new producer as it comes, and from there counts along.
  target.sequence = 2 ** 31 - 10;
  const commit = async (records: ReturnType<typeof several>): Promise<void> => {
    writer.begin(target);
    await writer.send(
      Records.of(records),
      records.map(() => target),
    );
    await writer.commit();
  };
  await commit(several(topic, 1, 5));
  await commit(several(topic, 6, 10));
  assert.equal(target.sequence, 5);
  await commit([numbered(topic, 16)]);
  target.sequence = 2 ** 31 - 1;
  await assert.rejects(commit([numbered(topic, 666)]), 'a broker that did not count would take this too');
  await writer.close();
  const seen = await waitFor('the records', async () => {
    const records = await readWire(bootstrap, topic);
    return records.length >= 16 ? records.map(textOf) : null;
  });
  assert.deepEqual(
    seen,
    Array.from({ length: 16 }, (_, i) => String(i + 1)),
  );
});
