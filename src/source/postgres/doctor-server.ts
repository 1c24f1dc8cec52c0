/** What the server as a whole has to do with it: settings, room, clock, what stands between. */
import type pg from 'pg';
import type { Diagnosis } from '../../change/finding.ts';
import { announcedPid } from './connection.ts';
import { judgeServer } from './preflight.ts';
import type { PostgresSettings } from './settings.ts';
import { checkSynchronous } from './synchronous.ts';

/** More than this between two clocks is said. */
const CLOCKS_APART_MS = 1000;
const SHORT_TIMEOUT_MS = 10_000;

interface Settings {
  readonly senders: number;
  readonly mostSenders: number;
  readonly slots: number;
  readonly mostSlots: number;
  readonly senderTimeoutMs: number;
  readonly levelPending: boolean;
  readonly backend: number;
  readonly slotNames: readonly string[];
  readonly senderNames: readonly string[];
}

/** Also says whether the server can decode its log at all. */
export async function examineServer(
  client: pg.Client,
  settings: PostgresSettings,
): Promise<{ readonly diagnoses: readonly Diagnosis[]; readonly decodes: boolean }> {
  const { version, refusals } = await judgeServer(client, settings);
  const found = await read(client);
  const name = `${Math.floor(version / 10_000)}.${version % 10_000}`;
  const diagnoses: Diagnosis[] = refusals.map(({ message, statement }) => {
    const pending = statement?.includes('wal_level') === true && found.levelPending;
    return {
      level: 'broken',
      area: 'server',
      text: pending ? `${message}. It is set already: only the restart is missing` : message,
      means: 'the log holds no rows that could be read, or not here',
      ...(statement === null ? {} : { remedy: pending ? 'restart the server' : statement }),
    };
  });
  diagnoses.push(...timeouts(found));
  if (announcedPid(client) !== found.backend) {
    diagnoses.push({
      level: 'warning',
      area: 'server',
      text: 'a connection pooler stands between: the session is served by another process than it was told',
      means: 'in transaction mode the lease means nothing, and replication does not pass a pooler at all',
      remedy: 'point database.hostname and database.port at PostgreSQL itself',
    });
  }
  if (refusals.length === 0) {
    const room = `${found.slots} of ${found.mostSlots} slots and ${found.senders} of ${found.mostSenders} walsenders in use`;
    diagnoses.push({ level: 'ok', area: 'server', text: `PostgreSQL ${name}, wal_level logical, ${room}` });
  }
  return { diagnoses, decodes: refusals.length === 0 };
}

async function read(client: pg.Client): Promise<Settings> {
  const result = await client.query<Settings>(
    `SELECT (SELECT count(*)::int FROM pg_catalog.pg_replication_slots) AS slots,
            current_setting('max_replication_slots')::int AS "mostSlots",
            (SELECT count(*)::int FROM pg_catalog.pg_stat_activity WHERE backend_type = 'walsender') AS senders,
            current_setting('max_wal_senders')::int AS "mostSenders",
            (SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout') AS "senderTimeoutMs",
            (SELECT pending_restart FROM pg_catalog.pg_settings WHERE name = 'wal_level') AS "levelPending",
            pg_catalog.pg_backend_pid() AS backend,
            array(SELECT slot_name::text || CASE WHEN active THEN '' ELSE ' (not in use)' END FROM pg_catalog.pg_replication_slots ORDER BY active, 1) AS "slotNames",
            array(SELECT pid || ' "' || application_name || '"' FROM pg_catalog.pg_stat_activity WHERE backend_type = 'walsender' ORDER BY 1) AS "senderNames"`,
  );
  const [row] = result.rows;
  if (row === undefined) throw new Error('the server answered nothing to a question about its settings');
  return row;
}

function timeouts({ senderTimeoutMs }: Settings): Diagnosis[] {
  const remedy = "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf()";
  if (senderTimeoutMs === 0) {
    return [
      {
        level: 'warning',
        area: 'server',
        text: 'wal_sender_timeout is 0: the server never gives a walsender up whose client is gone',
        means: 'after a cut network the slot stays in use by a dead connection',
        remedy,
      },
    ];
  }
  if (senderTimeoutMs >= SHORT_TIMEOUT_MS) return [];
  return [
    {
      level: 'warning',
      area: 'server',
      text: `wal_sender_timeout is ${senderTimeoutMs} ms: a pause of that length ends the stream`,
      means: 'the connector starts again and again, most of all under load',
      remedy,
    },
  ];
}

/** Whether there is room for what is missing of ours: a slot, a walsender. */
export async function examineRoom(
  client: pg.Client,
  needs: { readonly slot: boolean; readonly sender: boolean },
): Promise<Diagnosis[]> {
  const found = await read(client);
  const full = (setting: string, most: number, by: readonly string[]): Diagnosis => ({
    level: 'broken',
    area: 'server',
    text: `all ${most} of ${setting} are in use, by ${by.slice(0, 10).join(', ')}${by.length > 10 ? ' and others' : ''}`,
    means: 'there is none left for this connector',
    remedy:
      setting === 'max_replication_slots'
        ? "drop one that nobody needs: SELECT pg_drop_replication_slot('NAME'); or raise the setting, which takes a restart"
        : `ALTER SYSTEM SET ${setting} = ${most + 4}; then restart the server`,
  });
  return [
    ...(needs.slot && found.slots >= found.mostSlots
      ? [full('max_replication_slots', found.mostSlots, found.slotNames)]
      : []),
    ...(needs.sender && found.senders >= found.mostSenders
      ? [full('max_wal_senders', found.mostSenders, found.senderNames)]
      : []),
  ];
}

/** Throws `refused` when our walsender would count as a synchronous standby. */
export async function examineSynchronous(client: pg.Client, walsender: string): Promise<void> {
  const result = await client.query<{ names: string }>("SELECT current_setting('synchronous_standby_names') AS names");
  checkSynchronous(result.rows[0]?.names ?? '', walsender);
}

/** This machine's clock beside the server's. */
export async function examineClock(client: pg.Client, now: () => number): Promise<Diagnosis> {
  const before = now();
  const result = await client.query<{ ms: number }>(
    'SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::float8 AS ms',
  );
  return judgeClock({ before, after: now(), server: result.rows[0]?.ms ?? before });
}

/** Pure: the server's time was read between `before` and `after`; all in milliseconds since 1970-01-01 UTC. */
export function judgeClock(read: {
  readonly before: number;
  readonly after: number;
  readonly server: number;
}): Diagnosis {
  const { before, after, server } = read;
  // Anything between the two is what this clock may have shown when the server looked at its own.
  const apartMs = server < before ? before - server : Math.max(0, server - after);
  if (apartMs <= CLOCKS_APART_MS) {
    return { level: 'ok', area: 'clock', text: 'the clocks of this machine and of PostgreSQL agree within a second' };
  }
  const which = server < before ? 'behind' : 'ahead of';
  return {
    level: 'warning',
    area: 'clock',
    text: `the clock of PostgreSQL is ${(apartMs / 1000).toFixed(1)} s ${which} this machine's`,
    means: 'lags and ages are wrong by as much; events carry the time of the machine that runs the connector',
    remedy: 'timedatectl timesync-status on both machines',
  };
}
