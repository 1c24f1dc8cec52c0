import type pg from 'pg';
import { MillraceError } from '../../errors.ts';
import type { Log } from '../../ports.ts';
import { databaseError } from './connection.ts';
import type { Operation, PostgresSettings } from './settings.ts';

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
  readonly operations: readonly Operation[];
  readonly root: boolean;
}

export interface PublicationContext {
  readonly log: Log;
  /** `continued`: a slot exists, so what was not published since then is lost and must not be covered up. */
  readonly start: 'first' | 'continued';
}

/** What there is to do about a publication, and what stands against it. */
export interface PublicationPlan {
  readonly action: {
    readonly kind: 'create' | 'widen';
    readonly statement: string;
    readonly tables: readonly string[];
  } | null;
  /** A start throws the first; null statement or not, nothing is done then. */
  readonly refusals: readonly MillraceError[];
  /** Captured tables, as schema.table. */
  readonly tables: readonly string[];
  /** Published tables on which UPDATE and DELETE fail. */
  readonly withoutIdentity: readonly string[];
  /** What gives them one: works on every table, but logs whole rows. */
  readonly identityStatements: readonly string[];
  /** What the publication leaves out of row changes that are to be sent, in words; null: nothing. */
  readonly silent: { readonly text: string; readonly statement: string } | null;
  /** Tables of which the publication leaves rows or columns out. */
  readonly filtered: readonly string[];
}

/** Makes sure that the publication exists and covers every captured table; committed before the slot is created. */
export async function ensurePublication(
  client: pg.Client,
  settings: PostgresSettings,
  { log, start }: PublicationContext,
): Promise<void> {
  const name = settings.publicationName;
  const plan = await planPublication(client, settings, start);
  const { action, refusals, tables, withoutIdentity, filtered, silent } = plan;
  if (refusals[0] !== undefined) throw refusals[0];
  if (action !== null) await run(client, action.statement);
  if (action?.kind === 'create') log.info('created the publication', { publication: name, tables: tables.length });
  if (action?.kind === 'widen') {
    const fields = { publication: name, added: action.tables };
    if (start === 'first') log.info('widened the publication', fields);
    else log.warn('widened the publication: rows committed to these tables before now were not captured', fields);
  }
  if (withoutIdentity.length > 0) log.warn(NO_IDENTITY, { publication: name, tables: withoutIdentity });
  if (silent !== null) log.warn(`${silent.text}. Run: ${silent.statement}`, { publication: name });
  // Column lists and row filters (PostgreSQL 15) are somebody's wish, but whoever misses rows has to find the reason.
  if (filtered.length > 0) log.warn(FILTERED, { publication: name, tables: filtered });
}

export const NO_IDENTITY =
  'tables without a replica identity: while they are published, UPDATE and DELETE on them fail; add a primary key, or set REPLICA IDENTITY FULL';
export const FILTERED = 'the publication has a row filter or a column list: what it leaves out is not captured';

/** Looks only. */
export async function planPublication(
  client: pg.Client,
  settings: PostgresSettings,
  start: PublicationContext['start'],
): Promise<PublicationPlan> {
  const { publicationName: name, publicationAutocreate: mode } = settings;
  const found = await client.query<Publication>(
    `SELECT array_remove(ARRAY[CASE WHEN pubinsert THEN 'insert' END, CASE WHEN pubupdate THEN 'update' END,
               CASE WHEN pubdelete THEN 'delete' END, CASE WHEN pubtruncate THEN 'truncate' END], NULL) AS operations, pubviaroot AS root
       FROM pg_catalog.pg_publication WHERE pubname = $1`,
    [name],
  );
  const publication = found.rows[0];
  const tables = mode === 'no_tables' ? [] : await capturedTables(client, settings);
  if (!publication) return planCreation(settings, start, tables);
  const roots = tables.filter((table) => table.root === null);
  const wanted = (operation: Operation): boolean => settings.operations.includes(operation);
  const covered = await client.query<TableName>(
    'SELECT schemaname AS schema, tablename AS name FROM pg_catalog.pg_publication_tables WHERE pubname = $1',
    [name],
  );
  const names = new Set(covered.rows.map(full));
  const missing = tables.filter((table) => !names.has(full(table)));
  const statement = `ALTER PUBLICATION ${quote(name)} ADD TABLE ${missing.map(quoted).join(', ')}`;
  const partitioned = roots.find((table) => table.partitioned);
  const refusals = [
    ...(wanted('insert') && !publication.operations.includes('insert') ? [noInserts(name)] : []),
    ...(partitioned && !publication.root ? [noRoot(partitioned, name)] : []),
    ...partitionRefusals(missing),
    ...(missing.length > 0 && mode !== 'filtered' ? [uncovered(missing, name, statement)] : []),
  ];
  return {
    action: missing.length === 0 ? null : { kind: 'widen', statement, tables: missing.map(full) },
    refusals,
    tables: tables.map(full),
    ...lackingIdentity(needsIdentity(publication.operations) ? roots : []),
    silent: tables.length === 0 ? null : silentOf(publication, settings),
    filtered: await filteredTables(client, settings),
  };
}

function planCreation(
  settings: PostgresSettings,
  start: PublicationContext['start'],
  tables: readonly TableRow[],
): PublicationPlan {
  const { publicationName: name, publicationAutocreate: mode } = settings;
  const statement = createStatement(
    mode === 'disabled' ? { ...settings, publicationAutocreate: 'filtered' } : settings,
    tables,
  );
  const refusals = [
    ...partitionRefusals(tables),
    ...(start === 'continued' ? [vanished(settings)] : []),
    ...(mode === 'disabled'
      ? [
          new MillraceError(
            'refused',
            `publication "${name}" does not exist and publication.autocreate.mode is "disabled". Run: ${statement}`,
            { statement },
          ),
        ]
      : []),
  ];
  return {
    action: { kind: 'create', statement, tables: tables.map(full) },
    refusals,
    tables: tables.map(full),
    ...lackingIdentity(settings.publish === null || needsIdentity(settings.publish) ? tables : []),
    silent: null,
    filtered: [],
  };
}

function noInserts(name: string): MillraceError {
  const statement = `ALTER PUBLICATION ${quote(name)} SET (publish = 'insert, update, delete')`;
  return new MillraceError('refused', `publication "${name}" does not publish inserts. Run: ${statement}`, {
    statement,
  });
}

/** Rows would come under their partition's name, which the include list does not match: silence. */
function noRoot(table: TableName, name: string): MillraceError {
  const statement = `ALTER PUBLICATION ${quote(name)} SET (publish_via_partition_root = true)`;
  return new MillraceError(
    'refused',
    `${full(table)} is partitioned and publication "${name}" names the partitions, not the table. Run: ${statement}`,
    { statement },
  );
}

function uncovered(missing: readonly TableName[], name: string, statement: string): MillraceError {
  return new MillraceError(
    'refused',
    `publication "${name}" does not cover ${missing.map(full).join(', ')}: their changes would never arrive. Run: ${statement}`,
    { statement },
  );
}

function vanished({ publicationName, slotName }: PostgresSettings): MillraceError {
  const statement = `SELECT pg_drop_replication_slot('${slotName}')`;
  return new MillraceError(
    'refused',
    `publication "${publicationName}" does not exist any more, but slot "${slotName}" does: what was committed without the publication cannot be read. ` +
      `To accept that gap: ${statement}; and reset the stored position, which starts anew`,
    { statement },
  );
}

/** A partition that the publication does not list comes under the name of its root, which the list does not match. */
function partitionRefusals(tables: readonly TableRow[]): MillraceError[] {
  const partition = tables.find((table) => table.root !== null);
  if (!partition) return [];
  return [
    new MillraceError(
      'refused',
      `table.include.list matches ${full(partition)}, which is a partition of ${partition.root}: its rows arrive under the name of the whole table, ` +
        `so they would never be captured. Put ${partition.root} into table.include.list instead`,
    ),
  ];
}

function silentOf({ operations }: Publication, settings: PostgresSettings): PublicationPlan['silent'] {
  const { publicationName: name } = settings;
  const missing = settings.operations.filter((each) => !operations.includes(each));
  if (missing.length === 0) return null;
  const all = [...operations, ...missing].join(', ');
  return {
    text: `publication "${name}" does not publish ${missing.join(' and ')}: such row changes are never sent`,
    statement: `ALTER PUBLICATION ${quote(name)} SET (publish = '${all}')`,
  };
}

function needsIdentity(operations: readonly Operation[]): boolean {
  return operations.includes('update') || operations.includes('delete');
}

function lackingIdentity(tables: readonly TableRow[]): Pick<PublicationPlan, 'withoutIdentity' | 'identityStatements'> {
  const lacking = tables.filter((table) => !table.identity);
  return {
    withoutIdentity: lacking.map(full),
    identityStatements: lacking.map((table) => `ALTER TABLE ${quoted(table)} REPLICA IDENTITY FULL`),
  };
}

async function filteredTables(client: pg.Client, settings: PostgresSettings): Promise<string[]> {
  const result = await client.query<TableName>(
    `SELECT n.nspname AS schema, c.relname AS name
       FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
       JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE p.pubname = $1 AND (to_jsonb(r)->>'prqual' IS NOT NULL OR to_jsonb(r)->>'prattrs' IS NOT NULL)`,
    [settings.publicationName],
  );
  return result.rows.map(full).filter((name) => matches(settings, name));
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
    `table.include.list matches no table of database "${settings.database}": ${includeTables.map(({ source }) => source.replace(/^\^\(\?:(.*)\)\$$/, '$1')).join(', ')}. ` +
      'Create the table first (an outbox: sql/postgres/outbox.sql), or correct the list: it is matched against schema.table',
  );
}

function matches({ includeTables }: PostgresSettings, name: string): boolean {
  return includeTables.length === 0 || includeTables.some((pattern) => pattern.test(name));
}

function createStatement(settings: PostgresSettings, tables: readonly TableName[]): string {
  const head = `CREATE PUBLICATION ${quote(settings.publicationName)}`;
  const { publish } = settings;
  const only = publish === null ? '' : `, publish = '${publish.join(', ')}'`;
  const viaRoot = `WITH (publish_via_partition_root = true${only})`;
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
