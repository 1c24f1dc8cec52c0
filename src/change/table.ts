/**
 * What a column's received bytes are, whatever database they came from: plain text, JSON text, a number's text, a
 * boolean, or binary data that `Row.value` has to unpack first.
 */
export type ColumnForm = 'text' | 'json' | 'number' | 'boolean' | 'binary';

/** One column as the log describes it at that point. `type` is the database's own name or number of the type. */
export interface Column {
  readonly name: string;
  /** PostgreSQL: the type's OID. */
  readonly typeId: number;
  /** PostgreSQL: atttypmod, -1 when the type has none. */
  readonly typeModifier: number;
  readonly form: ColumnForm;
  /** Part of the key that the log carries for updates and deletes. */
  readonly key: boolean;
}

/**
 * A table as it was at one point of the log; frozen. A changed table is a new object, so identity is version and
 * what is prepared per table (encoders, column lookups) can be cached by it.
 */
export interface Table {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly Column[];
  /** What the source knows the table by; PostgreSQL: the OID of the relation. */
  readonly id: number;
}

/** `schema.name`, for messages and metrics. */
export function tableName(table: Table): string {
  return `${table.schema}.${table.name}`;
}

/** The index of a column by name, or -1. */
export function columnIndex(table: Table, name: string): number {
  return table.columns.findIndex((column) => column.name === name);
}
