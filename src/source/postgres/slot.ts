import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { Claim } from '../../change/claim.ts';
import { MillraceError } from '../../errors.ts';
import type { Clock, Log } from '../../ports.ts';
import { codeOf, connect, databaseError, endSession, withSession } from './connection.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import type { PostgresSettings } from './settings.ts';

/** A row of pg_replication_slots, as far as it matters here. */
export interface Slot {
  readonly plugin: string | null;
  readonly type: string;
  readonly database: string | null;
  readonly temporary: boolean;
  readonly activePid: number | null;
  readonly confirmed: string | null;
  readonly walStatus: string | null;
  /** Why the server gave the slot up; said since version 17. */
  readonly invalidation: string | null;
}

/** The application_name of our walsender: it carries a hash of whom it works for, so that only our own is ever ended. */
export function walsenderName(clusterId: string, transactionalId: string): string {
  const hash = createHash('sha256').update(`${clusterId}\0${transactionalId}`).digest('hex').slice(0, 24);
  return `millrace/walsender/${hash}`;
}

/** The slot by name, or null. */
export async function readSlot(client: pg.Client, name: string): Promise<Slot | null> {
  const result = await client.query<Slot>(
    `SELECT plugin, slot_type AS type, database, temporary, active_pid AS "activePid",
            confirmed_flush_lsn::text AS confirmed, wal_status AS "walStatus",
            to_jsonb(s)->>'invalidation_reason' AS invalidation
       FROM pg_catalog.pg_replication_slots s WHERE slot_name = $1`,
    [name],
  );
  return result.rows[0] ?? null;
}

/** Whether a claim of ours said, in this database system, that it was about to make or use the slot. */
export function announces(
  claim: Claim | null,
  settings: PostgresSettings,
  facts: { readonly system: string },
): boolean {
  return claim !== null && claim.intent === settings.slotName && claim.system === facts.system;
}

/** Refuses a slot that cannot be streamed by us whatever its history. */
export function checkSlot(slot: Slot, settings: PostgresSettings): void {
  const { slotName, database } = settings;
  if (slot.type !== 'logical' || slot.plugin !== 'pgoutput' || slot.database !== database) {
    throw new MillraceError(
      'refused',
      `slot "${slotName}" is a ${slot.type} slot of plugin ${slot.plugin ?? 'none'} in database ${slot.database ?? 'none'}; ` +
        `expected a logical pgoutput slot in database ${database}. Set slot.name to another name`,
    );
  }
  if (slot.temporary) {
    throw new MillraceError(
      'refused',
      `slot "${slotName}" is temporary: it ends with the session of another program. Set slot.name to another name`,
    );
  }
  if (slot.walStatus === 'lost') {
    const statement = `SELECT pg_drop_replication_slot('${slotName}')`;
    throw new MillraceError(
      'refused',
      `slot "${slotName}" is lost: the server removed log it needed (${slot.invalidation ?? 'max_slot_wal_keep_size'}), so changes are missing. ` +
        `After checking what was lost: ${statement}; and reset the stored position`,
      { statement },
    );
  }
}

/** Refuses a slot that has forgotten what Kafka does not hold. */
export function checkConfirmed(confirmed: string | null, stored: bigint, slotName: string): void {
  if (confirmed !== null && parseLsn(confirmed) <= stored) return;
  throw new MillraceError(
    'refused',
    `slot "${slotName}" confirms ${confirmed ?? 'nothing'}, beyond the stored position ${formatLsn(stored)}: ` +
      'changes between the two would be missing. Was the slot advanced or re-created by hand? ' +
      'Reset the stored position to accept the gap, or restore the slot',
  );
}

/**
 * Makes the slot free for us. Although we hold the lease its walsender may still run, on a dead connection of ours: that
 * one, known by its name, is ended, in one statement joined on the process so that nobody else can be hit.
 */
export async function freeSlot(
  client: pg.Client,
  settings: PostgresSettings,
  ours: string,
  context: { readonly log: Log; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const result = await client.query<{ pid: number; name: string; ended: boolean | null }>(
      `SELECT a.pid, a.application_name AS name,
              CASE WHEN a.application_name = $2 THEN pg_catalog.pg_terminate_backend(a.pid) END AS ended
         FROM pg_catalog.pg_replication_slots s JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
        WHERE s.slot_name = $1`,
      [settings.slotName, ours],
    );
    const holder = result.rows[0];
    if (!holder) return;
    if (holder.ended !== null && attempt >= 50) {
      throw new MillraceError(
        'database-unavailable',
        `slot "${settings.slotName}" is still held by our own stale walsender, process ${holder.pid}, 5 s after it was told to end: ` +
          // Measured on PostgreSQL 14 over a Unix socket: it hangs in saying goodbye to a client that reads nothing.
          'the instance that it serves is frozen. Kill or continue that instance',
      );
    }
    if (holder.ended === null) throw inUse(settings.slotName, holder);
    if (attempt === 0) context.log.warn('ended our own stale walsender', { slot: settings.slotName, pid: holder.pid });
    await context.clock.sleep(100, context.signal);
  }
}

/** Refuses a slot that is in use by anybody but a walsender of our own. */
export async function refuseStranger(client: pg.Client, { slotName }: PostgresSettings, ours: string): Promise<void> {
  const result = await client.query<{ pid: number; name: string }>(
    `SELECT a.pid, a.application_name AS name
       FROM pg_catalog.pg_replication_slots s JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
      WHERE s.slot_name = $1`,
    [slotName],
  );
  const [holder] = result.rows;
  if (holder !== undefined && holder.name !== ours) throw inUse(slotName, holder);
}

function inUse(slotName: string, { pid, name }: { readonly pid: number; readonly name: string }): MillraceError {
  return new MillraceError(
    'refused',
    `slot "${slotName}" is in use by process ${pid} with application_name "${name}", which is not ours: ` +
      'a copied configuration on another Kafka cluster, or another program. Stop it, or set slot.name to another name',
  );
}

/** A command of replication sessions. */
export function creationOf({ slotName }: PostgresSettings): string {
  return `CREATE_REPLICATION_SLOT "${slotName}" LOGICAL pgoutput NOEXPORT_SNAPSHOT`;
}

/**
 * Creates the slot. That waits for every transaction that is running now, so it is bounded: an unfinished creation is
 * ended and what it left is dropped, also when the signal is aborted (an orphan would hold the log back for ever).
 */
export async function createSlot(
  settings: PostgresSettings,
  context: { readonly log: Log; readonly clock: Clock; readonly signal: AbortSignal; readonly timeoutMs?: number },
): Promise<void> {
  const { log, clock, signal, timeoutMs = CREATION_MS } = context;
  const name = settings.slotName;
  const replication = await connect(settings, { applicationName: CREATOR, replication: true, signal });
  const done = new AbortController();
  let pid = 0;
  try {
    pid = (await replication.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid ?? 0;
    // statement_timeout does not reach replication commands, so the clock is ours; lock_timeout does.
    await replication.query(`SET lock_timeout = ${timeoutMs}`);
    const until = AbortSignal.any([signal, done.signal]);
    const expired = clock.sleep(timeoutMs, until).then(() => {
      throw new TooLong();
    });
    const patience = clock.sleep(Math.min(SAY_SO_AFTER_MS, timeoutMs / 2), until);
    patience.then(
      () => log.warn('creating the slot waits for running transactions', { slot: name, see: WHO }),
      () => {},
    );
    await Promise.race([replication.query(creationOf(settings)), expired]);
  } catch (error) {
    if (signal.aborted || error instanceof TooLong) await undoCreation(settings, pid);
    signal.throwIfAborted();
    if (error instanceof TooLong || codeOf(error) === '55P03') throw slowCreation(settings, timeoutMs, error);
    throw databaseError(error, `cannot create slot "${name}"`);
  } finally {
    done.abort();
    await endSession(replication);
  }
}

const CREATION_MS = 60_000;
const SAY_SO_AFTER_MS = 3000;
const WHO =
  'SELECT pid, application_name, xact_start FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start';
const UNDO_MS = 2500;
const CREATOR = 'millrace/slot';
class TooLong extends Error {}

/** Ends the process that creates the slot, which drops an unfinished one, and drops one that was finished after all. */
async function undoCreation(settings: PostgresSettings, pid: number): Promise<void> {
  // A session and a signal of its own: ours may be the aborted one.
  const options = { applicationName: 'millrace/slot-undo', signal: AbortSignal.timeout(UNDO_MS) };
  const undo = withSession(settings, options, async (client) => {
    for (;;) {
      const running = await client.query(
        'SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND application_name = $2',
        [pid, CREATOR],
      );
      if (running.rows.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await client.query(
      `SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots
        WHERE slot_name = $1 AND NOT active AND plugin = 'pgoutput' AND database = current_database()`,
      [settings.slotName],
    );
  });
  // What fails here is said by the claim: the next run finds the slot as its own.
  await undo.catch(() => {});
}

function slowCreation(settings: PostgresSettings, timeoutMs: number, cause: unknown): MillraceError {
  return new MillraceError(
    'database-unavailable',
    `slot "${settings.slotName}" could not be created within ${timeoutMs} ms and was given up: creating it waits for the transactions that are running. ` +
      `See them: ${WHO}; ` +
      'and the prepared ones: SELECT gid, prepared FROM pg_prepared_xacts',
    { cause },
  );
}
