/** The slot: whether it is there and ours, what it still keeps, and who keeps it from moving on. */
import type pg from 'pg';
import type { Diagnosis } from '../../change/finding.ts';
import type { PostgresSettings } from './settings.ts';
import { type Slot, readSlot } from './slot.ts';

const OLD_TRANSACTION_MS = 30_000;
/** Less than this part of max_slot_wal_keep_size left is said. */
const LITTLE_LEFT = 0.25;

export interface SlotDetails extends Slot {
  /** Who streams from it: null when nobody does, or when the process has just ended. */
  readonly user: {
    readonly name: string;
    readonly role: string | null;
    readonly host: string | null;
    readonly since: string | null;
    readonly waitsFor: string | null;
  } | null;
  readonly retainedBytes: number | null;
  /** How much more log may be written before the slot is lost; null: without limit. */
  readonly safeBytes: number | null;
  /** Of max_slot_wal_keep_size; null: without limit. */
  readonly limitBytes: number | null;
  /** Since PostgreSQL 17. */
  readonly inactiveSince: string | null;
  /** idle_replication_slot_timeout of PostgreSQL 18; 0: none. */
  readonly idleTimeoutSeconds: number;
}

export async function readSlotDetails(client: pg.Client, name: string): Promise<SlotDetails | null> {
  const slot = await readSlot(client, name);
  if (slot === null) return null;
  const result = await client.query<Omit<SlotDetails, keyof Slot | 'user'> & { user: SlotDetails['user'] }>(
    `SELECT CASE WHEN a.pid IS NULL THEN NULL ELSE
              jsonb_build_object('name', a.application_name, 'role', a.usename,
                'host', coalesce(a.client_hostname, host(a.client_addr)),
                'since', to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                'waitsFor', a.wait_event) END AS user,
            pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::float8 AS "retainedBytes",
            (to_jsonb(s)->>'safe_wal_size')::float8 AS "safeBytes",
            (SELECT CASE WHEN setting::bigint < 0 THEN NULL ELSE setting::bigint * 1048576 END::float8
               FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size') AS "limitBytes",
            to_jsonb(s)->>'inactive_since' AS "inactiveSince",
            coalesce((SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'idle_replication_slot_timeout'), 0) AS "idleTimeoutSeconds"
       FROM pg_catalog.pg_replication_slots s LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
      WHERE s.slot_name = $1`,
    [name],
  );
  const [row] = result.rows;
  return row === undefined ? null : { ...slot, ...row };
}

/** Everything of a slot that is there and can be streamed. `walsender`: our application_name, null when it is not known. Pure. */
export function judgeSlot(settings: PostgresSettings, slot: SlotDetails, walsender: string | null): Diagnosis[] {
  const name = settings.slotName;
  const out: Diagnosis[] = [...inUse(name, slot, walsender), ...room(name, slot)];
  const idle =
    slot.activePid === null && slot.inactiveSince !== null ? `, not in use since ${utc(slot.inactiveSince)}` : '';
  const limit = slot.limitBytes === null ? 'without limit (max_slot_wal_keep_size=-1)' : `of ${size(slot.limitBytes)}`;
  out.push({
    level: 'ok',
    area: 'slot',
    text: `slot "${name}" has confirmed ${slot.confirmed ?? 'nothing yet'}${idle}; it keeps ${size(slot.retainedBytes ?? 0)} of log ${limit}`,
  });
  if (slot.activePid === null && slot.idleTimeoutSeconds > 0) {
    out.push({
      level: 'warning',
      area: 'slot',
      text: `slot "${name}" is not in use, and idle_replication_slot_timeout is ${slot.idleTimeoutSeconds} s`,
      means: 'a slot that nobody uses for that long is given up by the server, with the changes it kept',
      remedy: 'start the connector, or: ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf()',
    });
  }
  return out;
}

function inUse(name: string, { activePid, user }: SlotDetails, walsender: string | null): Diagnosis[] {
  if (activePid === null) return [];
  const who = user === null ? `process ${activePid}` : holder(activePid, user);
  const isOurs = user === null || user.name === walsender;
  const text = `slot "${name}" is in use by ${who}`;
  if (isOurs) {
    const slow = user?.waitsFor === 'WalSenderWriteData' || user?.waitsFor === 'ClientWrite';
    if (!slow) return [{ level: 'ok', area: 'slot', text: `${text}, the connector's own` }];
    return [
      {
        level: 'warning',
        area: 'slot',
        text: `${text}, the connector's own, which waits to be read (${user?.waitsFor ?? ''})`,
        means: 'the connector does not take more: Kafka, or the machine that it runs on, is what is slow',
        remedy: 'compare millrace_commit_seconds in /metrics, and CPU and network of the connector',
      },
    ];
  }
  if (walsender === null && user?.name.startsWith('millrace/') === true) {
    return [{ level: 'ok', area: 'slot', text: `${text}, an instance of Millrace` }];
  }
  return [
    {
      level: 'broken',
      area: 'slot',
      text: `${text}, which is not this connector`,
      means: 'a slot serves one: what the other reads does not come to us',
      remedy: `stop it, or set slot.name to another name; by force: SELECT pg_terminate_backend(${activePid})`,
    },
  ];
}

function holder(pid: number, { name, role, host, since }: NonNullable<SlotDetails['user']>): string {
  const by = role === null ? '' : `, role ${role}`;
  return `process ${pid} with application_name "${name}"${by}${host === null ? '' : ` from ${host}`}${since === null ? '' : `, since ${since}`}`;
}

function room(name: string, { walStatus, safeBytes, limitBytes, retainedBytes }: SlotDetails): Diagnosis[] {
  const little = safeBytes !== null && limitBytes !== null && safeBytes < limitBytes * LITTLE_LEFT;
  if (walStatus !== 'unreserved' && !little) return [];
  const kept = `it keeps ${size(retainedBytes ?? 0)} of log and max_slot_wal_keep_size is ${size(limitBytes ?? 0)}`;
  return [
    {
      level: 'warning',
      area: 'slot',
      text:
        walStatus === 'unreserved'
          ? `slot "${name}" is about to be lost: ${kept}; the next checkpoint may remove what it needs (wal_status unreserved)`
          : `slot "${name}" will be lost after ${size(Math.max(0, safeBytes ?? 0))} more of log: ${kept}`,
      means: 'once it is lost the changes between are gone for the connector, and it has to start anew with a gap',
      remedy: 'ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf()',
    },
  ];
}

/** A transaction that has written and not ended: the log since its start is kept, and its own rows are not there yet. */
export interface OpenWriter {
  /** Process number, or the name of a prepared transaction. */
  readonly pid: number | null;
  readonly gid: string | null;
  readonly xid: string;
  readonly name: string | null;
  readonly role: string | null;
  readonly state: string | null;
  readonly since: string | null;
  /** null where we may not see it. */
  readonly ageMs: number | null;
}

export async function readOpenWriters(client: pg.Client): Promise<readonly OpenWriter[]> {
  const result = await client.query<OpenWriter>(
    `SELECT pid, NULL AS gid, backend_xid::text AS xid, application_name AS name, usename AS role, state,
            to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since,
            (extract(epoch FROM pg_catalog.clock_timestamp() - xact_start) * 1000)::float8 AS "ageMs"
       FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
      UNION ALL
     SELECT NULL, gid, transaction::text, NULL, owner, 'prepared',
            to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            (extract(epoch FROM pg_catalog.clock_timestamp() - prepared) * 1000)::float8
       FROM pg_catalog.pg_prepared_xacts ORDER BY 8 DESC NULLS LAST`,
  );
  return result.rows;
}

/** Those that are old, or of unknown age and there at both looks. Pure. */
export function judgeOpenWriters(
  writers: readonly OpenWriter[],
  earlier: readonly OpenWriter[],
  isCreating: boolean,
): Diagnosis[] {
  const before = new Set(earlier.map(({ xid }) => xid));
  const old = writers.filter(({ ageMs, xid }) =>
    ageMs === null ? before.has(xid) : ageMs >= (isCreating ? 3000 : OLD_TRANSACTION_MS),
  );
  return old.slice(0, 5).map(({ pid, gid, name, role, state, since, ageMs }): Diagnosis => {
    const who =
      gid === null
        ? `the transaction of process ${pid} ("${name ?? ''}", role ${role ?? '?'}, ${state ?? 'state not shown to this role'})`
        : `the prepared transaction "${gid}" of role ${role ?? '?'}`;
    const open = since === null ? 'open at both looks' : `open since ${since} (${Math.round((ageMs ?? 0) / 1000)} s)`;
    return {
      level: isCreating ? 'broken' : 'warning',
      area: 'slot',
      text: `${who} is ${open} and has written`,
      means: isCreating
        ? 'a new slot can only be created when it has ended: the connector waits for it'
        : 'what it wrote arrives when it commits; until it ends the log since its start is kept, and the slot cannot move its restart point',
      remedy:
        gid === null
          ? `SELECT pg_terminate_backend(${pid})`
          : `COMMIT PREPARED '${gid}', or ROLLBACK PREPARED '${gid}'`,
    };
  });
}

/** As pg_size_pretty, about. */
export function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; Math.abs(value) >= 10_240 && unit < units.length - 1; unit++) value /= 1024;
  return `${Math.round(value)} ${units[unit] ?? ''}`;
}

function utc(time: string): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? time : at.toISOString();
}
