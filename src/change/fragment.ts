import type { Change } from './change.ts';
import type { Position } from './position.ts';

/** The facts of a source transaction. */
export interface Tx {
  /** PostgreSQL: the xid (unsigned 32 bit) as text. */
  readonly id: string;
  /** Commit time in microseconds since 1970-01-01 UTC. */
  readonly commitTimeUs: bigint;
  /** Where the transaction's commit stands in the log, as the database writes it (PostgreSQL: `16/B374D848`). */
  readonly commitLsn: string;
}

/**
 * A whole transaction, a piece of a big one, or idle progress (`tx` null and no changes). `position` is safe to store
 * once all of `changes` are durable; the source resumes exactly behind them.
 */
export interface Fragment {
  readonly tx: Tx | null;
  readonly changes: readonly Change[];
  /** Changes of a split transaction before those: delivered by an earlier run, and there to be counted alone. */
  readonly delivered?: readonly Change[];
  /** The first piece of its transaction. */
  readonly begin: boolean;
  /** The last piece of its transaction: a boundary at which a Kafka transaction may end. */
  readonly end: boolean;
  readonly position: Position;
}
