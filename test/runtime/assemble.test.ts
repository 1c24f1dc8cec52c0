import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MillraceError } from '../../src/errors.ts';
import { kafkaSettings } from '../../src/runtime/assemble.ts';
import { connectorConfig } from '../support/connector-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-pem-'));
after(() => rmSync(folder, { recursive: true }));
const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('how to reach Kafka: brokers, SASL, and PEM files as they are now', () => {
  const ca = file('ca.pem', CERTIFICATE);
  const config = connectorConfig('c', {
    'kafka.bootstrap.servers': 'a:1, b:2',
    'kafka.security.protocol': 'SASL_SSL',
    'kafka.sasl.mechanism': 'SCRAM-SHA-256',
    'kafka.sasl.username': 'u',
    'kafka.sasl.password': 'pa55word',
    'kafka.ssl.truststore.location': ca,
  });
  assert.deepEqual(kafkaSettings(config), {
    bootstrapServers: ['a:1', 'b:2'],
    clientId: 'millrace',
    sasl: { mechanism: 'scram-sha-256', username: 'u', password: 'pa55word' },
    tls: { ca: CERTIFICATE, cert: null, key: null },
  });
  file('ca.pem', 'renewed');
  assert.equal(kafkaSettings(config).tls?.ca, 'renewed', 'read at each start of a run');
  rmSync(ca);
  assert.throws(
    () => kafkaSettings(config),
    (error) =>
      error instanceof MillraceError &&
      error.kind === 'config' &&
      /cannot read a kafka.ssl file: ENOENT/.test(error.message),
  );
});

test('an encrypted key, also beside its certificate in one file, is decrypted with kafka.ssl.key.password', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const encrypted = String(
    privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hunter2' }),
  );
  const over = {
    'kafka.security.protocol': 'SSL',
    'kafka.ssl.keystore.location': file('store.pem', CERTIFICATE + encrypted),
  };
  const settings = kafkaSettings(connectorConfig('c', { ...over, 'kafka.ssl.key.password': 'hunter2' }));
  assert.ok(createPrivateKey(settings.tls?.key ?? '').equals(privateKey));
  assert.ok(settings.tls?.cert?.startsWith(CERTIFICATE));
  assert.throws(
    () => kafkaSettings(connectorConfig('c', { ...over, 'kafka.ssl.key.password': 'pa55word-wrong' })),
    (error) =>
      error instanceof MillraceError &&
      /cannot be read with kafka.ssl.key.password/.test(error.message) &&
      !error.message.includes('pa55word-wrong'),
  );
});
