/**
 * What the catalog says of tables that the log names, beyond what the log itself says of them: nullability, primary key,
 * defaults, types. Asked for once per version of a table, before its rows are handed on.
 */
import type pg from 'pg';
import type { ColumnType } from '../../change/column-type.ts';
import type { ColumnDescription, TableDescription } from '../../change/event.ts';
import type { Schema } from '../../change/schema.ts';
import type { Column, Table } from '../../change/table.ts';
import { columnDefault } from './column-default.ts';
import { type ColumnTypes, createColumnTypes, missingTypes } from './types/column-types.ts';
import { type TypeCatalog, loadTypeCatalog } from './types/catalog.ts';
import { DEFAULT_TYPE_OPTIONS, type TypeOptions } from './types/options.ts';

interface ColumnRow {
  readonly table: number;
  readonly name: string;
  readonly notNull: boolean;
  /** As pg_get_expr shows it; null for generated columns. */
  readonly expression: string | null;
  /** Its place in the primary key, from 1. */
  readonly position: number | null;
  /** relreplident: d, n, f, i. */
  readonly identity: string;
}

const COLUMNS = `
SELECT a.attrelid::int8::float8 AS table, a.attname AS name, a.attnotnull AS "notNull",
  CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS expression,
  array_position(i.indkey::int2[], a.attnum) + 1 AS position, c.relreplident AS identity
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped`;

/** Which columns events carry, and which of them are a key of the user's choice. */
export interface ColumnRules {
  readonly includes: (table: Table, column: Column) => boolean;
  /** `message.key.columns`; null: none for this table. */
  readonly key: (table: Table) => readonly string[] | null;
}

export class TableCatalog {
  readonly #options: TypeOptions;
  readonly #rules: ColumnRules;
  readonly #descriptions = new WeakMap<Table, TableDescription>();
  #types: TypeCatalog | null = null;

  constructor(options: TypeOptions, rules: ColumnRules) {
    this.#options = options;
    this.#rules = rules;
  }

  /** Reads what is needed to describe tables of the log. */
  async learn(client: Pick<pg.Client, 'query'>, tables: readonly Table[]): Promise<void> {
    const columns = tables.flatMap((table) => table.columns);
    if (this.#types === null || missingTypes(this.#types, columns).length > 0) {
      this.#types = await loadTypeCatalog(client);
    }
    const { rows } = await client.query<ColumnRow>(COLUMNS, [tables.map((table) => table.id)]);
    const types = createColumnTypes(this.#options, this.#types);
    for (const table of tables) {
      const known = rows.filter((row) => row.table === table.id);
      this.#descriptions.set(table, describe(table, known, types, this.#rules));
    }
  }

  knows(table: Table): boolean {
    return this.#descriptions.has(table);
  }

  /** Of a table that `learn` was told of. */
  describe(table: Table): TableDescription {
    return this.#descriptions.get(table) ?? { columns: [], key: [] };
  }

  /** null: of a type that nobody knows. */
  columnType(column: Column): ColumnType | null {
    return this.#types === null ? null : createColumnTypes(this.#options, this.#types)(column);
  }

  /** The same with Debezium's defaults for how types are handled. */
  usualType(column: Column): ColumnType | null {
    return this.#types === null ? null : createColumnTypes(DEFAULT_TYPE_OPTIONS, this.#types)(column);
  }
}

function describe(
  table: Table,
  known: readonly ColumnRow[],
  types: ColumnTypes,
  { includes, key }: ColumnRules,
): TableDescription {
  const byName = new Map(known.map((row) => [row.name, row]));
  const all = table.columns.flatMap((column, index): ColumnDescription[] => {
    const type = types(column);
    return type === null ? [] : [{ index, name: column.name, schema: schemaOf(type, byName.get(column.name)), type }];
  });
  const named = new Map(all.map((column) => [column.name, column]));
  const keyNames = key(table) ?? keyColumns(table, known);
  return {
    columns: all.filter(({ index }) => includes(table, table.columns[index] as Column)),
    key: keyNames.flatMap((name) => named.get(name) ?? []),
  };
}

/**
 * The primary key, in its own order. Where the log carries another index for old rows (REPLICA IDENTITY USING INDEX),
 * that one: an old row has nothing else, and a delete without its key would reach another row's.
 */
function keyColumns(table: Table, known: readonly ColumnRow[]): readonly string[] {
  const primary = known
    .filter((row) => row.position !== null)
    .sort((a, b) => (a.position ?? 0) - (b.position ?? 0))
    .map((row) => row.name);
  const identity = table.columns.filter((column) => column.key).map((column) => column.name);
  const carried = identity.length === 0 || primary.every((name) => identity.includes(name));
  if (primary.length > 0 && carried) return primary;
  return known[0]?.identity === 'f' ? [] : identity;
}

function schemaOf(type: ColumnType, row: ColumnRow | undefined): Schema {
  // Some types have no value for a null in a required field, whatever the column says.
  const optional = type.schema.optional || !(row?.notNull ?? false);
  const value = row?.expression == null ? undefined : columnDefault(row.expression, type);
  return Object.freeze({ ...type.schema, optional, ...(value === undefined ? {} : { default: value }) });
}
