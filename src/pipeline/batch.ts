/** What has been read and not yet committed, and when a part of it is to be committed: pure, given a clock. */
import type { Fragment, Tx } from '../change/fragment.ts';
import type { OutRecord } from '../change/message.ts';
import type { Position } from '../change/position.ts';
import { Records } from '../change/records.ts';

export interface BatchLimits {
  /** Bytes of records held, in the batch and in the commit under way, before reading pauses. */
  readonly maxBytes: number;
  /** Records gathered from small source transactions before reading pauses. */
  readonly maxRecords: number;
  /** How many source transactions are at first committed one at a time: a record that Kafka refuses is found so. */
  readonly isolate?: number;
}

/** One call of `Sink.commit`. */
export interface CommitWork {
  readonly records: Records;
  readonly position: Position;
  readonly atBoundary: boolean;
  readonly bytes: number;
  /** One source transaction by itself, because a record is searched for that Kafka refuses. */
  readonly alone: boolean;
  /** The last source transaction in it, or null. */
  readonly tx: Tx | null;
  /** Source transactions that end in it and have records. */
  readonly transactions: number;
  /** Commit times of the first and the last of them, microseconds since 1970; null for progress without records. */
  readonly firstCommitUs: bigint | null;
  readonly lastCommitUs: bigint | null;
}

/** Progress without records is worth a Kafka transaction at most once a second. */
const IDLE_COMMIT_MS = 1000;
/** How often the sink hears of a transaction in pieces: well within a quarter of the shortest transaction time-out. */
const PIECE_EVERY_MS = 200;

/** The end of a source transaction: how much of the batch lies before it. */
interface Boundary {
  readonly count: number;
  readonly bytes: number;
  /** Transactions with records up to here. */
  readonly transactions: number;
  readonly fragment: Fragment;
}

export class Batch {
  readonly #pieceBytes: number;
  readonly #limits: BatchLimits;
  readonly #now: () => number;
  #records = new Records();
  /** Lists whose records are committed, to be filled again. */
  readonly #spare: Records[] = [];
  #boundaries: Boundary[] = [];
  /** The part of an unfinished source transaction behind the last boundary. */
  #piece: Fragment | null = null;
  /** The last piece of an oversized transaction that is in an open Kafka transaction: that ends at the first boundary. */
  #open: Pick<Fragment, 'position' | 'tx'> | null = null;
  /** Records up to the last mark: those behind it are of a fragment that broke off. */
  #marked = 0;
  #lastCommitAt = Number.NEGATIVE_INFINITY;
  #toIsolate: number;

  constructor(limits: BatchLimits, now: () => number) {
    this.#limits = limits;
    this.#pieceBytes = Math.max(64 * 1024, Math.floor(limits.maxBytes / 4));
    this.#now = now;
    this.#toIsolate = limits.isolate ?? 0;
  }

  get bytes(): number {
    return this.#records.bytes;
  }

  /**
   * No more should be read until a commit has made room. `inFlightBytes` are in the commit under way. Of one oversized
   * transaction a piece is enough: more would only be held, in buffers that stay.
   */
  isFull(inFlightBytes: number): boolean {
    const { bytes, length } = this.#records;
    if (this.#boundaries.length === 0 && bytes >= this.#pieceBytes) return true;
    return bytes + inFlightBytes >= this.#limits.maxBytes || length >= this.#limits.maxRecords;
  }

  add(record: OutRecord): void {
    this.#records.add(record);
  }

  /** Closes a fragment whose records have been added. */
  mark(fragment: Fragment): void {
    this.#marked = this.#records.length;
    if (!fragment.end) {
      this.#piece = fragment;
      return;
    }
    this.#piece = null;
    const { length, bytes } = this.#records;
    const boundaries = this.#boundaries;
    const last = boundaries.at(-1);
    const grown = length > (last?.count ?? 0) || (last === undefined && this.#open !== null);
    // Heartbeats and lone messages are no transactions.
    const counts = grown && fragment.tx !== null;
    const boundary = { count: length, bytes, transactions: (last?.transactions ?? 0) + (counts ? 1 : 0), fragment };
    // Only the first and the last are ever committed at, unless each is on its own; a fragment holds what was received.
    const keep = this.#toIsolate > 0 ? boundaries.length : 1;
    if (last !== undefined && (!grown || boundaries.length > keep)) boundaries[boundaries.length - 1] = boundary;
    else boundaries.push(boundary);
  }

  /** What to commit now, or null. `final` takes complete transactions whatever the clock says, and never a piece. */
  take(final = false): CommitWork | null {
    const count = this.#boundaries.length;
    if (count > 0) {
      // A transaction that has begun behind it does not wait with it: nothing else would bound what is read of that.
      const waits = this.idle && this.#open === null && this.#records.bytes < this.#pieceBytes;
      if (waits && !final && this.dueInMs() > 0) return null;
      return this.#takeBoundaries(this.#open !== null || this.#toIsolate > 0 ? 1 : count);
    }
    const piece = this.#piece ?? this.#open;
    if (final || piece === null || this.#records.length !== this.#marked) return null;
    // However slowly the rest of it comes, or if nothing of it is for us: the sink has to look at its clock.
    const due = this.#open !== null && this.dueInMs() === 0;
    if (this.#records.bytes < this.#pieceBytes && !due) return null;
    const { position, tx } = piece;
    const records = this.#takeAll();
    this.#piece = null;
    this.#marked = 0;
    this.#open = { position, tx };
    this.#lastCommitAt = this.#now();
    const none = { transactions: 0, firstCommitUs: null, lastCommitUs: null };
    return { records, position, atBoundary: false, bytes: records.bytes, alone: this.#toIsolate > 0, tx, ...none };
  }

  /** Milliseconds until what `waits` may be committed; 0 when it may be now. */
  dueInMs(): number {
    const elapsed = this.#now() - this.#lastCommitAt;
    // The clock may have been set back: nobody waits until it has caught up.
    return elapsed < 0 ? 0 : Math.max(0, (this.#open === null ? IDLE_COMMIT_MS : PIECE_EVERY_MS) - elapsed);
  }

  /** Something is here that time alone makes due: progress without records, or the rest of a transaction in pieces. */
  get waits(): boolean {
    return this.idle || this.#open !== null;
  }

  /** Only progress without records waits here. */
  get idle(): boolean {
    return this.#boundaries.length === 1 && this.#boundaries[0]?.count === 0;
  }

  #takeBoundaries(count: number): CommitWork {
    const boundaries = this.#boundaries;
    const [first, last] = [boundaries[0] as Boundary, boundaries[count - 1] as Boundary];
    const whole = last.count === this.#records.length;
    const records = whole ? this.#takeAll() : this.#records.shift(last.count);
    this.#boundaries = boundaries.slice(count).map((boundary) => ({
      count: boundary.count - last.count,
      bytes: boundary.bytes - last.bytes,
      transactions: boundary.transactions - last.transactions,
      fragment: boundary.fragment,
    }));
    this.#marked -= last.count;
    this.#open = null;
    const alone = this.#toIsolate > 0;
    this.#toIsolate -= Math.min(this.#toIsolate, last.transactions);
    this.#lastCommitAt = this.#now();
    const { transactions } = last;
    return {
      records,
      position: last.fragment.position,
      atBoundary: true,
      bytes: last.bytes,
      alone,
      tx: last.fragment.tx,
      transactions,
      firstCommitUs: transactions > 0 ? (first.fragment.tx?.commitTimeUs ?? null) : null,
      lastCommitUs: transactions > 0 ? (last.fragment.tx?.commitTimeUs ?? null) : null,
    };
  }

  /** Gives a list back whose commit has ended. */
  recycle(records: Records): void {
    records.clear();
    if (this.#spare.length === 0) this.#spare.push(records);
  }

  #takeAll(): Records {
    const records = this.#records;
    this.#records = this.#spare.pop() ?? new Records();
    return records;
  }
}
