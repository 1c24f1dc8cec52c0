import assert from 'node:assert/strict';
import { type TestContext, describe, test } from 'node:test';
import type { Position } from '../../../src/change/position.ts';
import { type PostgresServer, startPostgres } from '../../../src/demo/postgres-server.ts';
import { formatLsn } from '../../../src/source/postgres/lsn.ts';
import { type ServerFacts, checkResume } from '../../../src/source/postgres/preflight.ts';
import type { PostgresSettings } from '../../../src/source/postgres/settings.ts';
import { insertOutbox, openDatabase, ownServer, runSource, sourceSettings } from '../../support/postgres-source.ts';
import { type Database, freshDatabase, postgres, waitFor } from '../../support/servers.ts';

/** Delivers one row; gives the position behind it. */
async function deliver(
  db: Pick<Database, 'client'>,
  settings: PostgresSettings,
  position: Position | null,
): Promise<Position> {
  const running = await runSource(settings, { position });
  await insertOutbox(db, 'delivered');
  await waitFor('the row', async () => running.delivered().includes('delivered'));
  const last = running.fragments.at(-1)?.position;
  await running.stop();
  assert.ok(last);
  return last;
}

/** A standby made of a cold copy, promoted: it leaves the time line where the copy ended. */
async function promote(t: TestContext, major: 14 | 18, copyOf: string): Promise<PostgresServer> {
  const server = await startPostgres({ major, copyOf, files: { 'standby.signal': '' } });
  t.after(() => server.dispose());
  const client = await openDatabase(t, server);
  await client.query('SELECT pg_promote()');
  await waitFor('the promotion', async () => {
    const { rows } = await client.query<{ done: boolean }>('SELECT NOT pg_is_in_recovery() AS done');
    return rows[0]?.done === true;
  });
  return server;
}

describe('after a fail-over', { concurrency: true }, () => {
  for (const major of [18, 14] as const) {
    test(`PostgreSQL ${major}: a new primary that has everything we delivered is accepted, and goes on without a gap`, async (t) => {
      const { server, db } = await ownServer(t, { major });
      const settings = sourceSettings(server, db.name);
      const position = await deliver(db, settings, null);
      await insertOutbox(db, 'not delivered yet');
      await server.stop();
      const promoted = await promote(t, major, server.data);
      const client = await openDatabase(t, promoted);
      const moved = { ...settings, port: promoted.port };
      await insertOutbox({ client }, 'after the fail-over');
      const running = await runSource(moved, { position });
      await waitFor('two rows', async () => running.delivered().length >= 2);
      assert.deepEqual(running.delivered(), ['not delivered yet', 'after the fail-over']);
      assert.equal(running.fragments.at(-1)?.position['timeline'], 2);
      await running.stop();
      // The old primary, should it come back: its time line does not lead to where we are.
      await server.restart();
      await assert.rejects(runSource(settings, { position: running.fragments.at(-1)?.position ?? null }), {
        kind: 'refused',
        message: /on time line 2 is not in the history of this server \(time line 1\).*is an old primary/,
      });
    });

    test(`PostgreSQL ${major}: a new primary that lost what we delivered is refused, however far its log has come`, async (t) => {
      const { server, db } = await ownServer(t, { major });
      const settings = sourceSettings(server, db.name);
      const early = await deliver(db, settings, null);
      await server.stop();
      const promoted = await promote(t, major, server.data);
      await server.restart();
      const late = await deliver({ client: await openDatabase(t, server) }, settings, early);
      const client = await openDatabase(t, promoted);
      await waitFor('its log to be longer than what we have read', async () => {
        await insertOutbox({ client }, 'of the new time line');
        const { rows } = await client.query<{ ok: boolean }>('SELECT pg_current_wal_flush_lsn() > $1::pg_lsn AS ok', [
          late['lsn'],
        ]);
        return rows[0]?.ok === true;
      });
      await assert.rejects(runSource({ ...settings, port: promoted.port }, { position: late }), {
        kind: 'refused',
        message:
          /on time line 1 is not in the history of this server \(time line 2, which left it at .*lost delivered changes/,
      });
    });
  }
});

test('a server in recovery is refused', async (t) => {
  const { server, db } = await ownServer(t);
  await server.stop();
  const standby = await startPostgres({ copyOf: server.data, files: { 'standby.signal': '' } });
  t.after(() => standby.dispose());
  await assert.rejects(runSource(sourceSettings(standby, db.name)), {
    kind: 'refused',
    message: /point the connector at the primary/,
  });
});

test('a fork exactly at the stored LSN has all that was delivered, but not the commit record of a split transaction', async (t) => {
  const db = await freshDatabase(await postgres());
  t.after(() => db.drop());
  const fork = 0x100_0000n;
  const facts: ServerFacts = {
    system: '7',
    database: db.name,
    timeline: 2,
    ancestors: [
      { timeline: 1, until: fork },
      { timeline: 2, until: null },
    ],
    version: 180_000,
  };
  const position = { system: '7', timeline: 1, lsn: formatLsn(fork), ordinal: 0 };
  await checkResume(db.client, facts, position);
  await assert.rejects(checkResume(db.client, facts, { ...position, ordinal: 1, in: '9', fingerprint: 'f' }), {
    kind: 'refused',
    message: /is not in the history of this server/,
  });
});
