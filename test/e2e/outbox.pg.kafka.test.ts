import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { freshOutbox, upTo } from '../support/outbox.ts';
import { startMillrace } from '../support/process.ts';
import { freshName, waitFor } from '../support/servers.ts';

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: committed rows arrive once, rolled back ones never, and a restart goes on`, async (t) => {
    const at = await freshOutbox(t, {}, { major });
    const first = await startMillrace(at.connector);
    t.after(() => first.child.kill('SIGKILL'));
    await first.reaches('running');
    await at.insert(1, 10);
    await at.db.client.query('BEGIN');
    await at.insert(1000, 10);
    await at.db.client.query('ROLLBACK');
    await at.db.client.query('DELETE FROM outbox');
    await at.insert(11, 10);
    await waitFor('20 records', async () => (await at.numbers()).length >= 20);
    first.child.kill('SIGTERM');
    assert.deepEqual(await first.exited, { code: 0, signal: null });
    await at.insert(21, 10);
    const second = await startMillrace(at.connector);
    t.after(() => second.child.kill('SIGKILL'));
    await waitFor('30 records', async () => (await at.numbers()).length >= 30);
    await at.insert(31, 1);
    await waitFor('31 records', async () => (await at.numbers()).length >= 31);
    assert.deepEqual(await at.numbers(), upTo(31));
    second.child.kill('SIGTERM');
    await second.exited;
  });
}

test('kill -9 at every named point loses nothing and repeats nothing', { timeout: 300_000 }, async (t) => {
  const at = await freshOutbox(t);
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
      await at.insert(n + 1, 3);
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
  await waitFor(`${n} records`, async () => (await at.numbers()).length >= n);
  await at.insert(n + 1, 1);
  await waitFor(`${n + 1} records`, async () => (await at.numbers()).length >= n + 1);
  assert.deepEqual(await at.numbers(), upTo(n + 1));
  last.child.kill('SIGTERM');
  await last.exited;
});

test('of two instances one works and the other takes over when it is killed', async (t) => {
  const at = await freshOutbox(t);
  const first = await startMillrace(at.connector);
  t.after(() => first.child.kill('SIGKILL'));
  await first.reaches('running');
  const second = await startMillrace(at.connector);
  t.after(() => second.child.kill('SIGKILL'));
  await second.reaches('standby');
  await at.insert(1, 50);
  first.child.kill('SIGKILL');
  await second.reaches('running');
  await at.insert(51, 50);
  await waitFor('100 records', async () => (await at.numbers()).length >= 100);
  assert.deepEqual(await at.numbers(), upTo(100));
  second.child.kill('SIGTERM');
  await second.exited;
});

test('a slot of unknown origin is refused and left as it is', async (t) => {
  const at = await freshOutbox(t, { 'slot.name': freshName('strange') });
  const slot = String(at.connector.config['slot.name']);
  await at.db.client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  const run = await startMillrace(at.connector);
  assert.equal((await run.exited).code, 1);
  assert.match(run.log(), /exists, but Kafka holds no position/);
  const { rows } = await at.db.client.query('SELECT count(*)::int AS n FROM pg_publication');
  assert.deepEqual(rows, [{ n: 0 }]);
});

test('a busy table that is not captured does not hold the log back', async (t) => {
  const at = await freshOutbox(t);
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
  const at = await freshOutbox(t);
  await at.db.client.query(
    `DROP TABLE outbox;
     CREATE TABLE outbox (id uuid, aggregatetype text, aggregateid text, type text, payload jsonb) PARTITION BY HASH (aggregateid);
     CREATE TABLE outbox_a PARTITION OF outbox FOR VALUES WITH (MODULUS 2, REMAINDER 0);
     CREATE TABLE outbox_b PARTITION OF outbox FOR VALUES WITH (MODULUS 2, REMAINDER 1);`,
  );
  const run = await startMillrace(at.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  await at.insert(1, 20);
  await waitFor('20 records', async () => (await at.numbers()).length >= 20);
  assert.deepEqual(await at.numbers(), upTo(20));
  run.child.kill('SIGTERM');
  await run.exited;
});
