import type pg from 'pg';
import { MillraceError } from '../../errors.ts';
import type { Log } from '../../ports.ts';
import { databaseError } from './connection.ts';
import type { PostgresSettings } from './settings.ts';

interface TableName {
  readonly schema: string;
  readonly name: string;
}
interface TableRow extends TableName {
  readonly partitioned: boolean;
  /** The topmost table that this one is a partition of; null for a table of its own. */
  readonly root: string | null;
  /** Without one, a publication makes UPDATE and DELETE on the table fail. */
  readonly identity: boolean;
}
interface Publication {
  readonly inserts: boolean;
  readonly changes: boolean;
  readonly root: boolean;
}

export interface PublicationContext {
  readonly log: Log;
  /** `continued`: a slot exists, so what was not published since then is lost and must not be covered up. */
  readonly start: 'first' | 'continued';
}

/** Makes sure that the publication exists and covers every captured table; committed before the slot is created. */
export async function ensurePublication(
  client: pg.Client,
  settings: PostgresSettings,
  context: PublicationContext,
): Promise<void> {
  const { publicationName: name, publicationAutocreate: mode } = settings;
  const found = await client.query<Publication>(
    `SELECT pubinsert AS inserts, pubupdate OR pubdelete AS changes, pubviaroot AS root
       FROM pg_catalog.pg_publication WHERE pubname = $1`,
    [name],
  );
  const publication = found.rows[0];
  const tables = mode === 'no_tables' ? [] : await capturedTables(client, settings);
  const wanted = tables.filter((table) => table.root === null);
  if (!publication) return create(client, settings, context, tables);
  if (!publication.inserts) {
    throw new MillraceError(
      'refused',
      `publication "${name}" does not publish inserts. Run: ALTER PUBLICATION ${quote(name)} SET (publish = 'insert, update, delete')`,
    );
  }
  const partitioned = wanted.find((table) => table.partitioned);
  if (partitioned && !publication.root) {
    // Rows would come under their partition's name, which the include list does not match: silence.
    throw new MillraceError(
      'refused',
      `${full(partitioned)} is partitioned and publication "${name}" names the partitions, not the table. ` +
        `Run: ALTER PUBLICATION ${quote(name)} SET (publish_via_partition_root = true)`,
    );
  }
  const covered = await client.query<TableName>(
    'SELECT schemaname AS schema, tablename AS name FROM pg_catalog.pg_publication_tables WHERE pubname = $1',
    [name],
  );
  const names = new Set(covered.rows.map(full));
  const missing = tables.filter((table) => !names.has(full(table)));
  refusePartitions(missing);
  if (missing.length > 0) await widen(client, settings, context, missing);
  if (publication.changes) warnOfIdentity(wanted, name, context.log);
  await warnOfFilters(client, settings, context.log);
}

async function create(
  client: pg.Client,
  settings: PostgresSettings,
  { log, start }: PublicationContext,
  tables: readonly TableRow[],
): Promise<void> {
  const { publicationName: name, publicationAutocreate: mode } = settings;
  refusePartitions(tables);
  if (start === 'continued') {
    throw new MillraceError(
      'refused',
      `publication "${name}" does not exist any more, but slot "${settings.slotName}" does: what was committed without the publication cannot be read. ` +
        `To accept that gap: SELECT pg_drop_replication_slot('${settings.slotName}'); and reset the stored position, which starts anew`,
    );
  }
  if (mode === 'disabled') {
    throw new MillraceError(
      'refused',
      `publication "${name}" does not exist and publication.autocreate.mode is "disabled". Run: ${createStatement({ ...settings, publicationAutocreate: 'filtered' }, tables)}`,
    );
  }
  await run(client, createStatement(settings, tables));
  log.info('created the publication', { publication: name, tables: tables.length });
  warnOfIdentity(tables, name, log);
}

async function widen(
  client: pg.Client,
  settings: PostgresSettings,
  { log, start }: PublicationContext,
  missing: readonly TableRow[],
): Promise<void> {
  const { publicationName: name, publicationAutocreate: mode } = settings;
  const add = `ALTER PUBLICATION ${quote(name)} ADD TABLE ${missing.map(quoted).join(', ')}`;
  if (mode !== 'filtered') {
    throw new MillraceError(
      'refused',
      `publication "${name}" does not cover ${missing.map(full).join(', ')}: their changes would never arrive. Run: ${add}`,
    );
  }
  await run(client, add);
  const fields = { publication: name, added: missing.map(full) };
  if (start === 'first') log.info('widened the publication', fields);
  else log.warn('widened the publication: rows committed to these tables before now were not captured', fields);
}

/** A partition that the publication does not list comes under the name of its root, which the list does not match. */
function refusePartitions(tables: readonly TableRow[]): void {
  const partition = tables.find((table) => table.root !== null);
  if (!partition) return;
  throw new MillraceError(
    'refused',
    `table.include.list matches ${full(partition)}, which is a partition of ${partition.root}: its rows arrive under the name of the whole table, ` +
      `so they would never be captured. Put ${partition.root} into table.include.list instead`,
  );
}

function warnOfIdentity(tables: readonly TableRow[], publication: string, log: Log): void {
  const without = tables.filter((table) => !table.identity).map(full);
  if (without.length === 0) return;
  log.warn(
    'tables without a replica identity: while they are published, UPDATE and DELETE on them fail; add a primary key',
    {
      publication,
      tables: without,
    },
  );
}

/** Column lists and row filters (PostgreSQL 15) are somebody's wish, but whoever misses rows has to find the reason. */
async function warnOfFilters(client: pg.Client, settings: PostgresSettings, log: Log): Promise<void> {
  const result = await client.query<TableName>(
    `SELECT n.nspname AS schema, c.relname AS name
       FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
       JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE p.pubname = $1 AND (to_jsonb(r)->>'prqual' IS NOT NULL OR to_jsonb(r)->>'prattrs' IS NOT NULL)`,
    [settings.publicationName],
  );
  const tables = result.rows.map(full).filter((name) => matches(settings, name));
  if (tables.length === 0) return;
  log.warn('the publication has a row filter or a column list: what it leaves out is not captured', {
    publication: settings.publicationName,
    tables,
  });
}

/** Tables that match `table.include.list`, and partitions that match it although their root does not. */
async function capturedTables(client: pg.Client, settings: PostgresSettings): Promise<readonly TableRow[]> {
  const { includeTables } = settings;
  const result = await client.query<TableRow>(
    `SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned,
            CASE WHEN c.relispartition THEN rn.nspname || '.' || r.relname END AS root,
            c.relreplident = 'f' OR EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid
              AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) AS identity
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_catalog.pg_class r ON c.relispartition AND r.oid = pg_catalog.pg_partition_root(c.oid)
       LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      ORDER BY 1, 2`,
  );
  const matched = result.rows.filter((table) => matches(settings, full(table)));
  const tables = matched.filter((table) => table.root === null || !matches(settings, table.root));
  if (tables.length > 0) return tables;
  throw new MillraceError(
    'refused',
    `table.include.list matches no table of database "${settings.database}": ${includeTables.map((pattern) => pattern.source).join(', ')}. ` +
      'Create the table first (sql/postgres/outbox.sql), or correct the list: it is matched against schema.table',
  );
}

function matches({ includeTables }: PostgresSettings, name: string): boolean {
  return includeTables.length === 0 || includeTables.some((pattern) => pattern.test(name));
}

function createStatement(settings: PostgresSettings, tables: readonly TableName[]): string {
  const head = `CREATE PUBLICATION ${quote(settings.publicationName)}`;
  const viaRoot = 'WITH (publish_via_partition_root = true)';
  switch (settings.publicationAutocreate) {
    case 'all_tables':
      return `${head} FOR ALL TABLES ${viaRoot}`;
    case 'no_tables':
      return head;
    case 'filtered':
    case 'disabled':
      return `${head} FOR TABLE ${tables.map(quoted).join(', ')} ${viaRoot}`;
  }
}

async function run(client: pg.Client, sql: string): Promise<void> {
  try {
    await client.query(sql);
  } catch (error) {
    throw databaseError(error, `cannot set the publication up with: ${sql}`);
  }
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const quoted = (table: TableName): string => `${quote(table.schema)}.${quote(table.name)}`;
const full = (table: TableName): string => `${table.schema}.${table.name}`;
