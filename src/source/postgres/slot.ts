import { createHash } from 'node:crypto';
import type pg from 'pg';
import { MillraceError } from '../../errors.ts';
import type { Clock, Log } from '../../ports.ts';
import { codeOf, connect, databaseError } from './connection.ts';
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
            confirmed_flush_lsn::text AS confirmed, wal_status AS "walStatus"
       FROM pg_catalog.pg_replication_slots WHERE slot_name = $1`,
    [name],
  );
  return result.rows[0] ?? null;
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
  if (slot.walStatus === 'lost') {
    throw new MillraceError(
      'refused',
      `slot "${slotName}" is lost: the server removed log it needed (max_slot_wal_keep_size), so changes are missing. ` +
        `After checking what was lost: SELECT pg_drop_replication_slot('${slotName}'); and reset the stored position`,
    );
  }
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
    if (holder.ended === null || attempt >= 50) {
      throw new MillraceError(
        'refused',
        `slot "${settings.slotName}" is in use by process ${holder.pid} with application_name "${holder.name}", which is not ours: ` +
          'a copied configuration on another Kafka cluster, or another program. Stop it, or set slot.name to another name',
      );
    }
    context.log.warn('ended our own stale walsender', { slot: settings.slotName, pid: holder.pid });
    await context.clock.sleep(100, context.signal);
  }
}

/**
 * Creates the slot. It waits for every transaction that is running now, so it is bounded: an unfinished creation is
 * cancelled and what it left is dropped (an orphan would hold the log back for ever).
 */
export async function createSlot(settings: PostgresSettings, client: pg.Client, signal: AbortSignal): Promise<void> {
  const name = settings.slotName;
  const replication = await connect(settings, { applicationName: 'millrace/slot', replication: true, signal });
  try {
    await replication.query("SET lock_timeout = '30s'");
    await replication.query("SET statement_timeout = '60s'");
    await replication.query(`CREATE_REPLICATION_SLOT "${name}" LOGICAL pgoutput NOEXPORT_SNAPSHOT`);
  } catch (error) {
    if (codeOf(error) === '57014' || codeOf(error) === '55P03') {
      const left = await readSlot(client, name);
      if (left?.activePid === null) await client.query('SELECT pg_catalog.pg_drop_replication_slot($1)', [name]);
      throw new MillraceError(
        'database-unavailable',
        `slot "${name}" could not be created within 60 s: creating it waits for the transactions that are running. ` +
          "See them: SELECT pid, xact_start, query FROM pg_stat_activity WHERE state <> 'idle' ORDER BY xact_start",
        { cause: error },
      );
    }
    throw databaseError(error, `cannot create slot "${name}"`);
  } finally {
    await replication.end().catch(() => {});
  }
}
