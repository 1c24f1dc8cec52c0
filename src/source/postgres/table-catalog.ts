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
import { type ColumnMapping, mapType } from './column-mapping.ts';
import { type ColumnFacts, columnFacts } from './types/column-facts.ts';
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

/** Which columns events carry and in what form, and which of them are a key of the user's choice. */
export interface ColumnRules {
  readonly includes: (table: Table, column: Column) => boolean;
  /** `message.key.columns`; null: none for this table. */
  readonly key: (table: Table) => readonly string[] | null;
  /** null: as it is. `typeName` as in pg_type. */
  readonly mapping: (table: Table, column: Column, typeName: string) => ColumnMapping | null;
}

/** A column that is to be masked and that Debezium, and so do we, sends as it is. */
export interface Disclosed {
  readonly table: Table;
  readonly column: string;
  readonly why: 'no text' | 'key';
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

  /** Reads what is needed to describe tables of the log. Gives the columns that no mask can hide. */
  async learn(client: Pick<pg.Client, 'query'>, tables: readonly Table[]): Promise<readonly Disclosed[]> {
    const columns = tables.flatMap((table) => table.columns);
    if (this.#types === null || missingTypes(this.#types, columns).length > 0) {
      this.#types = await loadTypeCatalog(client);
    }
    const { rows } = await client.query<ColumnRow>(COLUMNS, [tables.map((table) => table.id)]);
    const catalog = this.#types;
    const types = createColumnTypes(this.#options, catalog);
    const factsOf = (column: Column): ColumnFacts => columnFacts(column, catalog);
    return tables.flatMap((table) => {
      const known = rows.filter((row) => row.table === table.id);
      const disclosed: Disclosed[] = [];
      this.#descriptions.set(table, describe(table, known, { types, factsOf, rules: this.#rules, disclosed }));
      return disclosed;
    });
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

interface Knowledge {
  readonly types: ColumnTypes;
  readonly factsOf: (column: Column) => ColumnFacts;
  readonly rules: ColumnRules;
  readonly disclosed: Disclosed[];
}

function describe(
  table: Table,
  known: readonly ColumnRow[],
  { types, factsOf, rules, disclosed }: Knowledge,
): TableDescription {
  const byName = new Map(known.map((row) => [row.name, row]));
  const all = table.columns.flatMap((column, index): { plain: ColumnDescription; shown: ColumnDescription }[] => {
    const type = types(column);
    if (type === null) return [];
    const row = byName.get(column.name);
    const plain = { index, name: column.name, schema: schemaOf(type, row), type };
    const facts = factsOf(column);
    const mapping = rules.mapping(table, column, facts.typeName);
    if (mapping === null) return [{ plain, shown: plain }];
    if ((mapping.kind === 'mask' || mapping.kind === 'hash') && !facts.isText)
      disclosed.push({ table, column: column.name, why: 'no text' });
    const { type: mapped, map } = mapType(type, mapping, facts, column.name);
    const schema = withParametersOf(plain.schema, mapped.schema);
    return [{ plain, shown: { ...plain, type: mapped, schema, ...(map === null ? {} : { map }) } }];
  });
  const named = new Map(all.map((column) => [column.plain.name, column]));
  const key = (rules.key(table) ?? keyColumns(table, known)).flatMap((name) => named.get(name) ?? []);
  // Debezium leaves keys as they are: masked ones would no longer tell rows apart.
  for (const { plain, shown } of key)
    if (shown.map !== undefined) disclosed.push({ table, column: plain.name, why: 'key' });
  const mapped = all.map(({ shown }) => shown).filter(({ map }) => map !== undefined);
  return {
    columns: all.map(({ shown }) => shown).filter(({ index }) => rules.includes(table, table.columns[index] as Column)),
    key: key.map(({ plain }) => plain),
    ...(mapped.length === 0 ? {} : { mapped }),
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

/** A column's schema with what a mapping has added to that of its type. */
function withParametersOf(schema: Schema, { parameters }: Schema): Schema {
  return parameters === schema.parameters || parameters === undefined
    ? schema
    : Object.freeze({ ...schema, parameters });
}
