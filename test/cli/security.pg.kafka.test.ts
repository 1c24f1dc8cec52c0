/** The kafka.sasl.* and kafka.ssl.* keys, from a connector's file to a broker that forbids what is not allowed. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pem } from '../support/certificates.ts';
import { millrace } from '../support/command.ts';
import { freshOutbox, upTo } from '../support/outbox.ts';
import { PASSWORD, USER, grant, startSecureKafka } from '../support/secure-kafka.ts';
import { waitFor } from '../support/servers.ts';

const server = await startSecureKafka();
after(() => server.dispose());
const folder = mkdtempSync(join(tmpdir(), 'millrace-security-'));
after(() => rmSync(folder, { recursive: true }));

const KEY_PASSWORD = 'pa55word-of-the-key';
const encrypted = createPrivateKey(pem(server.files.key)).export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: KEY_PASSWORD,
});
const store = join(folder, 'keystore.pem');
writeFileSync(store, String(encrypted) + pem(server.files.cert));

test("SCRAM by Kafka's JAAS text, and a client certificate in Kafka's PEM store with an encrypted key", async (t) => {
  const scram = await freshOutbox(
    t,
    {
      'kafka.bootstrap.servers': server.listeners['SASL_SSL'],
      'kafka.security.protocol': 'SASL_SSL',
      'kafka.sasl.mechanism': 'SCRAM-SHA-512',
      'kafka.sasl.jaas.config': `org.apache.kafka.common.security.scram.ScramLoginModule required username="${USER}" password="\${env:KAFKA_PASSWORD}";`,
      'kafka.ssl.truststore.type': 'PEM',
      'kafka.ssl.truststore.location': server.files.ca,
    },
    { brokers: server.bootstrap },
  );
  const mutual = await freshOutbox(
    t,
    {
      'kafka.bootstrap.servers': server.listeners['SSL'],
      'kafka.security.protocol': 'SSL',
      'kafka.ssl.truststore.certificates': pem(server.files.ca),
      'kafka.ssl.keystore.type': 'PEM',
      'kafka.ssl.keystore.location': store,
      'kafka.ssl.key.password': '${env:KEY_PASSWORD}',
    },
    { brokers: server.bootstrap },
  );
  const wrong = await freshOutbox(
    t,
    {
      'kafka.bootstrap.servers': server.listeners['SASL_SSL'],
      'kafka.security.protocol': 'SASL_SSL',
      'kafka.sasl.username': USER,
      'kafka.sasl.password': 'pa55word-not-right',
      'kafka.ssl.ca.location': server.files.ca,
    },
    { brokers: server.bootstrap },
  );
  for (const [{ connector }, principal] of [
    [scram, USER],
    [mutual, 'CN=connector'],
  ] as const) {
    await grant(server.admin, principal, [
      { resource: 'transactional-id', name: `millrace-${connector.name}`, operation: 'WRITE' },
      ...(['READ', 'WRITE', 'CREATE', 'DESCRIBE_CONFIGS'] as const).map(
        (operation) => ({ resource: 'topic', name: connector.name, prefixed: true, operation }) as const,
      ),
    ]);
  }
  for (const { connector } of [scram, mutual, wrong]) {
    writeFileSync(join(folder, `${connector.name}.json`), JSON.stringify(connector));
  }
  const run = millrace(['run', folder, '--http', '127.0.0.1:0'], {
    env: { KAFKA_PASSWORD: PASSWORD, KEY_PASSWORD },
  });
  t.after(() => run.child.kill('SIGKILL'));
  await run.says(new RegExp(`"connector":"${wrong.connector.name}"[^]*"msg":"failed"`));
  await run.says(new RegExp(`"connector":"${scram.connector.name}","msg":"running"`));
  await run.says(new RegExp(`"connector":"${mutual.connector.name}","msg":"running"`));
  await Promise.all([scram.insert(1, 5), mutual.insert(1, 5)]);
  await waitFor('the records of both', async () => {
    const [one, two] = [await scram.numbers(), await mutual.numbers()];
    return one.length >= 5 && two.length >= 5;
  });
  assert.deepEqual([await scram.numbers(), await mutual.numbers()], [upTo(5), upTo(5)]);
  run.child.kill('SIGTERM');
  assert.equal(await run.ended, 1);
  assert.match(run.stderr(), /"level":"error".*"kind":"kafka-rejected"/);
  for (const secret of [PASSWORD, KEY_PASSWORD, 'pa55word-not-right']) assert.ok(!run.stderr().includes(secret));
});
