/** What the server says of its log and of our slot, for the lag and the alarm: one cheap question. */
import type pg from 'pg';
import type { LogPoint, LogReading } from '../../ports.ts';
import { withSession } from './connection.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import type { PostgresSettings } from './settings.ts';

const TIMEOUT_MS = 5000;

/**
 * The end of the log is that of what is flushed: more is sent to nobody. A walsender that has nothing to send waits in
 * WalSenderMain, one whose client does not read in WalSenderWriteData or ClientWrite; one that waits for neither works.
 */
export async function readLog(client: pg.Client, slotName: string): Promise<LogReading> {
  const result = await client.query<{
    head: string;
    confirmed: string | null;
    restart: string | null;
    decoding: boolean | null;
  }>(
    `SELECT w.head::text AS head, s.confirmed_flush_lsn::text AS confirmed, s.restart_lsn::text AS restart,
            a.pid IS NOT NULL AND a.wait_event_type IS DISTINCT FROM 'Activity'
              AND a.wait_event_type IS DISTINCT FROM 'Client' AS decoding
       FROM (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                         ELSE pg_catalog.pg_current_wal_flush_lsn() END AS head) w
       LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $1
       LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid AND a.state IS NOT NULL`,
    [slotName],
  );
  const row = result.rows[0];
  const head = parseLsn(row?.head ?? '0/0');
  return {
    head: pointAt(head),
    confirmed: row?.confirmed ? pointAt(parseLsn(row.confirmed)) : null,
    retainedBytes: row?.restart ? Math.max(0, Number(head - parseLsn(row.restart))) : null,
    decoding: row?.decoding === true,
  };
}

/** The same in a session of its own. Rejects when the server does not answer within 5 s. */
export function readLogAlone(settings: PostgresSettings, signal: AbortSignal): Promise<LogReading> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  return withSession(settings, { applicationName: 'millrace/metrics', signal: patience }, (client) =>
    readLog(client, settings.slotName),
  );
}

export function pointAt(lsn: bigint): LogPoint {
  return { bytes: lsn, text: formatLsn(lsn) };
}
