/**
 * The lease: a session advisory lock in the source database says who is alive. Whoever holds it works; everyone else is
 * a standby. A killed holder frees it at once, a frozen one when its idle session times out.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { MillraceError } from '../../errors.ts';
import type { Clock, Log, Progress } from '../../ports.ts';
import {
  announcedPid,
  codeOf,
  connect,
  databaseError,
  endSession,
  isShutdown,
  socketOf,
  withSession,
} from './connection.ts';
import { readLog } from './log-reading.ts';
import type { PostgresSettings } from './settings.ts';

/** "Mill" in ASCII: our class of advisory locks. */
const LOCK_CLASS = 0x4d696c6c;
const LEASE_MS = 15_000;
const PING_EVERY_MS = 5000;
const LOCK_WAIT_MS = 1000;
const RETRY_MS = 1000;
const PROBE_EVERY_MS = 10_000;
const UNLOCK_MS = 500;

export interface Lease {
  /** The session that holds the lock; also used for the source's own small queries. */
  readonly client: pg.Client;
  /** Aborts with a `MillraceError` when the lease breaks. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export interface LeaseContext {
  readonly log: Log;
  readonly progress: Progress;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What to do while another holds it; `wait` by default. */
  readonly whenHeld?: 'wait' | 'refuse';
}

/** Resolves when we hold the lease; until then this instance is a standby that tries every second. */
export async function acquireLease(settings: PostgresSettings, context: LeaseContext): Promise<Lease> {
  const applicationName = leaseName(settings.connectorName);
  const client = await connect(settings, { applicationName, signal: context.signal });
  const abort = (): void => void endSession(client);
  context.signal.addEventListener('abort', abort, { once: true });
  try {
    const pid = await backendPid(client);
    if (pid !== announcedPid(client)) await refuseTransactionPooler(client, settings, context.signal);
    await limitSession(client, context.log);
    await waitForLock(client, settings, context);
    if ((await backendPid(client)) !== pid || !(await holdsLock(client, settings))) throw poolerInBetween();
    return keep(client, pid, settings);
  } catch (error) {
    await endSession(client);
    context.signal.throwIfAborted();
    throw databaseError(error, 'cannot take the lease');
  } finally {
    context.signal.removeEventListener('abort', abort);
  }
}

/** By this application_name the instances of Millrace know each other; PostgreSQL keeps 63 bytes of it. */
export function leaseName(connectorName: string): string {
  return `millrace/${connectorName}`.slice(0, 63);
}

/** Without a sign of life for 15 s the server ends the session, and with it the lease. */
async function limitSession(client: pg.Client, log: Log): Promise<void> {
  await client.query(`SET statement_timeout = ${LEASE_MS}`);
  // Behind a statement that waits for a lock no ping would be answered in time.
  await client.query(`SET lock_timeout = ${LOCK_WAIT_MS}`);
  const version = await client.query<{ v: string }>("SELECT current_setting('server_version_num') AS v");
  if (Number(version.rows[0]?.v) >= 140_000) {
    await client.query(`SET idle_session_timeout = ${LEASE_MS}`);
    return;
  }
  // The kernel's probes find a holder whose network is gone, but the kernel of a frozen process still answers them.
  await client.query('SET tcp_keepalives_idle = 5');
  await client.query('SET tcp_keepalives_interval = 3');
  await client.query('SET tcp_keepalives_count = 3');
  log.warn('PostgreSQL before 14 has no idle_session_timeout: a frozen instance keeps the lease until it is killed');
}

/** The lease's lock as pg_locks shows it. */
export function leaseLock(connectorName: string): { readonly classId: number; readonly objectId: number } {
  return { classId: LOCK_CLASS, objectId: lockKey(connectorName) >>> 0 };
}

function lockKey(connectorName: string): number {
  return createHash('sha256').update(connectorName).digest().readInt32BE(0);
}

async function waitForLock(client: pg.Client, settings: PostgresSettings, context: LeaseContext): Promise<void> {
  const key = lockKey(settings.connectorName);
  let said = false;
  for (let attempt = 1; ; attempt++) {
    context.signal.throwIfAborted();
    const result = await client.query<{ ok: boolean }>('SELECT pg_catalog.pg_try_advisory_lock($1, $2) AS ok', [
      LOCK_CLASS,
      key,
    ]);
    if (result.rows[0]?.ok === true) return;
    const holders = await readHolders(client, key);
    refuseStranger(holders, key);
    if (context.whenHeld === 'refuse') {
      throw leaseHeld(settings.connectorName, holders[0] === undefined ? 'another instance' : inWords(holders[0]));
    }
    if (!said) {
      const holder = holders[0] === undefined ? null : inWords(holders[0]);
      context.log.info('standby: another instance holds the lease', { holder });
    }
    said = true;
    context.progress.standby();
    const everySoOften = attempt % (PROBE_EVERY_MS / RETRY_MS);
    if (everySoOften === 1) context.progress.logRead(await readLog(client, settings.slotName));
    if (everySoOften === 0) {
      const goingDown = await findShutdown(settings, context.signal);
      if (goingDown) throw goingDown;
    }
    await context.clock.sleep(RETRY_MS, context.signal);
  }
}

/** A session that holds our lock. Without a name it has just ended; without a process it is a prepared transaction. */
interface Holder {
  readonly pid: number | null;
  readonly name: string | null;
}

/** Who holds the lease of a connector now, in words, or null. */
export async function leaseHolder(client: pg.Client, connectorName: string): Promise<string | null> {
  const holders = await readHolders(client, lockKey(connectorName));
  return holders[0] === undefined ? null : inWords(holders[0]);
}

export function leaseHeld(connectorName: string, holder: string): MillraceError {
  return new MillraceError(
    'refused',
    `connector "${connectorName}" is running: its lease is held by ${holder}. Stop every instance of it first`,
  );
}

function inWords({ pid, name }: Holder): string {
  return pid === null ? 'a prepared transaction' : `process ${pid} with application_name "${name ?? ''}"`;
}

async function readHolders(client: pg.Client, key: number): Promise<readonly Holder[]> {
  const result = await client.query<Holder>(
    `SELECT l.pid, a.application_name AS name FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid::bigint = $1 AND l.objid::bigint = $2
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`,
    [LOCK_CLASS, key >>> 0],
  );
  return result.rows;
}

/** The application may use the same lock number for something else: then nobody would ever work. */
function refuseStranger(holders: readonly Holder[], key: number): void {
  const stranger = holders.find((row) => row.pid === null || row.name?.startsWith('millrace/') === false);
  if (!stranger) return;
  throw new MillraceError(
    'refused',
    `advisory lock (${LOCK_CLASS}, ${key}) is held by ${inWords(stranger)}, which is not Millrace: ` +
      'another program uses our lock number. Rename the connector to move to another number',
  );
}

async function holdsLock(client: pg.Client, settings: PostgresSettings): Promise<boolean> {
  const result = await client.query<{ held: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
       AND pid = pg_catalog.pg_backend_pid() AND classid::bigint = $1 AND objid::bigint = $2) AS held`,
    [LOCK_CLASS, lockKey(settings.connectorName) >>> 0],
  );
  return result.rows[0]?.held === true;
}

async function backendPid(client: pg.Client): Promise<number> {
  const result = await client.query<{ pid: number }>('SELECT pg_catalog.pg_backend_pid() AS pid');
  return result.rows[0]?.pid ?? 0;
}

/**
 * A pooler stands between, since the process is not the announced one. In transaction mode a session lock means nothing.
 * A quiet pooler hands out the same backend every time, so a second session, inside a transaction, takes it away from us.
 */
async function refuseTransactionPooler(
  client: pg.Client,
  settings: PostgresSettings,
  signal: AbortSignal,
): Promise<void> {
  const before = await backendPid(client);
  const after = await withSession(settings, { applicationName: 'millrace/pooler-check', signal }, async (other) => {
    await other.query('BEGIN');
    await backendPid(other);
    const pid = await backendPid(client);
    await other.query('ROLLBACK');
    return pid;
  });
  if (after !== before) throw poolerInBetween();
}

function poolerInBetween(): MillraceError {
  return new MillraceError(
    'refused',
    'the backend process of the lease session changes: a connection pooler in transaction mode stands between, so a session lock means nothing. ' +
      'Point database.hostname and database.port at PostgreSQL itself',
  );
}

/**
 * The refusal of a server that is going down, or null. A smart shutdown tells its sessions nothing and waits for them:
 * only a new session hears of it, and ours, the last one, would hold it up for ever.
 */
async function findShutdown(settings: PostgresSettings, signal: AbortSignal): Promise<MillraceError | null> {
  try {
    await withSession(settings, { applicationName: 'millrace/probe', signal }, async () => {});
  } catch (error) {
    // Whatever else keeps a new session out (limits, a slow answer) says nothing about the one we have.
    if (error instanceof MillraceError && error.kind === 'database-shutdown') return error;
  }
  return null;
}

function keep(client: pg.Client, pid: number, settings: PostgresSettings): Lease {
  const controller = new AbortController();
  const probing = new AbortController();
  let released = false;
  let pinging = false;
  const lose = (error: unknown): void => {
    if (released) return;
    const kind = isShutdown(codeOf(error)) ? 'database-shutdown' : 'lease-lost';
    const reason =
      error instanceof MillraceError
        ? error
        : new MillraceError(kind, databaseError(error, 'the lease session broke').message, { cause: error });
    clearInterval(timer);
    clearInterval(probe);
    controller.abort(reason);
    // Whoever still waits for an answer of this session gets an error now, not when the kernel gives up.
    socketOf(client).destroy();
  };
  client.on('error', lose);
  client.on('end', () => lose(new Error('the server closed it')));
  const timer = setInterval(() => {
    // An answer that is still due after a whole period means a cut-off network: another may hold the lock by now.
    if (pinging) return lose(new Error(`no answer within ${PING_EVERY_MS} ms`));
    pinging = true;
    backendPid(client).then((now) => {
      pinging = false;
      if (now !== pid) lose(poolerInBetween());
    }, lose);
  }, PING_EVERY_MS);
  const probe = setInterval(() => {
    void findShutdown(settings, probing.signal).then((goingDown) => {
      if (goingDown) lose(goingDown);
    });
  }, PROBE_EVERY_MS);
  return {
    client,
    lost: controller.signal,
    release: async () => {
      released = true;
      clearInterval(timer);
      clearInterval(probe);
      probing.abort(new Error('the lease is released'));
      await unlock(client);
      await endSession(client);
    },
  };
}

/** Asked for and answered, so that the next instance need not find the lock in a session that is still ending. */
async function unlock(client: pg.Client): Promise<void> {
  const patience = new AbortController();
  const answered = client.query('SELECT pg_catalog.pg_advisory_unlock_all()').catch(() => {});
  await Promise.race([answered, delay(UNLOCK_MS, undefined, { signal: patience.signal }).catch(() => {})]);
  patience.abort();
}
