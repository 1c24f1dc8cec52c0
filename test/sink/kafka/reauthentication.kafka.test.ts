/** Brokers whose SASL sessions end (connections.max.reauth.ms): authenticating again must not disturb what is sent. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Records } from '../../../src/change/records.ts';
import { startKafka } from '../../../src/demo/kafka-server.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createKafkaSink } from '../../../src/sink/kafka/sink.ts';
import { IDENTITY, signal } from '../../contract/sink/suite.ts';
import { sinkSettings } from '../../support/sink-settings.ts';
import { quiet } from '../../support/servers.ts';

const LISTENER = 'listener.name.sasl_plaintext.plain';
const server = await startKafka(() => {}, {
  listeners: ['SASL_PLAINTEXT'],
  properties: {
    [`${LISTENER}.sasl.jaas.config`]:
      'org.apache.kafka.common.security.plain.PlainLoginModule required user_u="pa55word";',
    // kafkajs authenticates again ten seconds before the end; more often than once a second is forbidden.
    [`${LISTENER}.connections.max.reauth.ms`]: 11_500,
    'sasl.enabled.mechanisms': 'PLAIN',
  },
});
after(() => server.dispose());

test('large commits go on while the SASL session is renewed again and again', { timeout: 60_000 }, async () => {
  const kafka = {
    bootstrapServers: [server.listeners['SASL_PLAINTEXT'] ?? ''],
    sasl: { mechanism: 'plain', username: 'u', password: 'pa55word' },
  } as const;
  const sink = createKafkaSink(sinkSettings('renewed', kafka), { log: quiet, clock: systemClock });
  try {
    await sink.open(IDENTITY, signal);
    const value = Buffer.alloc(50_000);
    const records = Records.of(
      Array.from({ length: 200 }, (_, i) => {
        return { topic: 'renewed.order', key: Buffer.from(String(i)), value, headers: [], timestampMs: 0 };
      }),
    );
    const until = Date.now() + 8000;
    let commits = 0;
    for (; Date.now() < until; commits++) await sink.commit(records, { commits }, true);
    assert.ok(commits > 1);
  } finally {
    await sink.close();
  }
});
