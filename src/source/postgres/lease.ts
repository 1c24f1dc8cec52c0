/**
 * The lease: a session advisory lock in the source database says who is alive. Whoever holds it works; everyone else is
 * a standby. A killed holder frees it at once, a frozen one when its idle session times out.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { MillraceError } from '../../errors.ts';
import type { Clock, Log, Metrics } from '../../ports.ts';
import { codeOf, connect, databaseError } from './connection.ts';
import type { PostgresSettings } from './settings.ts';

/** "Mill" in ASCII: our class of advisory locks. */
const LOCK_CLASS = 0x4d696c6c;
const LEASE_MS = 15_000;
const PING_EVERY_MS = 5000;
const RETRY_MS = 1000;

export interface Lease {
  /** The session that holds the lock; also used for the source's own small queries. */
  readonly client: pg.Client;
  /** Aborts with a `MillraceError` when the lease breaks. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export interface LeaseContext {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Resolves when we hold the lease; until then this instance is a standby that tries every second. */
export async function acquireLease(settings: PostgresSettings, context: LeaseContext): Promise<Lease> {
  const applicationName = `millrace/${settings.connectorName}`.slice(0, 63);
  const client = await connect(settings, { applicationName, signal: context.signal });
  try {
    await client.query(`SET statement_timeout = ${LEASE_MS}`);
    const version = await client.query<{ v: string }>("SELECT current_setting('server_version_num') AS v");
    if (Number(version.rows[0]?.v) >= 140_000) await client.query(`SET idle_session_timeout = ${LEASE_MS}`);
    await waitForLock(client, settings, context);
    await checkSession(client, settings);
  } catch (error) {
    await client.end().catch(() => {});
    throw databaseError(error, 'cannot take the lease');
  }
  context.metrics.gauge('standby', 0);
  return keep(client);
}

function lockKey(connectorName: string): number {
  return createHash('sha256').update(connectorName).digest().readInt32BE(0);
}

async function waitForLock(client: pg.Client, settings: PostgresSettings, context: LeaseContext): Promise<void> {
  const key = lockKey(settings.connectorName);
  let said = false;
  for (;;) {
    context.signal.throwIfAborted();
    const result = await client.query<{ ok: boolean }>('SELECT pg_catalog.pg_try_advisory_lock($1, $2) AS ok', [
      LOCK_CLASS,
      key,
    ]);
    if (result.rows[0]?.ok === true) return;
    await checkHolder(client, key);
    if (!said) context.log.info('standby: another instance holds the lease', { connector: settings.connectorName });
    said = true;
    context.metrics.gauge('standby', 1);
    await context.clock.sleep(RETRY_MS, context.signal);
  }
}

/** The application may use the same lock number for something else: then nobody would ever work. */
async function checkHolder(client: pg.Client, key: number): Promise<void> {
  const result = await client.query<{ pid: number; name: string }>(
    `SELECT l.pid, a.application_name AS name FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid::bigint = $1 AND l.objid::bigint = $2
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`,
    [LOCK_CLASS, key >>> 0],
  );
  const stranger = result.rows.find((row) => !row.name.startsWith('millrace/'));
  if (!stranger) return;
  throw new MillraceError(
    'refused',
    `advisory lock (${LOCK_CLASS}, ${key}) is held by process ${stranger.pid} with application_name "${stranger.name}", which is not Millrace: ` +
      'another program uses our lock number. Rename the connector to move to another number',
  );
}

/** A pooler in transaction mode hands every statement to some backend: a session lock means nothing there. */
async function checkSession(client: pg.Client, settings: PostgresSettings): Promise<void> {
  const pids = new Set<number>();
  for (let i = 0; i < 3; i++) {
    const result = await client.query<{ pid: number; held: boolean }>(
      `SELECT pg_backend_pid() AS pid, EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted
         AND pid = pg_backend_pid() AND classid::bigint = $1 AND objid::bigint = $2) AS held`,
      [LOCK_CLASS, lockKey(settings.connectorName) >>> 0],
    );
    const row = result.rows[0];
    if (row) pids.add(row.pid);
    if (pids.size !== 1 || row?.held !== true) {
      throw new MillraceError(
        'refused',
        'the lease is not held by our own session: a connection pooler in transaction mode stands between. ' +
          'Point database.hostname and database.port at PostgreSQL itself',
      );
    }
  }
}

function keep(client: pg.Client): Lease {
  const controller = new AbortController();
  let released = false;
  let pinging = false;
  const lose = (error: unknown): void => {
    if (released) return;
    const shutdown = codeOf(error).startsWith('57P');
    const kind = shutdown ? 'database-shutdown' : 'lease-lost';
    controller.abort(new MillraceError(kind, `the lease session broke: ${databaseError(error, 'PostgreSQL').message}`));
  };
  client.on('error', lose);
  client.on('end', () => lose(new Error('the server closed it')));
  const timer = setInterval(() => {
    // An answer that is still due after a whole period means a cut-off network: another may hold the lock by now.
    if (pinging) return lose(new Error(`no answer within ${PING_EVERY_MS} ms`));
    pinging = true;
    client.query('SELECT 1').then(() => {
      pinging = false;
    }, lose);
  }, PING_EVERY_MS);
  return {
    client,
    lost: controller.signal,
    release: async () => {
      released = true;
      clearInterval(timer);
      await Promise.race([client.end().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 1000))]);
    },
  };
}
