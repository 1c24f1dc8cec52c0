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
  /** A piece of an oversized transaction is in an open Kafka transaction: it ends at the first boundary. */
  #open = false;
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

  /** No more should be read until a commit has made room. `inFlightBytes` are in the commit under way. */
  isFull(inFlightBytes: number): boolean {
    return (
      this.#records.bytes + inFlightBytes >= this.#limits.maxBytes || this.#records.length >= this.#limits.maxRecords
    );
  }

  add(record: OutRecord): void {
    this.#records.add(record);
  }

  /** Closes a fragment whose records have been added. */
  mark(fragment: Fragment): void {
    if (!fragment.end) {
      this.#piece = fragment;
      return;
    }
    this.#piece = null;
    const { length, bytes } = this.#records;
    const boundaries = this.#boundaries;
    const last = boundaries.at(-1);
    const grown = length > (last?.count ?? 0) || (last === undefined && this.#open);
    const boundary = { count: length, bytes, transactions: (last?.transactions ?? 0) + (grown ? 1 : 0), fragment };
    // Only the first and the last are ever committed at, unless each is on its own; a fragment holds what was received.
    const keep = this.#toIsolate > 0 ? boundaries.length : 1;
    if (last !== undefined && (!grown || boundaries.length > keep)) boundaries[boundaries.length - 1] = boundary;
    else boundaries.push(boundary);
  }

  /** What to commit now, or null. `final` takes complete transactions whatever the clock says, and never a piece. */
  take(final = false): CommitWork | null {
    const count = this.#boundaries.length;
    if (count > 0) {
      if (this.idle && !this.#open && !final && this.dueInMs() > 0) return null;
      return this.#takeBoundaries(this.#open || this.#toIsolate > 0 ? 1 : count);
    }
    if (final || this.#piece === null || this.#records.bytes < this.#pieceBytes) return null;
    const { position, tx } = this.#piece;
    const records = this.#takeAll();
    this.#piece = null;
    this.#open = true;
    const none = { transactions: 0, firstCommitUs: null, lastCommitUs: null };
    return { records, position, atBoundary: false, bytes: records.bytes, alone: this.#toIsolate > 0, tx, ...none };
  }

  /** Milliseconds until progress without records may be committed; 0 when it may be now. */
  dueInMs(): number {
    return Math.max(0, this.#lastCommitAt + IDLE_COMMIT_MS - this.#now());
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
    this.#open = false;
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
