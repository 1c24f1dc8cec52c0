import type { Introduction, Opened } from '../change/claim.ts';
import type { ColumnType } from '../change/column-type.ts';
import type { SourceBlock, TableDescription } from '../change/event.ts';
import type { Fragment } from '../change/fragment.ts';
import type { Position } from '../change/position.ts';
import type { Column, Table } from '../change/table.ts';

/** One ordered reader of one database's log. Methods are called in the order in which they stand here. */
export interface Source {
  /**
   * Takes the lease in the database and resolves when we hold it; a standby waits here. `lost` aborts with the reason
   * when the lease breaks later.
   */
  acquire(signal: AbortSignal): Promise<{ readonly identity: Introduction; readonly lost: AbortSignal }>;
  /**
   * Throws whatever `prepare` would refuse, as far as that can be told by looking; for before we say that we are here.
   * Compares with the database as it was at `acquire` where an older owner may move it on meanwhile.
   */
  check?(opened: Opened, signal: AbortSignal): Promise<void>;
  /**
   * Checks that resuming is safe, creates what is missing on a first start, and gives the position to stream from.
   * Throws `refused` when going on would lose or repeat data. If the answer is not the stored position, it has to be
   * committed before `read`.
   */
  prepare(opened: Opened, signal: AbortSignal): Promise<Position>;
  /**
   * Streams from a position. Yields arrays: all that one socket read decoded. Not reading pauses the socket.
   * Ends normally when the signal is aborted.
   */
  read(from: Position, signal: AbortSignal): AsyncIterable<readonly Fragment[]>;
  /** Raises the mark that the database may forget up to; only for positions that the sink has committed. */
  acknowledge(position: Position): void;
  /**
   * How a column's received bytes become a record header, where Debezium's header differs from them; null: as received.
   * Asked for once per table.
   */
  headerEncoder?(column: Column): ((bytes: Buffer) => Buffer) | null;
  /** What a column is in Debezium's events; null: its form is all that is known. Asked for once per table. */
  columnType(column: Column): ColumnType | null;
  /** A table as its events show it; for tables of fragments that `read` has yielded. */
  describe(table: Table): TableDescription;
  /** The `source` block of events; after `acquire`. */
  sourceBlock(): SourceBlock;
  /** Ends sessions and releases the lease; safe to call at any time, more than once. */
  close(): Promise<void>;
}
