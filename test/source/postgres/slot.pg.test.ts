import assert from 'node:assert/strict';
import { type TestContext, describe, test } from 'node:test';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { PostgresSettings } from '../../../src/source/postgres/settings.ts';
import { createSlot, readSlot } from '../../../src/source/postgres/slot.ts';
import { OUTBOX_DDL, keepingLog, sourceSettings } from '../../support/postgres-source.ts';
import { type Database, freshDatabase, postgres, waitFor } from '../../support/servers.ts';

async function setting(t: TestContext, major: 14 | 18): Promise<{ db: Database; settings: PostgresSettings }> {
  const server = await postgres(major);
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(OUTBOX_DDL);
  return { db, settings: sourceSettings(server, db.name) };
}

/** A transaction with an xid, of another session, that runs on: creating a slot waits for it. */
async function longTransaction(t: TestContext, major: 14 | 18): Promise<{ end(): Promise<void> }> {
  const other = await freshDatabase(await postgres(major));
  await other.client.query('BEGIN');
  await other.client.query('SELECT pg_current_xact_id()');
  let ended = false;
  const end = async (): Promise<void> => {
    if (!ended) await other.client.query('ROLLBACK');
    ended = true;
  };
  t.after(async () => {
    await end();
    await other.drop();
  });
  return { end };
}

async function waitsForXid(db: Database): Promise<void> {
  await waitFor('the creation to wait', async () => {
    const { rows } = await db.client.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'millrace/slot' AND datname = current_database() AND wait_event_type = 'Lock'",
    );
    return rows[0]?.n === 1;
  });
}

async function leftOver(db: Database): Promise<number> {
  const { rows } = await db.client.query<{ n: number }>(
    `SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())::int +
            (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'millrace/slot' AND datname = current_database())::int AS n`,
  );
  return rows[0]?.n ?? -1;
}

// One after the other: a transaction of one test would hold up the creation of every other.
for (const major of [18, 14] as const) {
  describe(`creating a slot on PostgreSQL ${major}`, () => {
    test('waits for a transaction that is running, and goes on when it ends', async (t) => {
      const { db, settings } = await setting(t, major);
      const long = await longTransaction(t, major);
      const creation = createSlot(settings, {
        log: keepingLog().log,
        clock: systemClock,
        signal: new AbortController().signal,
      });
      await waitsForXid(db);
      await long.end();
      await creation;
      assert.equal((await readSlot(db.client, settings.slotName))?.plugin, 'pgoutput');
    });

    test('is given up after its time, says for whom it waited, and leaves nothing behind', async (t) => {
      const { db, settings } = await setting(t, major);
      await longTransaction(t, major);
      const { signal } = new AbortController();
      const { log, warnings } = keepingLog();
      await assert.rejects(createSlot(settings, { log, clock: systemClock, signal, timeoutMs: 700 }), {
        kind: 'database-unavailable',
        message: /could not be created within 700 ms.*waits for the transactions that are running.*pg_stat_activity/,
      });
      assert.match(warnings.join(), /creating the slot waits for running transactions/);
      assert.equal(await leftOver(db), 0);
    });

    test('ends at once when it is told to, and leaves nothing behind', async (t) => {
      const { db, settings } = await setting(t, major);
      await longTransaction(t, major);
      const controller = new AbortController();
      const creation = createSlot(settings, { log: keepingLog().log, clock: systemClock, signal: controller.signal });
      creation.catch(() => {});
      await waitsForXid(db);
      const startedAt = Date.now();
      controller.abort(new Error('stop'));
      await assert.rejects(creation, /^Error: stop$/);
      assert.ok(Date.now() - startedAt < 4000, `ended after ${Date.now() - startedAt} ms`);
      assert.equal(await leftOver(db), 0);
    });
  });
}
