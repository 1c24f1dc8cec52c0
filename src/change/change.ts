import type { Table } from './table.ts';
import type { Unchanged, Value } from './value.ts';

/** One row as received: bytes plus column offsets. A column is decoded only when someone asks for it. */
export interface Row {
  readonly table: Table;
  /** The column's bytes as received (a view, not a copy), null for SQL NULL. */
  bytes(column: number): Buffer | null | Unchanged;
  /** The decoded column. */
  value(column: number): Value;
}

export type Op = 'insert' | 'update' | 'delete' | 'read';

export interface RowChange {
  readonly op: Op;
  readonly table: Table;
  readonly before: Row | null;
  readonly after: Row | null;
}

export interface TruncateChange {
  readonly op: 'truncate';
  readonly tables: readonly Table[];
}

/** A logical message (`pg_logical_emit_message`). */
export interface MessageChange {
  readonly op: 'message';
  readonly prefix: string;
  readonly content: Buffer;
}

export type Change = RowChange | TruncateChange | MessageChange;
