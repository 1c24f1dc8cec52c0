/** Who holds the lease, since when, and whether he is alive. */
import type pg from 'pg';
import type { Diagnosis } from '../../change/finding.ts';
import { leaseLock, leaseName } from './lease.ts';

/** The holder's session is pinged every 5 s; one that is silent for longer than this is frozen or cut off. */
const SILENT_MS = 12_000;

export interface LeaseSession {
  readonly pid: number;
  readonly name: string | null;
  readonly host: string | null;
  readonly since: string | null;
  /** Since its last statement; null where we may not see it. */
  readonly silentMs: number | null;
  readonly holds: boolean;
}

export async function readLeaseSessions(client: pg.Client, connectorName: string): Promise<readonly LeaseSession[]> {
  const { classId, objectId } = leaseLock(connectorName);
  const result = await client.query<LeaseSession>(
    `WITH holders AS (
       SELECT coalesce(pid, 0) AS pid FROM pg_catalog.pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = $1 AND objid::bigint = $2
          AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
     SELECT coalesce(h.pid, a.pid) AS pid, a.application_name AS name,
            coalesce(a.client_hostname, host(a.client_addr), CASE WHEN a.backend_start IS NULL THEN NULL ELSE 'this machine''s socket' END) AS host,
            to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since,
            CASE WHEN a.state = 'idle' THEN (extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change) * 1000)::float8
                 WHEN a.state IS NOT NULL THEN 0 END AS "silentMs",
            h.pid IS NOT NULL AS holds
       FROM holders h FULL JOIN (SELECT * FROM pg_catalog.pg_stat_activity
                                  WHERE datname = current_database() AND (application_name = $3 OR pid IN (SELECT pid FROM holders))) a ON a.pid = h.pid
      ORDER BY holds DESC, 1`,
    [classId, objectId, leaseName(connectorName)],
  );
  return result.rows;
}

/** Pure. `slotInUse`: our walsender streams. */
export function judgeLease(
  connectorName: string,
  sessions: readonly LeaseSession[],
  slotInUse: boolean,
): readonly Diagnosis[] {
  const holder = sessions.find(({ holds }) => holds);
  const standbys = sessions.filter(({ holds }) => !holds);
  if (holder === undefined) return [nobody(standbys, slotInUse)];
  const { pid, name, silentMs } = holder;
  const { classId, objectId } = leaseLock(connectorName);
  if (pid === 0 || (name !== null && !name.startsWith('millrace/'))) {
    return [
      {
        level: 'broken',
        area: 'lease',
        text: `advisory lock (${classId}, ${objectId}), which is the lease of "${connectorName}", is held by ${inWords(holder)}, which is not Millrace`,
        means: 'another program uses our lock number: no instance will ever work',
        remedy: 'rename the connector, which moves it to another number, or end that session',
      },
    ];
  }
  if (silentMs !== null && silentMs > SILENT_MS) {
    return [
      {
        level: 'broken',
        area: 'lease',
        text: `the lease is held by ${inWords(holder)}, which has said nothing for ${Math.round(silentMs / 1000)} s and should every 5 s: the instance is frozen, or its network is cut`,
        means:
          'nothing is delivered, and no other instance may take over yet: PostgreSQL 14 and newer end the session after 15 s, older ones never',
        remedy: `kill or continue that instance, or: SELECT pg_terminate_backend(${pid})`,
      },
    ];
  }
  const others = standbys.length === 0 ? '' : `; ${standbys.length} more stand by`;
  return [{ level: 'ok', area: 'lease', text: `the lease is held by ${inWords(holder)}${others}` }];
}

function nobody(standbys: readonly LeaseSession[], slotInUse: boolean): Diagnosis {
  if (standbys[0] !== undefined) {
    return {
      level: 'warning',
      area: 'lease',
      text: `nobody holds the lease, though ${inWords(standbys[0])} is connected: an instance is just starting or taking over`,
      remedy: 'look again in a few seconds',
    };
  }
  if (slotInUse) {
    return {
      level: 'broken',
      area: 'lease',
      text: "nobody holds the lease, though the connector's own walsender still uses the slot: its instance is frozen or its network is cut",
      means: 'nothing is delivered until that instance goes on, or another is started, which ends the walsender',
      remedy: 'kill or continue that instance, or start another: millrace run FILE',
    };
  }
  return {
    level: 'broken',
    area: 'lease',
    text: `no instance of the connector runs: nobody holds its lease (or it has failed and waits before it tries again; its log says so)`,
    means: 'nothing is delivered; what is committed meanwhile waits in the log of the database',
    remedy: 'mend what stands above, then: millrace run FILE',
  };
}

function inWords({ pid, name, host, since }: LeaseSession): string {
  if (pid === 0) return 'a prepared transaction';
  const from = host === null ? '' : ` from ${host}`;
  return `process ${pid} ("${name ?? 'a session that has just ended'}"${from}${since === null ? '' : `, since ${since}`})`;
}
