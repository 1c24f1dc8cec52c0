/** What has been read and not yet committed, and when a part of it is to be committed: pure, given a clock. */
import type { Fragment } from '../change/fragment.ts';
import { type OutRecord, recordSize } from '../change/message.ts';
import type { Position } from '../change/position.ts';

export interface BatchLimits {
  /** Bytes of records held, in the batch and in the commit under way, before reading pauses. */
  readonly maxBytes: number;
  /** Records gathered from small source transactions before reading pauses. */
  readonly maxRecords: number;
  /** Commit one source transaction at a time: how a record that Kafka refuses is found. */
  readonly isolate?: boolean;
}

/** One call of `Sink.commit`. */
export interface CommitWork {
  readonly records: readonly OutRecord[];
  readonly position: Position;
  readonly atBoundary: boolean;
  readonly bytes: number;
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
  readonly fragment: Fragment;
}

export class Batch {
  readonly #pieceBytes: number;
  readonly #limits: BatchLimits;
  readonly #now: () => number;
  #records: OutRecord[] = [];
  #bytes = 0;
  #boundaries: Boundary[] = [];
  /** The part of an unfinished source transaction behind the last boundary. */
  #piece: Fragment | null = null;
  /** A piece of an oversized transaction is in an open Kafka transaction: it ends at the first boundary. */
  #open = false;
  #lastCommitAt = Number.NEGATIVE_INFINITY;

  constructor(limits: BatchLimits, now: () => number) {
    this.#limits = limits;
    this.#pieceBytes = Math.max(64 * 1024, Math.floor(limits.maxBytes / 4));
    this.#now = now;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** No more should be read until a commit has made room. `inFlightBytes` are in the commit under way. */
  isFull(inFlightBytes: number): boolean {
    return this.#bytes + inFlightBytes >= this.#limits.maxBytes || this.#records.length >= this.#limits.maxRecords;
  }

  add(record: OutRecord): void {
    this.#records.push(record);
    this.#bytes += recordSize(record);
  }

  /** Closes a fragment whose records have been added. */
  mark(fragment: Fragment): void {
    if (!fragment.end) {
      this.#piece = fragment;
      return;
    }
    this.#piece = null;
    const boundary = { count: this.#records.length, bytes: this.#bytes, fragment };
    const last = this.#boundaries.length - 1;
    // A transaction without records only moves the position: it needs no boundary of its own.
    if (this.#boundaries[last]?.count === boundary.count) this.#boundaries[last] = boundary;
    else this.#boundaries.push(boundary);
  }

  /** What to commit now, or null. `final` takes complete transactions whatever the clock says, and never a piece. */
  take(final = false): CommitWork | null {
    const count = this.#boundaries.length;
    if (count > 0) {
      if (this.idle && !this.#open && !final && this.dueInMs() > 0) return null;
      return this.#takeBoundaries(this.#open || this.#limits.isolate ? 1 : count);
    }
    if (final || this.#piece === null || this.#bytes < this.#pieceBytes) return null;
    const { position } = this.#piece;
    const [records, bytes] = [this.#records, this.#bytes];
    this.#records = [];
    this.#bytes = 0;
    this.#piece = null;
    this.#open = true;
    const none = { transactions: 0, firstCommitUs: null, lastCommitUs: null };
    return { records, position, atBoundary: false, bytes, ...none };
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
    const records = whole ? this.#records : this.#records.slice(0, last.count);
    this.#records = whole ? [] : this.#records.slice(last.count);
    this.#bytes -= last.bytes;
    this.#boundaries = boundaries.slice(count).map((boundary) => ({
      count: boundary.count - last.count,
      bytes: boundary.bytes - last.bytes,
      fragment: boundary.fragment,
    }));
    const transactions = records.length > 0 || this.#open ? count : 0;
    this.#open = false;
    this.#lastCommitAt = this.#now();
    return {
      records,
      position: last.fragment.position,
      atBoundary: true,
      bytes: last.bytes,
      transactions,
      firstCommitUs: transactions > 0 ? (first.fragment.tx?.commitTimeUs ?? null) : null,
      lastCommitUs: transactions > 0 ? (last.fragment.tx?.commitTimeUs ?? null) : null,
    };
  }
}
