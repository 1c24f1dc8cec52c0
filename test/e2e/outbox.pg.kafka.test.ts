import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { startMillrace } from '../support/process.ts';
import { type Database, committed, freshDatabase, freshName, kafka, postgres, waitFor } from '../support/servers.ts';

const DDL = readFileSync(new URL('../../sql/postgres/outbox.sql', import.meta.url), 'utf8');

interface Setting {
  readonly db: Database;
  readonly bootstrap: string;
  readonly topic: string;
  readonly offsets: string;
  readonly connector: { name: string; config: Record<string, unknown> };
}

async function setting(t: TestContext, major: 14 | 18 = 18, over: Record<string, unknown> = {}): Promise<Setting> {
  const server = await postgres(major);
  const bootstrap = await kafka();
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(DDL);
  const name = freshName('outbox');
  const offsets = `${name}-offsets`;
  const config = {
    'connector.class': 'postgres',
    'database.hostname': server.host,
    'database.port': server.port,
    'database.user': server.user,
    'database.password': server.password,
    'database.dbname': db.name,
    'table.include.list': 'public\\.outbox',
    transforms: 'o',
    'transforms.o.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.o.route.topic.replacement': `${name}.\${routedByValue}`,
    'transforms.o.table.fields.additional.placement': 'type:header:eventType',
    'kafka.bootstrap.servers': bootstrap,
    'offsets.topic': offsets,
    ...over,
  };
  return { db, bootstrap, topic: `${name}.order`, offsets, connector: { name, config } };
}

function insert(db: Database, from: number, count: number): Promise<unknown> {
  return db.client.query(
    `INSERT INTO outbox SELECT gen_random_uuid(), 'order', (n % 7)::text, 'Created', jsonb_build_object('n', n) FROM generate_series($1::int, $2::int) n`,
    [from, from + count - 1],
  );
}

async function numbers(at: Setting): Promise<number[]> {
  const records = await committed(at.bootstrap, at.topic).catch(() => []);
  const last = new Map<number, number>();
  const all = records.map(({ partition, value }) => {
    const { n } = JSON.parse(String(value)) as { n: number };
    // One writer commits ascending numbers, so a partition, and with it every key, has to ascend.
    assert.ok(n > (last.get(partition) ?? 0), `${n} came after ${last.get(partition)} in partition ${partition}`);
    last.set(partition, n);
    return n;
  });
  return all.sort((a, b) => a - b);
}
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: committed rows arrive once, rolled back ones never, and a restart goes on`, async (t) => {
    const at = await setting(t, major);
    const first = await startMillrace(at.connector);
    t.after(() => first.child.kill('SIGKILL'));
    await first.reaches('running');
    await insert(at.db, 1, 10);
    await at.db.client.query('BEGIN');
    await insert(at.db, 1000, 10);
    await at.db.client.query('ROLLBACK');
    await at.db.client.query('DELETE FROM outbox');
    await insert(at.db, 11, 10);
    await waitFor('20 records', async () => (await numbers(at)).length >= 20);
    first.child.kill('SIGTERM');
    assert.deepEqual(await first.exited, { code: 0, signal: null });
    await insert(at.db, 21, 10);
    const second = await startMillrace(at.connector);
    t.after(() => second.child.kill('SIGKILL'));
    await waitFor('30 records', async () => (await numbers(at)).length >= 30);
    await insert(at.db, 31, 1);
    await waitFor('31 records', async () => (await numbers(at)).length >= 31);
    assert.deepEqual(await numbers(at), upTo(31));
    second.child.kill('SIGTERM');
    await second.exited;
  });
}

test('kill -9 at every named point loses nothing and repeats nothing', { timeout: 300_000 }, async (t) => {
  const at = await setting(t);
  let n = 0;
  const points = [
    'after-claim',
    'after-slot',
    'before-first-position',
    'before-send',
    'after-send',
    'before-commit',
    'after-commit',
    'before-ack',
  ];
  for (const point of [...points, 'before-commit:5', 'after-commit:4', 'after-send:3']) {
    const run = await startMillrace(at.connector, { MILLRACE_FAILPOINT: point });
    const early =
      point.startsWith('after-claim') || point.startsWith('after-slot') || point === 'before-first-position';
    if (early) {
      if (n === 0 || point === 'after-claim') assert.equal((await run.exited).signal, 'SIGKILL');
      else {
        run.child.kill('SIGKILL');
        await run.exited;
      }
      continue;
    }
    let dead = false;
    void run.exited.then(() => {
      dead = true;
    });
    while (!dead) {
      await insert(at.db, n + 1, 3);
      n += 3;
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.ok(n < 100_000, `never reached ${point}`);
    }
    assert.equal((await run.exited).signal, 'SIGKILL');
  }
  const last = await startMillrace(at.connector);
  t.after(() => last.child.kill('SIGKILL'));
  await last.reaches('running');
  // The slot was made in the second run, so everything inserted since is ours.
  await waitFor(`${n} records`, async () => (await numbers(at)).length >= n);
  await insert(at.db, n + 1, 1);
  await waitFor(`${n + 1} records`, async () => (await numbers(at)).length >= n + 1);
  assert.deepEqual(await numbers(at), upTo(n + 1));
  last.child.kill('SIGTERM');
  await last.exited;
});

test('of two instances one works and the other takes over when it is killed', async (t) => {
  const at = await setting(t);
  const first = await startMillrace(at.connector);
  t.after(() => first.child.kill('SIGKILL'));
  await first.reaches('running');
  const second = await startMillrace(at.connector);
  t.after(() => second.child.kill('SIGKILL'));
  await second.reaches('standby');
  await insert(at.db, 1, 50);
  first.child.kill('SIGKILL');
  await second.reaches('running');
  await insert(at.db, 51, 50);
  await waitFor('100 records', async () => (await numbers(at)).length >= 100);
  assert.deepEqual(await numbers(at), upTo(100));
  second.child.kill('SIGTERM');
  await second.exited;
});

test('a slot of unknown origin is refused and left as it is', async (t) => {
  const at = await setting(t, 18, { 'slot.name': freshName('strange') });
  const slot = String(at.connector.config['slot.name']);
  await at.db.client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  const run = await startMillrace(at.connector);
  assert.equal((await run.exited).code, 1);
  assert.match(run.log(), /exists, but Kafka holds no position/);
  const { rows } = await at.db.client.query('SELECT count(*)::int AS n FROM pg_publication');
  assert.deepEqual(rows, [{ n: 0 }]);
});

test('a busy table that is not captured does not hold the log back', async (t) => {
  const at = await setting(t);
  const run = await startMillrace(at.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  await at.db.client.query('CREATE TABLE busy (id uuid, filler text)');
  const { rows } = await at.db.client.query<{ lsn: string }>(
    `WITH filled AS (INSERT INTO busy SELECT $1::uuid, repeat('x', 1000) FROM generate_series(1, 20000) RETURNING 1)
     SELECT pg_current_wal_insert_lsn()::text AS lsn FROM filled LIMIT 1`,
    [randomUUID()],
  );
  await waitFor('the slot to move past the busy table', async () => {
    const slot = await at.db.client.query<{ ok: boolean }>(
      'SELECT confirmed_flush_lsn >= $1::pg_lsn AS ok FROM pg_replication_slots WHERE database = current_database()',
      [rows[0]?.lsn],
    );
    return slot.rows[0]?.ok === true;
  });
  run.child.kill('SIGTERM');
  await run.exited;
});

test('rows of a partitioned outbox arrive under the name of the table', async (t) => {
  const at = await setting(t);
  await at.db.client.query(
    `DROP TABLE outbox;
     CREATE TABLE outbox (id uuid, aggregatetype text, aggregateid text, type text, payload jsonb) PARTITION BY HASH (aggregateid);
     CREATE TABLE outbox_a PARTITION OF outbox FOR VALUES WITH (MODULUS 2, REMAINDER 0);
     CREATE TABLE outbox_b PARTITION OF outbox FOR VALUES WITH (MODULUS 2, REMAINDER 1);`,
  );
  const run = await startMillrace(at.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  await insert(at.db, 1, 20);
  await waitFor('20 records', async () => (await numbers(at)).length >= 20);
  assert.deepEqual(await numbers(at), upTo(20));
  run.child.kill('SIGTERM');
  await run.exited;
});
