import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Position } from '../../../src/change/position.ts';
import { MillraceError } from '../../../src/errors.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { type Lease, acquireLease } from '../../../src/source/postgres/lease.ts';
import type { PostgresSettings } from '../../../src/source/postgres/settings.ts';
import { OUTBOX_DDL, insertOutbox, keepingLog, runSource, sourceSettings } from '../../support/postgres-source.ts';
import { keepOutput } from '../../support/output.ts';
import { type Database, freshDatabase, postgres, waitFor } from '../../support/servers.ts';
import { noProgress } from '../../support/silent.ts';
import { startProxy } from '../../support/tcp-proxy.ts';
import { startPooler } from '../../support/transaction-pooler.ts';

const HOLDER = fileURLToPath(new URL('../../support/lease-holder.ts', import.meta.url));
const LOCKS =
  "SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

async function setting(t: TestContext, major: 14 | 18 = 18): Promise<{ db: Database; settings: PostgresSettings }> {
  const server = await postgres(major);
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(OUTBOX_DDL);
  return { db, settings: sourceSettings(server, db.name) };
}

function acquire(settings: PostgresSettings, signal = new AbortController().signal): Promise<Lease> {
  return acquireLease(settings, { log: keepingLog().log, progress: noProgress, clock: systemClock, signal });
}

/** A process that streams, and the position it started from. */
async function holderProcess(
  t: TestContext,
  settings: PostgresSettings,
): Promise<{ readonly child: ChildProcess; readonly start: Position }> {
  const child = spawn(process.execPath, [HOLDER, JSON.stringify(settings)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  keepOutput(child, 'lease-holder');
  assert.ok(child.stdout);
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  return { child, start: JSON.parse(line) as Position };
}

function broken(lease: Lease): Promise<MillraceError> {
  return new Promise((resolve) => {
    const tell = (): void => {
      assert.ok(lease.lost.reason instanceof MillraceError);
      resolve(lease.lost.reason);
    };
    if (lease.lost.aborted) tell();
    else lease.lost.addEventListener('abort', tell, { once: true });
  });
}

const since = (start: number): number => Date.now() - start;

describe('the lease', { concurrency: true }, () => {
  for (const major of [18, 14] as const) {
    test(`PostgreSQL ${major}: a frozen holder loses the lease to the standby after 15 s, and the slot with it`, async (t) => {
      const { db, settings } = await setting(t, major);
      const { child, start } = await holderProcess(t, settings);
      await waitFor('its walsender', async () => {
        const { rows } = await db.client.query('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [
          settings.slotName,
        ]);
        return rows.length === 1;
      });
      child.kill('SIGSTOP');
      const frozenAt = Date.now();
      await insertOutbox(db, 'a');
      const { log, warnings } = keepingLog();
      const standby = await runSource(settings, { position: start, log });
      t.after(() => standby.stop());
      assert.ok(since(frozenAt) > 8000 && since(frozenAt) < 25_000, `taken over after ${since(frozenAt)} ms`);
      await waitFor('the row', async () => standby.delivered().length > 0);
      assert.deepEqual(standby.delivered(), ['a']);
      assert.match(warnings.join('\n'), /ended our own stale walsender/);
    });
  }

  test('a killed holder frees the lease at once', async (t) => {
    const { settings } = await setting(t);
    const { child } = await holderProcess(t, settings);
    const next = acquire(settings);
    child.kill('SIGKILL');
    const killedAt = Date.now();
    const lease = await next;
    t.after(() => lease.release());
    assert.ok(since(killedAt) < 4000, `taken over after ${since(killedAt)} ms`);
  });

  test('a source that is cut off from the network ends and closes by itself', async (t) => {
    const { db, settings } = await setting(t);
    const proxy = await startProxy(settings);
    t.after(() => proxy.close());
    const running = await runSource({ ...settings, port: proxy.port });
    await insertOutbox(db, 'a');
    await waitFor('the row', async () => running.delivered().length > 0);
    proxy.freeze();
    await assert.rejects(running.ended, { kind: 'lease-lost' });
    const endedAt = Date.now();
    await running.source.close();
    assert.ok(since(endedAt) < 4000, `closed after ${since(endedAt)} ms`);
  });

  test('a holder that is cut off from the network knows that it has lost the lease before anybody can take it', async (t) => {
    const { db, settings } = await setting(t);
    const proxy = await startProxy(settings);
    t.after(() => proxy.close());
    const lease = await acquire({ ...settings, port: proxy.port });
    t.after(() => lease.release());
    proxy.freeze();
    const reason = await broken(lease);
    assert.equal(reason.kind, 'lease-lost');
    assert.deepEqual((await db.client.query(LOCKS)).rows, [{ n: 1 }], 'the server still keeps the lock for us');
  });

  test('a standby ends at once when it is told to, even if the server no longer answers', async (t) => {
    const { settings } = await setting(t);
    const lease = await acquire(settings);
    t.after(() => lease.release());
    const proxy = await startProxy(settings);
    t.after(() => proxy.close());
    const controller = new AbortController();
    let saidStandby = (): void => {};
    const standby = new Promise<void>((resolve) => {
      saidStandby = resolve;
    });
    const waiting = acquireLease(
      { ...settings, port: proxy.port },
      {
        log: { ...keepingLog().log, info: () => saidStandby() },
        progress: noProgress,
        clock: systemClock,
        signal: controller.signal,
      },
    );
    waiting.catch(() => {});
    await standby;
    proxy.freeze();
    const startedAt = Date.now();
    controller.abort(new Error('stop'));
    await assert.rejects(waiting, /^Error: stop$/);
    assert.ok(since(startedAt) < 2000, `ended after ${since(startedAt)} ms`);
  });

  test('a released lease goes to the standby', async (t) => {
    const { settings } = await setting(t);
    const first = await acquire(settings);
    const next = acquire(settings);
    await first.release();
    const second = await next;
    t.after(() => second.release());
    assert.equal(second.lost.aborted, false);
    assert.equal(first.lost.aborted, false, 'releasing is not losing');
  });

  test('two connectors of one database hold leases side by side', async (t) => {
    const { settings } = await setting(t);
    const first = await acquire(settings);
    t.after(() => first.release());
    const second = await acquire({ ...settings, connectorName: `${settings.connectorName}-other` });
    t.after(() => second.release());
  });

  test('our lock number in the hands of another program is refused, not waited for', async (t) => {
    const { db, settings } = await setting(t);
    const first = await acquire(settings);
    const { rows } = await db.client.query<{ classid: number; objid: number }>(
      "SELECT classid::int8::int AS classid, (objid::int8::bit(32))::int AS objid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    await first.release();
    await db.client.query("SET application_name = 'billing'");
    await db.client.query('SELECT pg_advisory_lock($1, $2)', [rows[0]?.classid, rows[0]?.objid]);
    await assert.rejects(acquire(settings), {
      kind: 'refused',
      message: /held by process \d+ with application_name "billing"/,
    });
  });

  test('a pooler in transaction mode is refused, also a quiet one, and leaves no lock behind', async (t) => {
    const { db, settings } = await setting(t);
    const pooler = await startPooler(await postgres(), db.name);
    t.after(() => pooler.close());
    await assert.rejects(acquire({ ...settings, port: pooler.port }), {
      kind: 'refused',
      message: /pooler in transaction mode.*Point database.hostname/,
    });
    assert.deepEqual((await db.client.query(LOCKS)).rows, [{ n: 0 }]);
  });

  test('a lease session that an administrator ends is told from a broken one', async (t) => {
    const { db, settings } = await setting(t);
    const lease = await acquire(settings);
    t.after(() => lease.release());
    await db.client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    const reason = await broken(lease);
    assert.equal(reason.kind, 'database-shutdown');
    assert.match(reason.message, /57P01/);
  });

  for (const major of [18, 14] as const) {
    test(`PostgreSQL ${major}: a session that is silent for idle_session_timeout loses its locks`, async (t) => {
      const { db } = await setting(t, major);
      const { host, port, user, password } = await postgres(major);
      const silent = new pg.Client({ host, port, user, password, database: db.name });
      const ended = new Promise<Error>((resolve) => silent.on('error', resolve));
      await silent.connect();
      await silent.query('SELECT pg_advisory_lock(1, 2)');
      await silent.query("SET idle_session_timeout = '300ms'");
      await waitFor('the lock', async () => {
        const { rows } = await db.client.query<{ ok: boolean }>('SELECT pg_try_advisory_lock(1, 2) AS ok');
        return rows[0]?.ok === true;
      });
      assert.equal(Object(await ended).code, '57P05');
    });
  }
});
