import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import type { Position } from '../../../src/change/position.ts';
import type { PostgresSettings } from '../../../src/source/postgres/settings.ts';
import { socketOf } from '../../../src/source/postgres/connection.ts';
import { walsenderName } from '../../../src/source/postgres/slot.ts';
import {
  CLUSTER,
  OUTBOX_DDL,
  type Running,
  insertOutbox,
  keepingLog,
  opened,
  ownServer,
  runSource,
  sourceContext,
  sourceSettings,
} from '../../support/postgres-source.ts';
import { createPostgresSource } from '../../../src/source/postgres/source.ts';
import { type Database, freshDatabase, freshName, postgres, waitFor } from '../../support/servers.ts';

interface Setting {
  readonly db: Database;
  readonly settings: PostgresSettings;
}

async function setting(t: TestContext, major: 14 | 18 = 18): Promise<Setting> {
  const server = await postgres(major);
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(OUTBOX_DDL);
  return { db, settings: sourceSettings(server, db.name) };
}

async function run(t: TestContext, ...args: Parameters<typeof runSource>): Promise<Running> {
  const running = await runSource(...args);
  t.after(() => running.stop());
  return running;
}

/** The position after one delivered row, of a source that has ended. */
async function delivered(db: Pick<Database, 'client'>, settings: PostgresSettings, id = 'a'): Promise<Position> {
  const running = await runSource(settings);
  await insertOutbox(db, id);
  await waitFor('the row', async () => running.delivered().includes(id));
  const position = running.fragments.at(-1)?.position;
  await running.stop();
  assert.ok(position);
  return position;
}

const refused = (message: RegExp): { kind: string; message: RegExp } => ({ kind: 'refused', message });

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: a source resumes at its position and gets exactly the next rows`, async (t) => {
    const { db, settings } = await setting(t, major);
    const position = await delivered(db, settings, 'a');
    await insertOutbox(db, 'b');
    const second = await run(t, settings, { position });
    await insertOutbox(db, 'c');
    await waitFor('two rows', async () => second.delivered().length >= 2);
    assert.deepEqual(second.delivered(), ['b', 'c']);
  });

  test(`PostgreSQL ${major}: what was not acknowledged is sent again, the position decides`, async (t) => {
    const { db, settings } = await setting(t, major);
    const first = await runSource(settings, { acknowledge: false });
    await insertOutbox(db, 'a');
    await insertOutbox(db, 'b');
    await waitFor('two rows', async () => first.delivered().length >= 2);
    await first.stop();
    const afterA = first.fragments.find((fragment) => fragment.changes.length > 0)?.position ?? null;
    const second = await run(t, settings, { position: afterA });
    await waitFor('b', async () => second.delivered().length >= 1);
    assert.deepEqual(second.delivered(), ['b']);
  });
}

test('a slot that confirms more than the stored position is refused before a fragment leaves', async (t) => {
  const { db, settings } = await setting(t);
  const position = await delivered(db, settings);
  await insertOutbox(db, 'lost');
  await db.client.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [settings.slotName]);
  const running = await run(t, settings, { position });
  await assert.rejects(
    running.ended,
    refused(/confirms .* beyond the stored position.*advanced or re-created by hand/),
  );
  assert.deepEqual(running.fragments, []);
});

test('a slot that was dropped and made again by hand is refused', async (t) => {
  const { db, settings } = await setting(t);
  const position = await delivered(db, settings);
  await db.client.query('SELECT pg_drop_replication_slot($1)', [settings.slotName]);
  await assert.rejects(
    runSource(settings, { position }),
    refused(/does not exist any more.*Reset the stored position/),
  );
  await insertOutbox(db, 'lost');
  await db.client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [settings.slotName]);
  const running = await run(t, settings, { position });
  await assert.rejects(running.ended, refused(/beyond the stored position/));
});

test('a position of another system, or beyond the end of the log, is refused', async (t) => {
  const { db, settings } = await setting(t);
  const position = await delivered(db, settings);
  const wrongSystem = { ...position, system: '7000000000000000000' };
  await assert.rejects(runSource(settings, { position: wrongSystem }), refused(/belongs to the database system 7000/));
  const beyond = { ...position, lsn: 'FF/0' };
  await assert.rejects(
    runSource(settings, { position: beyond }),
    refused(/FF\/0 lies beyond the server's log, which ends at/),
  );
  const elsewhere = { ...position, timeline: 9 };
  await assert.rejects(runSource(settings, { position: elsewhere }), refused(/time line 9 is not in the history/));
});

test('a slot of another plugin, of another database or a physical one is refused and left alone', async (t) => {
  const { db, settings } = await setting(t);
  const other = await freshDatabase(await postgres());
  const [plugin, elsewhere, physical, temporary] = ['p', 'e', 'y', 't'].map((prefix) => freshName(prefix));
  await db.client.query("SELECT pg_create_logical_replication_slot($1, 'test_decoding')", [plugin]).catch(() => null);
  await other.client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [elsewhere]);
  await db.client.query('SELECT pg_create_physical_replication_slot($1)', [physical]);
  t.after(async () => {
    await other.client.query('SELECT pg_drop_replication_slot($1)', [physical]);
    await other.drop();
  });
  await db.client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput', true)", [temporary]);
  const { rows } = await db.client.query<{ name: string }>(
    'SELECT slot_name AS name FROM pg_replication_slots WHERE slot_name = ANY($1)',
    [[plugin, elsewhere, physical, temporary]],
  );
  assert.ok(rows.length >= 3);
  for (const { name } of rows) {
    const adopting = { ...settings, slotName: name, slotAdopt: true };
    await assert.rejects(runSource(adopting), refused(new RegExp(`slot "${name}" is .*Set slot.name to another name`)));
  }
});

test('an adopted slot goes on from what it has confirmed', async (t) => {
  const { db, settings } = await setting(t);
  await db.client.query(`CREATE PUBLICATION ${settings.publicationName} FOR TABLE outbox`);
  await db.client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [settings.slotName]);
  await insertOutbox(db, 'before');
  await assert.rejects(runSource(settings), refused(/slot.adopt=true/));
  const running = await run(t, { ...settings, slotAdopt: true });
  await waitFor('the row', async () => running.delivered().length > 0);
  assert.deepEqual(running.delivered(), ['before']);
});

test('without a position, a slot that our own earlier claim announced is continued, another is not', async (t) => {
  const { db, settings } = await setting(t);
  const first = await runSource(settings);
  await first.stop();
  await insertOutbox(db, 'since the crash');
  const source = createPostgresSource(settings, sourceContext());
  t.after(() => source.close());
  const { signal } = new AbortController();
  const { identity } = await source.acquire(signal);
  const claim = {
    ...identity,
    connector: settings.connectorName,
    transactionalId: settings.transactionalId,
    host: 'test',
    version: '0',
    number: 1,
  };
  for (const other of [{ intent: 'another_slot' }, { system: '7000000000000000000' }]) {
    await assert.rejects(source.prepare(opened(null, { ...claim, ...other }), signal), refused(/slot.adopt=true/));
  }
  const start = await source.prepare(opened(null, claim), signal);
  assert.deepEqual(start, first.start);
});

test('our own stale walsender is ended; a foreign one, or that of another cluster, never', async (t) => {
  const { db, settings } = await setting(t);
  const position = await delivered(db, settings);
  const server = await postgres();
  const stream = async (name: string): Promise<pg.Client> => {
    const { host, port, user, password } = server;
    const config = { host, port, user, password, database: db.name, application_name: name, replication: 'database' };
    const client = new pg.Client(config as pg.ClientConfig);
    client.on('error', () => {});
    await client.connect();
    client
      .query(
        `START_REPLICATION SLOT ${settings.slotName} LOGICAL 0/0 (proto_version '1', publication_names '${settings.publicationName}')`,
      )
      .catch(() => {});
    await waitFor('the walsender', async () => (await activePid(db, settings)) !== null);
    return client;
  };
  for (const name of ['Debezium Streaming', walsenderName('another cluster', settings.transactionalId)]) {
    const foreign = await stream(name);
    const pid = await activePid(db, settings);
    await assert.rejects(
      runSource(settings, { position }),
      refused(new RegExp(`process ${pid} with application_name "${name}"`)),
    );
    assert.equal(await activePid(db, settings), pid, 'it streams on');
    socketOf(foreign).destroy();
    await waitFor('the slot to be free', async () => (await activePid(db, settings)) === null);
  }
  await stream(walsenderName(CLUSTER, settings.transactionalId));
  const { log, warnings } = keepingLog();
  const running = await run(t, settings, { position, log });
  await insertOutbox(db, 'b');
  await waitFor('the row', async () => running.delivered().length > 0);
  assert.deepEqual(running.delivered(), ['b']);
  assert.match(warnings.join('\n'), /ended our own stale walsender/);
});

async function activePid(db: Database, settings: PostgresSettings): Promise<number | null> {
  const { rows } = await db.client.query<{ pid: number | null }>(
    'SELECT active_pid AS pid FROM pg_replication_slots WHERE slot_name = $1',
    [settings.slotName],
  );
  return rows[0]?.pid ?? null;
}

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: a walsender that would count as a synchronous standby is refused, at the start and later`, {
    timeout: 60_000,
  }, async (t) => {
    const { server, db } = await ownServer(t, { major });
    const settings = sourceSettings(server, db.name);
    const position = await delivered(db, settings);
    const setNames = async (names: string): Promise<void> => {
      await db.client.query(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
      await db.client.query('SELECT pg_reload_conf()');
      await waitFor('the setting', async () => {
        const { rows } = await db.client.query<{ names: string }>(
          "SELECT current_setting('synchronous_standby_names') AS names",
        );
        return rows[0]?.names === names;
      });
    };
    await db.client.query('SET synchronous_commit = local');
    const running = await run(t, settings, { position });
    await insertOutbox(db, 'b');
    await waitFor('the row', async () => running.delivered().length > 0);
    await setNames('ANY 1 (*)');
    await assert.rejects(running.ended, refused(/synchronous_standby_names is 'ANY 1 \(\*\)'/));
    await running.stop();
    const next = running.fragments.at(-1)?.position ?? null;
    await assert.rejects(runSource(settings, { position: next }), refused(/Name the real standbys/));
    await setNames('replica1');
    const again = await run(t, settings, { position: next });
    await insertOutbox(db, 'c');
    await waitFor('the row', async () => again.delivered().length > 0);
    assert.deepEqual(again.delivered(), ['c']);
  });

  test(`PostgreSQL ${major}: a slot that lost its log is refused`, { timeout: 60_000 }, async (t) => {
    const settingsOfServer = [
      'max_slot_wal_keep_size=1MB',
      'min_wal_size=32MB',
      'max_wal_size=32MB',
      'wal_keep_size=0',
    ];
    const { server, db } = await ownServer(t, { major, settings: settingsOfServer });
    const settings = sourceSettings(server, db.name);
    const position = await delivered(db, settings);
    await waitFor('the slot to lose its log', async () => {
      await db.client.query('SELECT pg_switch_wal()');
      await insertOutbox(db, 'x');
      await db.client.query('CHECKPOINT');
      const { rows } = await db.client.query<{ status: string }>(
        'SELECT wal_status AS status FROM pg_replication_slots',
      );
      return rows[0]?.status === 'lost';
    });
    await assert.rejects(
      runSource(settings, { position }),
      refused(/is lost: the server removed log it needed.*pg_drop_replication_slot/),
    );
  });
}

test('a resume ends at once when it is told to while the database makes it wait', async (t) => {
  const { db, settings } = await setting(t);
  const position = await delivered(db, settings);
  await db.client.query('CREATE TABLE second (id int PRIMARY KEY)');
  await db.client.query('BEGIN');
  await db.client.query('LOCK TABLE second IN ACCESS EXCLUSIVE MODE');
  const source = createPostgresSource({ ...settings, includeTables: [/^public\.(outbox|second)$/] }, sourceContext());
  t.after(() => source.close());
  const controller = new AbortController();
  await source.acquire(controller.signal);
  const preparing = source.prepare(opened(position), controller.signal);
  preparing.catch(() => {});
  await waitFor('ALTER PUBLICATION to wait', async () => {
    const { rows } = await db.client.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND relation = 'second'::regclass",
    );
    return rows[0]?.n === 1;
  });
  const startedAt = Date.now();
  controller.abort(new Error('stop'));
  await assert.rejects(preparing, /^Error: stop$/);
  assert.ok(Date.now() - startedAt < 2000);
  await db.client.query('ROLLBACK');
});

test('a server without logical decoding, or without a free slot, is refused with what to set', async (t) => {
  const { server, db } = await ownServer(t, { settings: ['max_replication_slots=1'] });
  await db.client.query("SELECT pg_create_logical_replication_slot('taken', 'pgoutput')");
  await assert.rejects(runSource(sourceSettings(server, db.name)), {
    kind: 'database-unavailable',
    message: /all replication slots are in use.*Free one or increase "max_replication_slots"/,
  });
  const { server: physical, db: other } = await ownServer(t, { settings: ['wal_level=replica'] });
  await assert.rejects(
    runSource(sourceSettings(physical, other.name)),
    refused(/wal_level is "replica".*ALTER SYSTEM SET wal_level = logical/),
  );
});
