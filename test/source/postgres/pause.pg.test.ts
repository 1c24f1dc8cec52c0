import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fragment } from '../../../src/change/fragment.ts';
import { createPostgresSource } from '../../../src/source/postgres/source.ts';
import { OUTBOX_DDL, opened, sourceContext, sourceSettings } from '../../support/postgres-source.ts';
import { freshDatabase, postgres, waitFor } from '../../support/servers.ts';

const ROWS = 20_000;

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: a stream that nobody reads stays alive beyond wal_sender_timeout and confirms no more than was acknowledged`, async (t) => {
    const server = await postgres(major);
    const db = await freshDatabase(server);
    await db.client.query(OUTBOX_DDL);
    await db.client.query(`ALTER DATABASE ${db.name} SET wal_sender_timeout = '2s'`);
    const settings = sourceSettings(server, db.name);
    const source = createPostgresSource(settings, sourceContext());
    const controller = new AbortController();
    t.after(async () => {
      controller.abort(new Error('the test ends'));
      await source.close();
      await db.drop();
    });
    await source.acquire(controller.signal);
    const start = await source.prepare(opened(), controller.signal);
    await db.client.query(
      `INSERT INTO outbox SELECT gen_random_uuid(), 'order', n::text, 'Created', to_jsonb(repeat('x', 500)) FROM generate_series(1, ${ROWS}) n`,
    );
    const reader = source.read(start, controller.signal)[Symbol.asyncIterator]();
    const fragments: Fragment[] = [];
    const take = async (): Promise<void> => {
      const { value, done } = await reader.next();
      assert.ok(done !== true);
      fragments.push(...value);
    };
    while (!fragments.some(({ changes }) => changes.length > 0)) await take();
    const slot = async (): Promise<{ pid: number | null; confirmed: string }> => {
      const { rows } = await db.client.query<{ pid: number | null; confirmed: string }>(
        'SELECT active_pid AS pid, confirmed_flush_lsn::text AS confirmed FROM pg_replication_slots WHERE slot_name = $1',
        [settings.slotName],
      );
      assert.ok(rows[0]);
      return rows[0];
    };
    const before = await slot();
    assert.equal(before.confirmed, start['lsn']);
    // The server's own clock says when its time-out is over.
    const { rows } = await db.client.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    await waitFor('twice wal_sender_timeout', async () => {
      const later = await db.client.query<{ over: boolean }>(
        "SELECT clock_timestamp() > $1::timestamptz + '4s' AS over",
        [rows[0]?.now],
      );
      return later.rows[0]?.over === true;
    });
    assert.deepEqual(await slot(), before);
    while (!fragments.some(({ changes, end }) => changes.length > 0 && end)) await take();
    assert.equal(
      fragments.reduce((sum, { changes }) => sum + changes.length, 0),
      ROWS,
    );
    const last = fragments.at(-1)?.position;
    assert.ok(last);
    source.acknowledge(last);
    await waitFor('the acknowledgement', async () => (await slot()).confirmed === last['lsn']);
  });
}
