import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMillrace } from '../support/process.ts';
import { OUTBOX_DDL } from '../support/postgres-source.ts';
import { freshDatabase, freshName, kafka, postgres, waitFor } from '../support/servers.ts';

test('SIGTERM ends Millrace within 5 s while the creation of its slot hangs, and nothing is left behind', async (t) => {
  const server = await postgres();
  const name = freshName('hanging');
  const db = await freshDatabase(server);
  const other = await freshDatabase(server);
  t.after(async () => {
    await other.client.query('ROLLBACK');
    await other.drop();
    await db.drop();
  });
  await db.client.query(OUTBOX_DDL);
  await other.client.query('BEGIN');
  await other.client.query('SELECT pg_current_xact_id()');
  const connector = {
    name,
    config: {
      'connector.class': 'postgres',
      'database.hostname': server.host,
      'database.port': server.port,
      'database.user': server.user,
      'database.password': server.password,
      'database.dbname': db.name,
      'table.include.list': 'public\\.outbox',
      transforms: 'outbox',
      'transforms.outbox.type': 'outbox',
      'kafka.bootstrap.servers': await kafka(),
      'offsets.topic': `${name}-offsets`,
    },
  };
  const first = await startMillrace(connector);
  t.after(() => first.child.kill('SIGKILL'));
  const creating = "FROM pg_stat_activity WHERE application_name = 'millrace/slot' AND datname = current_database()";
  await waitFor('the creation to hang', async () => {
    const { rows } = await db.client.query(`SELECT ${creating} AND wait_event_type = 'Lock'`);
    return rows.length === 1;
  });
  const toldAt = Date.now();
  first.child.kill('SIGTERM');
  assert.deepEqual(await first.exited, { code: 0, signal: null });
  assert.ok(Date.now() - toldAt < 5000, `it took ${Date.now() - toldAt} ms`);
  const left = await db.client.query(
    `SELECT 1 FROM pg_replication_slots WHERE database = current_database() UNION ALL SELECT 1 ${creating}`,
  );
  assert.equal(left.rows.length, 0);
  await other.client.query('ROLLBACK');
  const second = await startMillrace(connector);
  t.after(() => second.child.kill('SIGKILL'));
  await second.reaches('running');
  second.child.kill('SIGTERM');
  assert.deepEqual(await second.exited, { code: 0, signal: null });
});
