/** Brokers that compress whatever they are sent: what is stored has to stay readable. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Records } from '../../../src/change/records.ts';
import { startKafka } from '../../../src/demo/kafka-server.ts';
import { MillraceError } from '../../../src/errors.ts';
import { createKafka } from '../../../src/kafka/client.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createKafkaSink } from '../../../src/sink/kafka/sink.ts';
import type { Sink } from '../../../src/sink/sink.ts';
import { IDENTITY, numbered, signal } from '../../contract/sink/suite.ts';
import { readWire, textOf, topicReady } from '../../support/kafka-wire.ts';
import { sinkSettings } from '../../support/sink-settings.ts';
import { quiet } from '../../support/servers.ts';

const server = await startKafka(() => {}, { properties: { 'compression.type': 'zstd' } });
after(() => server.dispose());
const kafka = { bootstrapServers: [server.bootstrap] };
const create = (name: string): Sink => createKafkaSink(sinkSettings(name, kafka), { log: quiet, clock: systemClock });

test('the offsets topic is not compressed by brokers that compress everything else', async () => {
  const position = { lsn: '0/1' };
  let sink = create('own');
  await sink.open(IDENTITY, signal);
  await sink.commit(Records.of([numbered('own.order', 1)]), position, true);
  await sink.close();
  sink = create('own');
  assert.deepEqual((await sink.open(IDENTITY, signal)).position, position);
  await sink.close();
  assert.deepEqual((await readWire(server.bootstrap, 'own.order')).map(textOf), ['1']);
});

test('an offsets topic that they do compress is refused with the remedy', async () => {
  const admin = createKafka({ ...kafka, clientId: 'test', sasl: null, tls: null }, quiet).admin();
  await admin.connect();
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'given-offsets', configEntries }] });
  await admin.disconnect();
  await topicReady(server.bootstrap, 'given-offsets', 3);
  const sink = create('given');
  await assert.rejects(
    sink.open(IDENTITY, signal),
    (error) =>
      error instanceof MillraceError && error.kind === 'refused' && error.message.endsWith('compression.type=producer'),
  );
  await sink.close();
});
