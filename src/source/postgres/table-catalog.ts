/**
 * What the catalog says of tables that the log names, beyond what the log itself says of them: nullability, primary key,
 * defaults, types. Asked for once per version of a table, before its rows are handed on.
 */
import type pg from 'pg';
import type { RowChange } from '../../change/change.ts';
import type { ColumnType } from '../../change/column-type.ts';
import type { ColumnDescription, TableDescription } from '../../change/event.ts';
import type { Schema } from '../../change/schema.ts';
import { type Column, type Table, tableName } from '../../change/table.ts';
import { MillraceError } from '../../errors.ts';
import { columnDefault } from './column-default.ts';
import { type ColumnMapping, mapType } from './column-mapping.ts';
import { NewLabels } from './new-labels.ts';
import type { Relation } from './pgoutput.ts';
import { type ColumnFacts, columnFacts } from './types/column-facts.ts';
import { type ColumnTypes, createColumnTypes, missingTypes } from './types/column-types.ts';
import { type CatalogRow, loadTypeCatalog } from './types/catalog.ts';
import { enumLabels } from './types/text.ts';
import { DEFAULT_TYPE_OPTIONS, type TypeOptions } from './types/options.ts';

interface ColumnRow {
  readonly table: number;
  readonly name: string;
  readonly typeId: number;
  readonly notNull: boolean;
  /** As pg_get_expr shows it; null for generated columns. */
  readonly expression: string | null;
  /** Its place in the primary key, from 1. */
  readonly position: number | null;
}

const COLUMNS = `
SELECT a.attrelid::int8::float8 AS table, a.attname AS name, a.atttypid AS "typeId", a.attnotnull AS "notNull",
  CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS expression,
  array_position(i.indkey::int2[], a.attnum) + 1 AS position
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`;

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

/** A table as the log describes it. */
export type LoggedTable = Pick<Relation, 'table' | 'replicaIdentity'>;

export class TableCatalog {
  readonly #options: TypeOptions;
  readonly #rules: ColumnRules;
  readonly #descriptions = new WeakMap<Table, TableDescription>();
  readonly #replicaIdentities = new WeakMap<Table, LoggedTable['replicaIdentity']>();
  readonly #newLabels = new NewLabels();
  #types: ReadonlyMap<number, CatalogRow> | null = null;

  constructor(options: TypeOptions, rules: ColumnRules) {
    this.#options = options;
    this.#rules = rules;
  }

  /**
   * Reads what is needed to describe tables of the log. Waits for whoever has locked one of them. Gives the columns that no
   * mask can hide.
   */
  async learn(client: Pick<pg.Client, 'query'>, relations: readonly LoggedTable[]): Promise<readonly Disclosed[]> {
    const columns = relations.flatMap(({ table }) => table.columns);
    if (this.#types === null || this.#mayBeBehind(this.#types, columns)) {
      // What has been dropped since the last look is in the log for a while yet.
      this.#types = new Map([...(this.#types ?? []), ...(await loadTypeCatalog(client))]);
    }
    const { rows } = await client.query<ColumnRow>(COLUMNS, [relations.map(({ table }) => table.id)]);
    const catalog = this.#types;
    const types = createColumnTypes(this.#options, catalog);
    const factsOf = (column: Column): ColumnFacts => columnFacts(column, catalog);
    const known = Map.groupBy(rows, (row) => row.table);
    return relations.flatMap((relation) => {
      const { table } = relation;
      const disclosed: Disclosed[] = [];
      const knowledge = { types, factsOf, rules: this.#rules, disclosed };
      this.#descriptions.set(table, describe(relation, known.get(table.id) ?? [], knowledge));
      this.#replicaIdentities.set(table, relation.replicaIdentity);
      this.#newLabels.watch(table, table.columns.map(types));
      return disclosed;
    });
  }

  /** Types may have been created since, and enums of old have got labels, which the next rows may have. */
  #mayBeBehind(catalog: ReadonlyMap<number, CatalogRow>, columns: readonly Column[]): boolean {
    if (missingTypes(catalog, columns).length > 0) return true;
    const types = createColumnTypes(this.#options, catalog);
    return columns.some((column) => isEnum(types(column)));
  }

  /**
   * Not null: the row has a label of an enum that is newer than what is known of its table. The table is another version
   * from this row on, to be learnt as such.
   */
  outgrown(change: RowChange): LoggedTable | null {
    if (!this.#newLabels.isIn(change)) return null;
    const { table } = change;
    return { table, replicaIdentity: this.#replicaIdentities.get(table) ?? 'default' };
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

function isEnum(type: ColumnType | null): boolean {
  return type !== null && enumLabels(type) !== null;
}

interface Knowledge {
  readonly types: ColumnTypes;
  readonly factsOf: (column: Column) => ColumnFacts;
  readonly rules: ColumnRules;
  readonly disclosed: Disclosed[];
}

function describe(
  relation: LoggedTable,
  known: readonly ColumnRow[],
  { types, factsOf, rules, disclosed }: Knowledge,
): TableDescription {
  const { table } = relation;
  const rows = matched(table, known);
  const all = table.columns.flatMap((column, index): { plain: ColumnDescription; shown: ColumnDescription }[] => {
    const type = types(column);
    if (type === null) return [];
    const plain = { index, name: column.name, schema: schemaOf(type, column, rows.get(column)), type };
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
  const chosen = rules.key(table);
  const absent = chosen?.find((name) => table.columns.every((column) => column.name !== name));
  if (absent !== undefined) throw noSuchColumn(table, absent);
  const key = (chosen ?? keyColumns(relation, rows, known)).flatMap((name) => named.get(name) ?? []);
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

/** A key without one of its columns would be another key, and rows of different keys would be taken for one another. */
function noSuchColumn(table: Table, column: string): MillraceError {
  return new MillraceError(
    'refused',
    `"message.key.columns" names column ${column} of ${tableName(table)}, which the table does not have at this point of the log ` +
      `(it has ${table.columns.map(({ name }) => name).join(', ')}): name columns that it has`,
  );
}

/**
 * What the catalog says of each column of the log: by name, and those whose names are not there any more by their order,
 * if their types agree: they have been renamed since.
 */
function matched(table: Table, known: readonly ColumnRow[]): ReadonlyMap<Column, ColumnRow> {
  const byName = new Map(known.map((row) => [row.name, row]));
  const out = new Map<Column, ColumnRow>();
  const lost: Column[] = [];
  for (const column of table.columns) {
    const row = byName.get(column.name);
    if (row === undefined) lost.push(column);
    else {
      out.set(column, row);
      byName.delete(column.name);
    }
  }
  const others = [...byName.values()];
  if (lost.length === others.length && lost.every(({ typeId }, index) => others[index]?.typeId === typeId)) {
    for (const [index, column] of lost.entries()) out.set(column, others[index] as ColumnRow);
  }
  return out;
}

/**
 * The primary key, in its own order. Where the log carries another index for old rows (REPLICA IDENTITY USING INDEX),
 * that one: an old row has nothing else, and a delete without its key would reach another row's. Old rows that are whole
 * do not say what of them is the key: when the catalog does not know it any more, there is none.
 */
function keyColumns(
  { table, replicaIdentity }: LoggedTable,
  rows: ReadonlyMap<Column, ColumnRow>,
  known: readonly ColumnRow[],
): readonly string[] {
  const primary = table.columns
    .flatMap((column) => {
      const position = rows.get(column)?.position ?? null;
      return position === null ? [] : [{ name: column.name, position }];
    })
    .sort((a, b) => a.position - b.position)
    .map(({ name }) => name);
  const isWhole = primary.length === known.filter(({ position }) => position !== null).length;
  const identity = table.columns.filter((column) => column.key).map((column) => column.name);
  const carried = identity.length === 0 || primary.every((name) => identity.includes(name));
  if (primary.length > 0 && isWhole && carried) return primary;
  return replicaIdentity === 'full' ? [] : identity;
}

function schemaOf(type: ColumnType, { typeId }: Column, row: ColumnRow | undefined): Schema {
  // Some types have no value for a null in a required field, whatever the column says.
  const optional = type.schema.optional || !(row?.notNull ?? false);
  // A column that has another type by now has another default, too.
  const expression = row?.typeId === typeId ? row.expression : null;
  const value = expression === null ? undefined : columnDefault(expression, type);
  return Object.freeze({ ...type.schema, optional, ...(value === undefined ? {} : { default: value }) });
}

/** A column's schema with what a mapping has added to that of its type. */
function withParametersOf(schema: Schema, { parameters }: Schema): Schema {
  return parameters === schema.parameters || parameters === undefined
    ? schema
    : Object.freeze({ ...schema, parameters });
}
