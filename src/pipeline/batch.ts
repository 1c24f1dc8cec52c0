/** What has been read and not yet committed, and when a part of it is to be committed: pure, given a clock. */
import type { Fragment } from '../change/fragment.ts';
import { type OutRecord, recordSize } from '../change/message.ts';
import type { Position } from '../change/position.ts';

export interface BatchLimits {
  /** Bytes of records held, in the batch and in the commit under way, before reading pauses. */
  readonly maxBytes: number;
  /** Records gathered from small source transactions before reading pauses. */
  readonly maxRecords: number;
}

/** One call of `Sink.commit`. */
export interface CommitWork {
  readonly records: readonly OutRecord[];
  readonly position: Position;
  readonly atBoundary: boolean;
  readonly bytes: number;
  /** Commit time of the last source transaction in it, microseconds since 1970; null for idle progress. */
  readonly commitTimeUs: bigint | null;
}

/** Progress without records is worth a Kafka transaction at most once a second. */
const IDLE_COMMIT_MS = 1000;

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
  #first: Boundary | null = null;
  #last: Boundary | null = null;
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
    this.#last = { count: this.#records.length, bytes: this.#bytes, fragment };
    this.#first ??= this.#last;
  }

  /** What to commit now, or null. `final` takes complete transactions whatever the clock says, and never a piece. */
  take(final = false): CommitWork | null {
    const boundary = this.#open ? this.#first : this.#last;
    if (boundary) {
      if (boundary.count === 0 && !this.#open && !final && this.dueInMs() > 0) return null;
      return this.#takeBoundary(boundary);
    }
    if (final || this.#piece === null || this.#bytes < this.#pieceBytes) {
      return null;
    }
    const work = this.#work(this.#records, this.#piece, false, this.#bytes);
    this.#records = [];
    this.#bytes = 0;
    this.#piece = null;
    this.#open = true;
    return work;
  }

  /** Milliseconds until progress without records may be committed; 0 when it may be now. */
  dueInMs(): number {
    return Math.max(0, this.#lastCommitAt + IDLE_COMMIT_MS - this.#now());
  }

  /** Only progress without records waits here. */
  get idle(): boolean {
    return this.#last !== null && this.#last.count === 0;
  }

  #takeBoundary(boundary: Boundary): CommitWork {
    const whole = boundary.count === this.#records.length;
    const records = whole ? this.#records : this.#records.slice(0, boundary.count);
    const work = this.#work(records, boundary.fragment, true, boundary.bytes);
    this.#records = whole ? [] : this.#records.slice(boundary.count);
    this.#bytes -= boundary.bytes;
    const last = this.#last;
    this.#first = null;
    this.#last = null;
    if (last && last !== boundary) {
      this.#last = { count: last.count - boundary.count, bytes: last.bytes - boundary.bytes, fragment: last.fragment };
      this.#first = this.#last;
    }
    this.#open = false;
    this.#lastCommitAt = this.#now();
    return work;
  }

  #work(records: readonly OutRecord[], fragment: Fragment, atBoundary: boolean, bytes: number): CommitWork {
    const { tx, position } = fragment;
    return { records, position, atBoundary, bytes, commitTimeUs: tx === null ? null : tx.commitTimeUs };
  }
}
