/** The whole program against a secured Kafka: SASL over TLS with the password from the environment. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, after, test } from 'node:test';
import { readWire, textOf } from '../support/kafka-wire.ts';
import { startMillrace } from '../support/process.ts';
import { PASSWORD, type Right, USER, grant, startSecureKafka } from '../support/secure-kafka.ts';
import { type Database, freshDatabase, freshName, postgres, waitFor } from '../support/servers.ts';

const DDL = readFileSync(new URL('../../sql/postgres/outbox.sql', import.meta.url), 'utf8');
const kafka = await startSecureKafka();
after(() => kafka.dispose());

interface Setting {
  readonly db: Database;
  readonly topic: string;
  readonly connector: { readonly name: string; readonly config: Readonly<Record<string, unknown>> };
}

async function setting(t: TestContext): Promise<Setting> {
  const server = await postgres();
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(DDL);
  const name = freshName('secured');
  const all: Omit<Right, 'operation'> = { resource: 'topic', name, prefixed: true };
  await grant(kafka.admin, USER, [
    { resource: 'transactional-id', name: `millrace-${name}`, operation: 'WRITE' },
    ...(['READ', 'WRITE', 'CREATE', 'DESCRIBE_CONFIGS'] as const).map((operation) => ({ ...all, operation })),
  ]);
  const config = {
    'connector.class': 'postgres',
    'database.hostname': server.host,
    'database.port': server.port,
    'database.user': server.user,
    'database.password': server.password,
    'database.dbname': db.name,
    'table.include.list': 'public\\.outbox',
    transforms: 'o',
    'transforms.o.type': 'outbox',
    'transforms.o.route.topic.replacement': `${name}.\${routedByValue}`,
    'offsets.topic': `${name}-offsets`,
    'kafka.bootstrap.servers': kafka.listeners['SASL_SSL'],
    'kafka.security.protocol': 'SASL_SSL',
    'kafka.sasl.mechanism': 'SCRAM-SHA-512',
    'kafka.sasl.username': USER,
    'kafka.sasl.password': '${env:TEST_KAFKA_PASSWORD}',
    'kafka.ssl.ca.location': kafka.files.ca,
  };
  return { db, topic: `${name}.order`, connector: { name, config } };
}

test('with the right credentials events arrive, and the password is in no log line', {
  timeout: 120_000,
}, async (t) => {
  const at = await setting(t);
  const run = await startMillrace(at.connector, { TEST_KAFKA_PASSWORD: PASSWORD });
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  await at.db.client.query(`INSERT INTO outbox SELECT gen_random_uuid(), 'order', '1', 'Created', '{"n": 1}'`);
  const records = await waitFor('the event', async () => {
    const seen = await readWire(kafka.bootstrap, at.topic);
    return seen.length > 0 ? seen : null;
  });
  assert.deepEqual(records.map(textOf), ['{"n": 1}']);
  run.child.kill('SIGTERM');
  assert.equal((await run.exited).code, 0);
  assert.ok(!run.log().includes(PASSWORD), run.log());
});

test('with a wrong password the connector fails at once, says why, and keeps the secret', {
  timeout: 120_000,
}, async (t) => {
  const at = await setting(t);
  const run = await startMillrace(at.connector, { TEST_KAFKA_PASSWORD: 'pa55word-wrong' });
  t.after(() => run.child.kill('SIGKILL'));
  assert.equal((await run.exited).code, 1);
  const line = run
    .log()
    .split('\n')
    .find((each) => each.includes('"kafka-rejected"'));
  assert.match(line ?? '', /authentication/i);
  assert.ok(!run.log().includes('pa55word-wrong') && !run.log().includes(PASSWORD), run.log());
  const slots = await at.db.client.query('SELECT 1 FROM pg_replication_slots WHERE database = current_database()');
  assert.equal(slots.rows.length, 0, 'nothing was created in the database');
});
