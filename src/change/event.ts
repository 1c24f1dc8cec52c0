/** Row changes as Debezium's events: what a source has to tell of its tables and of itself. */
import type { Change, Row } from './change.ts';
import type { ColumnType } from './column-type.ts';
import type { Tx } from './fragment.ts';
import type { JsonWriter } from './json-writer.ts';
import type { Data, Schema, Struct, StructSchema } from './schema.ts';
import type { Table } from './table.ts';

/** Debezium's letters: create, update, delete, read, truncate, message. */
export type EventOp = 'c' | 'u' | 'd' | 'r' | 't' | 'm';

/** One event. A change makes one or, when it moves a row to another key, two of them. */
export interface ChangeEvent {
  readonly op: EventOp;
  readonly change: Change;
  readonly tx: Tx | null;
  /** null for messages. */
  readonly table: Table | null;
  readonly before: Row | null;
  readonly after: Row | null;
  /** With `provide.transaction.metadata`. */
  readonly place: TransactionPlace | null;
}

/** An event's place in its transaction, from 1. */
export interface TransactionPlace {
  readonly total: number;
  /** Among the events of its table. */
  readonly inCollection: number;
}

/** A column as events carry it. */
export interface ColumnDescription {
  /** Its place in the rows of the table. */
  readonly index: number;
  readonly name: string;
  /** With `optional` and `default` as the column has them. */
  readonly schema: Schema;
  readonly type: ColumnType;
  /** Where a column is masked or cut: what the type does to values, for a null and for what the log does not carry. */
  readonly map?: (value: Data) => Data;
}

/** A table as its events show it; made once per `Table` object. */
export interface TableDescription {
  /** In the table's order, without those that events leave out. */
  readonly columns: readonly ColumnDescription[];
  /** The columns of the key, in its order; empty: there is none. */
  readonly key: readonly ColumnDescription[];
  /** Columns that are masked or cut, those that events leave out among them: for transforms that read rows. */
  readonly mapped?: readonly ColumnDescription[];
}

/** The `source` block of an envelope, as data and straight to JSON; both say the same. */
export interface SourceBlock {
  readonly schema: StructSchema;
  data(event: ChangeEvent): Struct;
  json(event: ChangeEvent, nullAsDefault: boolean, out: JsonWriter): void;
  /** The id of an event's transaction, as the event carries it; and those of its begin and its end. */
  transactionId(event: ChangeEvent): string;
  beginId(tx: Tx): string;
  endId(tx: Tx): string;
}
