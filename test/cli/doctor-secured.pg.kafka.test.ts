/** `millrace doctor` where servers let in only some: TLS, SASL, ACLs, pg_hba.conf, and addresses that lead nowhere. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import pg from 'pg';
import { freePort } from '../../src/demo/free-port.ts';
import { startPostgres } from '../../src/demo/postgres-server.ts';
import { makeCertificates, pem } from '../support/certificates.ts';
import { Patient } from '../support/patient.ts';
import { PASSWORD, USER, grant, startSecureKafka } from '../support/secure-kafka.ts';
import { waitFor } from '../support/servers.ts';

const away = `127.0.0.1:${await freePort()}`;
const kafka = await startSecureKafka({ advertised: { SSL: away } });
after(() => kafka.dispose());
const patient = await Patient.create({ brokers: kafka.bootstrap });
after(() => patient.dispose());

const sasl = {
  'kafka.security.protocol': 'SASL_PLAINTEXT',
  'kafka.bootstrap.servers': kafka.listeners['SASL_PLAINTEXT'],
  'kafka.sasl.mechanism': 'SCRAM-SHA-512',
  'kafka.sasl.username': USER,
  'kafka.sasl.password': PASSWORD,
};
const saslSsl = {
  ...sasl,
  'kafka.security.protocol': 'SASL_SSL',
  'kafka.bootstrap.servers': kafka.listeners['SASL_SSL'],
  'kafka.ssl.ca.location': kafka.files.ca,
};

for (const [what, over, expected] of [
  [
    'the wrong password',
    { ...sasl, 'kafka.sasl.password': 'no-such-pa55word' },
    /does not accept the user "connector" with the password/,
  ],
  [
    'the wrong password with PLAIN',
    { ...sasl, 'kafka.sasl.mechanism': 'PLAIN', 'kafka.sasl.password': 'no-such-pa55word' },
    /does not accept the user "connector" with the password/,
  ],
  [
    'no login where one is asked for',
    { 'kafka.bootstrap.servers': kafka.listeners['SASL_PLAINTEXT'] },
    /ends the connection of whoever does not log in: that port wants SASL/,
  ],
  [
    'no TLS where it is asked for',
    { ...sasl, 'kafka.bootstrap.servers': kafka.listeners['SASL_SSL'] },
    /is a port that wants TLS, and the configuration has none/,
  ],
  [
    'TLS where there is none',
    { ...saslSsl, 'kafka.bootstrap.servers': kafka.listeners['SASL_PLAINTEXT'] },
    /is a port without TLS/,
  ],
  [
    'an authority that did not sign',
    { ...saslSsl, 'kafka.ssl.ca.location': kafka.files.stranger },
    /certificate is not trusted: the authority that signed it is not known here/,
  ],
  [
    'no client certificate',
    {
      'kafka.security.protocol': 'SSL',
      'kafka.bootstrap.servers': kafka.listeners['SSL'],
      'kafka.ssl.ca.location': kafka.files.ca,
    },
    /wants a client certificate/,
  ],
] as const) {
  test(`Kafka: ${what}`, async () => {
    const examined = await patient.examine(over);
    const [first] = examined.diagnoses;
    assert.equal(`${first?.level} ${first?.area}`, 'broken kafka');
    assert.match(first?.text ?? '', expected);
    assert.ok(!examined.output.includes('no-such-pa55word') && !examined.output.includes(PASSWORD));
  });
}

test('the bootstrap server can be reached, and the address that the broker advertises cannot', async () => {
  const examined = await patient.examine({
    'kafka.security.protocol': 'SSL',
    'kafka.bootstrap.servers': kafka.listeners['SSL'],
    'kafka.ssl.ca.location': kafka.files.ca,
    'kafka.ssl.certificate.location': kafka.files.cert,
    'kafka.ssl.key.location': kafka.files.key,
  });
  const [first] = examined.diagnoses;
  assert.equal(first?.level, 'broken');
  assert.ok(
    first?.text.startsWith(
      `the brokers say that broker 1 is to be reached at ${away} (advertised.listeners), and it is not: nothing listens`,
    ),
    first?.text,
  );
  assert.match(first?.remedy ?? '', /correct advertised\.listeners in server\.properties of broker 1/);
});

test('Kafka: rights one after the other, until none is missing', async () => {
  await patient.hasWorked();
  const name = patient.outbox.connector.name;
  const topic = (operation: 'READ' | 'WRITE' | 'CREATE' | 'DESCRIBE_CONFIGS', of: string) =>
    ({ resource: 'topic', name: of, operation }) as const;
  const texts = async (): Promise<string> =>
    (await patient.examine(sasl)).diagnoses.map(({ level, area, text }) => `${level} ${area}: ${text}`).join('\n');
  const blind = await texts();
  assert.match(blind, /^broken rights: .*offsets/m);
  assert.match(blind, /^broken rights: .*transactional\.id/m);
  await grant(kafka.admin, USER, [topic('WRITE', `${name}-offsets`), topic('DESCRIBE_CONFIGS', `${name}-offsets`)]);
  assert.match(await texts(), /^broken rights: Kafka's ACLs do not allow READ on offsets topic/m);
  await grant(kafka.admin, USER, [
    topic('READ', `${name}-offsets`),
    topic('READ', patient.outbox.topic),
    { resource: 'transactional-id', name: `millrace-${name}`, operation: 'WRITE' },
  ]);
  const unwritable = await texts();
  assert.match(unwritable, /^broken rights: Kafka's ACLs do not allow WRITE on topic ".*\.order"/m);
  assert.doesNotMatch(unwritable, /rights: .*transactional/);
  await grant(kafka.admin, USER, [
    topic('WRITE', patient.outbox.topic),
    { resource: 'topic', name: `${name}.`, prefixed: true, operation: 'CREATE' },
  ]);
  const all = await patient.examine(sasl);
  assert.deepEqual(
    all.diagnoses.filter(({ level }) => level === 'broken').map(({ area }) => area),
    ['lease'],
  );
});

test('PostgreSQL: certificates, pg_hba.conf, and a log level that decodes nothing', { timeout: 60_000 }, async (t) => {
  const certificates = makeCertificates();
  t.after(() => certificates.dispose());
  const folder = mkdtempSync(join(tmpdir(), 'millrace-doctor-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const key = pem(certificates.sign('expired').key);
  writeFileSync(join(folder, 'key'), key);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  openssl('req', '-new', '-key', 'key', '-subj', '/CN=expired', '-out', 'csr');
  // A day that is over: other ways to date a certificate back are not in every openssl.
  openssl('x509', '-req', '-in', 'csr', '-signkey', 'key', '-days', '-1', '-out', 'crt');
  const server = await startPostgres({
    settings: ['ssl=on', 'wal_level=replica', 'max_wal_senders=1'],
    files: {
      'server.crt': readFileSync(join(folder, 'crt'), 'utf8'),
      'server.key': key,
      'pg_hba.conf': 'hostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all scram-sha-256\n',
    },
  });
  t.after(() => server.dispose());
  const over = { 'database.hostname': server.host, 'database.port': server.port, 'database.dbname': 'postgres' };
  const first = async (more: Readonly<Record<string, unknown>>): Promise<string> => {
    const [worst] = (await patient.examine({ ...over, ...more })).diagnoses;
    return `${worst?.level} ${worst?.area}: ${worst?.text}; ${worst?.remedy}`;
  };
  assert.match(
    await first({ 'database.sslmode': 'verify-ca', 'database.sslrootcert': join(folder, 'crt') }),
    /^broken database: .*certificate has expired/,
  );
  assert.match(
    await first({ 'database.sslmode': 'disable' }),
    /^broken database: .*pg_hba\.conf of the server does not let us in: .*no encryption.*hostssl/,
  );
  assert.match(
    await first({ 'database.sslmode': 'require' }),
    /^broken server: wal_level is "replica" .*expected "logical".*ALTER SYSTEM SET wal_level = logical/,
  );
});

test('PostgreSQL: every walsender in use, a slot that is lost, a prepared transaction', {
  timeout: 90_000,
}, async (t) => {
  const server = await startPostgres({
    settings: [
      'max_wal_senders=1',
      'max_prepared_transactions=2',
      'max_slot_wal_keep_size=16MB',
      'min_wal_size=32MB',
      'max_wal_size=48MB',
      'wal_sender_timeout=5s',
    ],
  });
  const one = await Patient.create({ brokers: kafka.bootstrap, server });
  t.after(async () => {
    await one.dispose();
    await server.dispose();
  });
  await one.hasWorked();
  const { client } = one.outbox.db;
  const said = async (): Promise<string> =>
    (await one.examine()).diagnoses.map(({ level, area, text }) => `${level} ${area}: ${text}`).join('\n');
  await client.query(
    "BEGIN; INSERT INTO outbox VALUES (gen_random_uuid(), 'order', '1', 'Created', '{}'); PREPARE TRANSACTION 'forgotten'",
  );
  const taker = new pg.Client({
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database: 'postgres',
    replication: 'database',
    application_name: 'backup',
  } as pg.ClientConfig);
  await taker.connect();
  const full = await said();
  assert.match(full, /^broken server: all 1 of max_wal_senders are in use, by \d+ "backup"/m);
  assert.match(full, /^warning server: wal_sender_timeout is 5000 ms/m);
  await taker.end();
  await client.query("ROLLBACK PREPARED 'forgotten'");
  for (let i = 0; i < 8; i++) {
    await client.query(
      "SELECT pg_logical_emit_message(false, 'x', repeat('x', 4000000)); SELECT pg_switch_wal(); CHECKPOINT",
    );
    const now = await said();
    if (/^broken slot: slot ".*" is lost: the server removed log it needed/m.test(now)) return;
    if (i === 0) assert.match(now, /^(warning|ok) slot: slot/m);
  }
  await waitFor('the slot to be lost', async () => /^broken slot: .*is lost/m.test(await said()));
});
