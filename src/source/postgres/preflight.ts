/** What has to hold before a byte is streamed; every refusal says how to go on. */
import type pg from 'pg';
import { MillraceError } from '../../errors.ts';
import { address, databaseError, withSession } from './connection.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import type { PostgresPosition } from './position.ts';
import type { PostgresSettings } from './settings.ts';

/** pg_replication_slots.wal_status and the rest of what we ask for is there since 13. */
const OLDEST_VERSION = 130_000;

export interface ServerFacts {
  readonly system: string;
  readonly database: string;
  readonly timeline: number;
  /** This time line and those it descends from, with the LSN up to which each is ours; null: without end. */
  readonly ancestors: readonly { readonly timeline: number; readonly until: bigint | null }[];
  /** As in server_version_num: 180004. */
  readonly version: number;
}

/** Asks the server who it is (IDENTIFY_SYSTEM, TIMELINE_HISTORY) and checks what logical decoding needs. */
export async function readServerFacts(settings: PostgresSettings, signal: AbortSignal): Promise<ServerFacts> {
  const options = { applicationName: 'millrace/preflight', replication: true, signal };
  return withSession(settings, options, async (client) => {
    try {
      const version = await checkServer(client, settings);
      const system = await client.query<{ systemid: string; timeline: number; dbname: string }>('IDENTIFY_SYSTEM');
      const identity = system.rows[0];
      if (!identity) throw new MillraceError('internal', 'IDENTIFY_SYSTEM answered nothing');
      const timeline = Number(identity.timeline);
      const ancestors = await readAncestors(client, timeline);
      return { system: identity.systemid, database: identity.dbname, timeline, ancestors, version };
    } catch (error) {
      throw databaseError(error, 'cannot identify the server');
    }
  });
}

/** Refuses a server that cannot decode its log for us; gives its version. */
async function checkServer(client: pg.Client, settings: PostgresSettings): Promise<number> {
  const { version, refusals } = await judgeServer(client, settings);
  if (refusals[0] !== undefined) throw refusals[0];
  return version;
}

/** The server's version, and everything that keeps it from decoding its log for us. */
export async function judgeServer(
  client: pg.Client,
  settings: PostgresSettings,
): Promise<{ readonly version: number; readonly refusals: readonly MillraceError[] }> {
  const result = await client.query<{ version: string; level: string; recovery: boolean }>(
    `SELECT current_setting('server_version_num') AS version, current_setting('wal_level') AS level,
            pg_catalog.pg_is_in_recovery() AS recovery`,
  );
  const row = result.rows[0];
  if (!row) throw new MillraceError('internal', 'the server answered nothing to a question about itself');
  const version = Number(row.version);
  const refusals: MillraceError[] = [];
  const refuse = (text: string, options?: { readonly statement: string }): void => {
    refusals.push(new MillraceError('refused', text, options));
  };
  if (version < OLDEST_VERSION) {
    refuse(`${address(settings)} is of version ${row.version}: expected PostgreSQL 13 or newer`);
  }
  if (row.level !== 'logical') {
    const statement = 'ALTER SYSTEM SET wal_level = logical';
    refuse(
      `wal_level is "${row.level}" on ${address(settings)}, expected "logical". Run: ${statement}; then restart the server`,
      { statement },
    );
  }
  if (row.recovery) refuse(`${address(settings)} is in recovery (a standby): point the connector at the primary`);
  return { version, refusals };
}

/** The history file has a line for each ancestor: time line, the LSN where it was left, why. */
async function readAncestors(client: pg.Client, timeline: number): Promise<ServerFacts['ancestors']> {
  const own = { timeline, until: null };
  if (timeline === 1) return [own];
  const result = await client.query<{ content: string | Buffer }>(`TIMELINE_HISTORY ${timeline}`);
  const content = String(result.rows[0]?.content ?? '');
  const lines = content.split('\n').map((line) => /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line));
  const older = lines.flatMap((match) =>
    match?.[1] && match[2] ? [{ timeline: Number(match[1]), until: parseLsn(match[2]) }] : [],
  );
  return [...older, own];
}

/** Refuses a position that this server cannot continue without a gap or a repeat. */
export async function checkResume(client: pg.Client, facts: ServerFacts, position: PostgresPosition): Promise<void> {
  // Inside a split transaction the commit record itself, which starts at `lsn`, has to be there.
  const stored = parseLsn(position.lsn) + (position.ordinal === 0 ? 0n : 1n);
  if (position.system !== facts.system) {
    throw new MillraceError(
      'refused',
      `the stored position belongs to the database system ${position.system}, this server is ${facts.system}. ` +
        'Point the connector at the old server, or reset the stored position to start anew here',
    );
  }
  const ancestor = facts.ancestors.find((each) => each.timeline === position.timeline);
  if (!ancestor || (ancestor.until !== null && ancestor.until < stored)) {
    throw new MillraceError(
      'refused',
      `the stored position ${position.lsn} on time line ${position.timeline} is not in the history of this server (time line ${facts.timeline}` +
        `${ancestor?.until == null ? '' : `, which left it at ${formatLsn(ancestor.until)}`}): the server lost delivered changes, or is an old primary`,
    );
  }
  const result = await client.query<{ flush: string }>('SELECT pg_catalog.pg_current_wal_flush_lsn()::text AS flush');
  const flush = result.rows[0]?.flush ?? '0/0';
  if (parseLsn(flush) < stored) {
    throw new MillraceError(
      'refused',
      `the stored position ${position.lsn} lies beyond the server's log, which ends at ${flush}: the server was restored to an earlier state. ` +
        'Streaming from there would silently skip changes; reset the stored position after checking what was lost',
    );
  }
}
