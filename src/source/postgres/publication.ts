import type pg from 'pg';
import { MillraceError } from '../../errors.ts';
import type { Log } from '../../ports.ts';
import { databaseError } from './connection.ts';
import type { PostgresSettings } from './settings.ts';

interface TableRow {
  readonly schema: string;
  readonly name: string;
  readonly partitioned: boolean;
}

/** Makes sure that the publication exists and covers every captured table; committed before the slot is created. */
export async function ensurePublication(client: pg.Client, settings: PostgresSettings, log: Log): Promise<void> {
  const { publicationName: name, publicationAutocreate: mode } = settings;
  const found = await client.query<{ all: boolean; inserts: boolean; root: boolean }>(
    'SELECT puballtables AS all, pubinsert AS inserts, pubviaroot AS root FROM pg_catalog.pg_publication WHERE pubname = $1',
    [name],
  );
  const publication = found.rows[0];
  const wanted = mode === 'no_tables' ? [] : await capturedTables(client, settings);
  if (!publication) {
    const sql = createStatement(settings, wanted);
    if (mode === 'disabled') {
      throw new MillraceError(
        'refused',
        `publication "${name}" does not exist and publication.autocreate.mode is "disabled". Run: ${createStatement({ ...settings, publicationAutocreate: 'filtered' }, wanted)}`,
      );
    }
    await run(client, sql);
    log.info('created the publication', { publication: name, tables: wanted.length });
    return;
  }
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
  if (publication.all) return;
  const covered = await client.query<Pick<TableRow, 'schema' | 'name'>>(
    'SELECT schemaname AS schema, tablename AS name FROM pg_catalog.pg_publication_tables WHERE pubname = $1',
    [name],
  );
  const names = new Set(covered.rows.map(full));
  const missing = wanted.filter((table) => !names.has(full(table)));
  if (missing.length === 0) return;
  const add = `ALTER PUBLICATION ${quote(name)} ADD TABLE ${missing.map(quoted).join(', ')}`;
  if (mode !== 'filtered') {
    throw new MillraceError(
      'refused',
      `publication "${name}" does not cover ${missing.map(full).join(', ')}: their changes would never arrive. Run: ${add}`,
    );
  }
  await run(client, add);
  log.info('widened the publication', { publication: name, added: missing.map(full) });
}

/** Tables that match `table.include.list`; partitions come through their root. */
async function capturedTables(client: pg.Client, settings: PostgresSettings): Promise<readonly TableRow[]> {
  const { includeTables } = settings;
  const result = await client.query<TableRow>(
    `SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      ORDER BY 1, 2`,
  );
  const tables = result.rows.filter(
    (table) => includeTables.length === 0 || includeTables.some((pattern) => pattern.test(full(table))),
  );
  if (tables.length > 0) return tables;
  throw new MillraceError(
    'refused',
    `table.include.list matches no table of database "${settings.database}": ${includeTables.map((pattern) => pattern.source).join(', ')}. ` +
      'Create the table first (sql/postgres/outbox.sql), or correct the list: it is matched against schema.table',
  );
}

function createStatement(settings: PostgresSettings, tables: readonly TableRow[]): string {
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
const quoted = (table: TableRow): string => `${quote(table.schema)}.${quote(table.name)}`;
const full = (table: Pick<TableRow, 'schema' | 'name'>): string => `${table.schema}.${table.name}`;
