/** Heartbeats: records in their topic, and statements that keep the log of a quiet database going. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshOutbox } from '../support/outbox.ts';
import { startMillrace } from '../support/process.ts';
import { committed, waitFor } from '../support/servers.ts';
import { freshTables } from '../support/tables.ts';

const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';
const TABLES = 'CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE beats (n int PRIMARY KEY, at timestamptz)';

test('heartbeat records are those of Debezium, schemas included, also while nothing at all happens in the database', async (t) => {
  const at = await freshTables(t, TABLES);
  const connector = at.connector({
    'heartbeat.interval.ms': 300,
    'key.converter': JSON_CONVERTER,
    'value.converter': JSON_CONVERTER,
  });
  const before = Date.now();
  const run = await at.run(connector);
  const topic = `__debezium-heartbeat.${connector.name}`;
  const records = await waitFor('three heartbeats', async () => {
    const all = await committed(at.bootstrap, topic).catch(() => []);
    return all.length >= 3 && all;
  });
  const field = (name: string, type: string): string => `{"type":"${type}","optional":false,"field":"${name}"}`;
  const schema = (name: string, of: string): string =>
    `{"type":"struct","fields":[${of}],"optional":false,"name":"io.debezium.connector.common.${name}","version":1}`;
  let last = before;
  for (const { key, value, partition, headers } of records) {
    assert.equal(
      String(key),
      `{"schema":${schema('ServerNameKey', field('serverName', 'string'))},"payload":{"serverName":"${connector.name}"}}`,
    );
    const ms = Number(/"ts_ms":(\d+)/.exec(String(value))?.[1]);
    assert.equal(String(value), `{"schema":${schema('Heartbeat', field('ts_ms', 'int64'))},"payload":{"ts_ms":${ms}}}`);
    assert.ok(ms >= last && ms <= Date.now(), `${ms} follows ${last}`);
    last = ms;
    assert.equal(partition, 0);
    assert.deepEqual(headers, {});
  }
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.log());
});

test('heartbeats pass an outbox router, and their topic may have a name of its own', async (t) => {
  const outbox = await freshOutbox(t, { 'heartbeat.interval.ms': 200 });
  const { name, config } = outbox.connector;
  const run = await startMillrace({ name, config: { ...config, 'topic.heartbeat.name': `${name}-alive` } });
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  for (let first = 1; first <= 40; first += 10) await outbox.insert(first, 10);
  const beats = await waitFor('two heartbeats', async () => {
    const all = await committed(outbox.bootstrap, `${name}-alive`).catch(() => []);
    return all.length >= 2 && all;
  });
  assert.equal(String(beats[0]?.key), `{"serverName":"${name}"}`);
  assert.match(String(beats[0]?.value), /^\{"ts_ms":\d{13}\}$/);
  await waitFor('the rows', async () => (await outbox.numbers()).length === 40);
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.log());
});

test('the action query is executed while this instance works, its rows are events, and what fails is said once', async (t) => {
  const at = await freshTables(t, TABLES);
  const connector = at.connector({
    'table.include.list': 'public\\.beats',
    'heartbeat.interval.ms': 200,
    'topic.delimiter': '-',
    'provide.transaction.metadata': true,
    'heartbeat.action.query': 'INSERT INTO beats SELECT count(*), now() FROM beats',
  });
  const run = await at.run(connector);
  const topic = `${connector.name}-public-beats`;
  await waitFor('two rows of it', async () => (await at.read(topic)).length >= 2);
  await at.db.client.query('ALTER TABLE beats RENAME TO away');
  await waitFor('the warning', async () => run.log().includes('could not be written into the database'));
  await at.db.client.query('ALTER TABLE away RENAME TO beats');
  const seen = (await at.read(topic)).length;
  await waitFor('a row after that', async () => (await at.read(topic)).length > seen);
  assert.equal(run.log().match(/could not be written into the database/g)?.length, 1, run.log());
  assert.match(run.log(), /relation \\"beats\\" does not exist/);
  for (const other of [`__debezium-heartbeat-${connector.name}`, `${connector.name}-transaction`])
    assert.ok((await at.read(other)).length > 0, other);
  const { rows } = await at.db.client.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'millrace heartbeat%'",
  );
  assert.equal(rows[0]?.n, 1, 'one session');
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.log());
});

test('a heartbeat message needs no table, moves the slot on and becomes no event, and lists choose among the others', async (t) => {
  const at = await freshTables(t, TABLES);
  const connector = at.connector({
    'heartbeat.interval.ms': 200,
    'heartbeat.message.prefix': 'millrace-heartbeat',
    'message.prefix.include.list': 'millrace.*,ORDERS\\..*',
  });
  const run = await at.run(connector);
  const confirmed = async (): Promise<string> => {
    const { rows } = await at.db.client.query<{ lsn: string }>(
      'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE database = current_database()',
    );
    return rows[0]?.lsn ?? '';
  };
  const first = await confirmed();
  await waitFor('the slot to move', async () => (await confirmed()) !== first);
  for (const prefix of ['orders.new', 'other', 'orders', 'millrace-heartbeat'])
    for (const transactional of [true, false])
      await at.db.client.query('SELECT pg_logical_emit_message($1, $2, $3)', [transactional, prefix, prefix]);
  await at.db.client.query('INSERT INTO orders VALUES (1)');
  await waitFor('the row behind them', async () => (await at.read(`${connector.name}.public.orders`)).length === 1);
  assert.deepEqual(
    (await at.read(`${connector.name}.message`)).map(({ key }) => key),
    [{ prefix: 'orders.new' }, { prefix: 'orders.new' }],
  );
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.log());
});

test('a statement that hangs is ended by its time-out, is alone, keeps nothing waiting, and does not hold up the end', {
  timeout: 60_000,
}, async (t) => {
  const at = await freshTables(t, TABLES);
  const connector = at.connector({
    'table.include.list': 'public\\.orders',
    'heartbeat.interval.ms': 100,
    'heartbeat.action.query': 'SELECT pg_sleep(1000)',
  });
  const run = await at.run(connector);
  const sleeping = async (): Promise<number> => {
    const { rows } = await at.db.client.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query = 'SELECT pg_sleep(1000)' AND state = 'active'",
    );
    return rows[0]?.n ?? 0;
  };
  await waitFor('the statement', async () => (await sleeping()) > 0);
  await at.db.client.query('INSERT INTO orders VALUES (1)');
  await waitFor('the row', async () => (await at.read(`${connector.name}.public.orders`)).length === 1);
  assert.equal(await sleeping(), 1);
  await waitFor('the time-out', async () => run.log().includes('canceling statement due to statement timeout'));
  await waitFor('the next try', async () => (await sleeping()) === 1);
  const asked = Date.now();
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.log());
  assert.ok(Date.now() - asked < 3000, `it took ${Date.now() - asked} ms`);
});
