/** What `plan` asks beside the checks of a start: rights, room for a slot, sizes. */
import type pg from 'pg';
import type { Finding } from '../../change/finding.ts';
import type { PublicationPlan } from './publication.ts';
import type { PostgresSettings } from './settings.ts';

/** Whether the role may do what is planned for the publication. */
export async function publicationRights(
  client: pg.Client,
  { user, database, publicationAutocreate, publicationName }: PostgresSettings,
  { kind, tables }: NonNullable<PublicationPlan['action']>,
): Promise<Finding[]> {
  const role = quote(user);
  const result = await client.query<{ super: boolean; create: boolean; publication: boolean; foreign: string[] }>(
    `SELECT r.rolsuper AS super, pg_catalog.has_database_privilege(current_database(), 'CREATE') AS "create",
            coalesce((SELECT pg_catalog.pg_has_role(pubowner, 'USAGE') FROM pg_catalog.pg_publication WHERE pubname = $2), true) AS publication,
            array(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
                    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname || '.' || c.relname = ANY($1) AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')) AS foreign
       FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`,
    [tables, publicationName],
  );
  const row = result.rows[0];
  if (row === undefined || row.super) return [];
  const lacking = (text: string, statement?: string): Finding => {
    const whole = `role "${user}" ${text}. Or create the publication as an owner and set publication.autocreate.mode=disabled`;
    return { level: 'obstacle', text: whole, ...(statement === undefined ? {} : { statement }) };
  };
  if (kind === 'create' && publicationAutocreate === 'all_tables') {
    return [lacking('is no superuser, which FOR ALL TABLES needs')];
  }
  return [
    ...(kind === 'create' && !row.create
      ? [lacking('may not create a publication', `GRANT CREATE ON DATABASE ${quote(database)} TO ${role}`)]
      : []),
    ...(row.publication
      ? []
      : [lacking('does not own the publication', `ALTER PUBLICATION ${quote(publicationName)} OWNER TO ${role}`)]),
    ...row.foreign.map((table) => lacking(`does not own ${table}`, `ALTER TABLE ${table} OWNER TO ${role}`)),
  ];
}

/** Room for one more slot and its walsender, and who would hold its creation up. */
export async function capacity(client: pg.Client): Promise<Finding[]> {
  const result = await client.query<{ slots: number; most: number; senders: number; mostSenders: number }>(
    `SELECT (SELECT count(*)::int FROM pg_catalog.pg_replication_slots) AS slots,
            current_setting('max_replication_slots')::int AS most,
            (SELECT count(*)::int FROM pg_catalog.pg_stat_activity WHERE backend_type = 'walsender') AS senders,
            current_setting('max_wal_senders')::int AS "mostSenders"`,
  );
  const row = result.rows[0];
  const full = (setting: string, used: number, most: number): Finding[] =>
    used < most
      ? []
      : [
          {
            level: 'obstacle',
            text: `all ${most} of ${setting} are in use; the setting takes a restart of the server`,
            statement: `ALTER SYSTEM SET ${setting} = ${most + 4}`,
          },
        ];
  const waits = await client.query<{ pid: number; name: string; seconds: number }>(
    `SELECT pid, application_name AS name, extract(epoch FROM now() - xact_start)::int AS seconds
       FROM pg_catalog.pg_stat_activity
      WHERE backend_xid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid() AND xact_start < now() - interval '5 s'
      ORDER BY xact_start LIMIT 5`,
  );
  return [
    ...(row === undefined
      ? []
      : [
          ...full('max_replication_slots', row.slots, row.most),
          ...full('max_wal_senders', row.senders, row.mostSenders),
        ]),
    ...waits.rows.map(
      ({ pid, name, seconds }): Finding => ({
        level: 'warning',
        text: `creating the slot waits for the transaction of process ${pid} ("${name}"), open for ${seconds} s`,
      }),
    ),
  ];
}

/** How much log is kept, and whether anything limits it. */
export async function sizes(client: pg.Client, slotName: string): Promise<Finding[]> {
  const result = await client.query<{ database: string; retained: string | null; limit: string }>(
    `SELECT pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(current_database())) AS database,
            (SELECT pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), restart_lsn))
               FROM pg_catalog.pg_replication_slots WHERE slot_name = $1) AS retained,
            current_setting('max_slot_wal_keep_size') AS limit`,
    [slotName],
  );
  const row = result.rows[0];
  if (row === undefined) return [];
  const retained = row.retained === null ? '' : `; the slot retains ${row.retained} of log`;
  const limit =
    row.limit === '-1' ? 'without limit while the connector is away' : `up to ${row.limit}, then the slot is lost`;
  return [
    { level: 'ok', text: `the database holds ${row.database}${retained}` },
    {
      level: row.limit === '-1' ? 'warning' : 'ok',
      text: `log is kept for the slot ${limit} (max_slot_wal_keep_size=${row.limit})`,
    },
  ];
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
