/** pgoutput messages to fragments: pure, given a clock. Knows where to resume and what has been delivered. */
import type { Change, MessageChange } from '../../change/change.ts';
import type { Fragment, Tx } from '../../change/fragment.ts';
import type { Position } from '../../change/position.ts';
import type { Table } from '../../change/table.ts';
import { MillraceError } from '../../errors.ts';
import { formatLsn } from './lsn.ts';
import type { Begin, Commit, PgMessage, PgTruncate } from './pgoutput.ts';
import type { Following } from './source-block.ts';

/** Where a stream starts and what its positions carry. */
export interface StreamStart {
  readonly system: string;
  readonly timeline: number;
  readonly lsn: bigint;
  /** Raw changes of the transaction at `lsn` that are delivered already; 0 between transactions. */
  readonly ordinal: number;
  /** The xid of that transaction, when `ordinal` is not 0. */
  readonly xid: string | null;
  readonly fingerprint: string;
  /** When the last transaction before it was committed, if that is known. */
  readonly committedAt?: string | undefined;
}

/** Seconds from 1970-01-01 to 2000-01-01, PostgreSQL's epoch, in microseconds. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n;
const IDLE_EVERY_MS = 1000;
const IDLE_EVERY_BYTES = 16n * 1024n * 1024n;
const NO_CHANGES: readonly Change[] = Object.freeze([]);

/** Facts of one transaction; formatted only when somebody asks, for most of them nobody does. */
class PgTx implements Tx, Following {
  readonly #begin: Begin;
  /** The end of the transaction before it; null when the stream began inside of this one. */
  readonly previous: bigint | null;
  constructor(begin: Begin, previous: bigint | null) {
    this.#begin = begin;
    this.previous = previous;
  }
  endLsn = 0n;
  get xid(): number {
    return this.#begin.xid;
  }
  get beginLsn(): bigint {
    return this.#begin.lsn;
  }
  get id(): string {
    return String(this.#begin.xid);
  }
  get commitTimeUs(): bigint {
    return this.#begin.commitTime + POSTGRES_EPOCH_US;
  }
  get commitLsn(): string {
    return formatLsn(this.#begin.finalLsn);
  }
}

class PgFragment implements Fragment {
  readonly tx: Tx | null;
  readonly changes: readonly Change[];
  readonly delivered?: readonly Change[];
  readonly begin: boolean;
  readonly end: boolean;
  readonly #start: StreamStart;
  readonly #lsn: bigint;
  readonly #ordinal: number;
  readonly #delivered: Tx | null;

  /** `delivered`: the last transaction up to here, this one included. */
  constructor(
    parts: {
      tx: Tx | null;
      changes: readonly Change[];
      delivered?: readonly Change[];
      begin: boolean;
      end: boolean;
      lsn: bigint;
      ordinal: number;
    },
    start: StreamStart,
    delivered: Tx | null,
  ) {
    this.tx = parts.tx;
    this.changes = parts.changes;
    if (parts.delivered !== undefined && parts.delivered.length > 0) this.delivered = parts.delivered;
    this.begin = parts.begin;
    this.end = parts.end;
    this.#start = start;
    this.#lsn = parts.lsn;
    this.#ordinal = parts.ordinal;
    this.#delivered = delivered;
  }

  /** Built on demand: of a batch of fragments only the last one's position is ever stored. */
  get position(): Position {
    const { system, timeline, fingerprint } = this.#start;
    const committedAt = this.#delivered === null ? this.#start.committedAt : timeOf(this.#delivered.commitTimeUs);
    const base = {
      system,
      timeline,
      lsn: formatLsn(this.#lsn),
      ordinal: this.#ordinal,
      ...(committedAt === undefined ? {} : { committedAt }),
    };
    return this.#ordinal === 0 || this.tx === null ? base : { ...base, in: this.tx.id, fingerprint };
  }
}

/** For people: milliseconds are enough. */
function timeOf(us: bigint): string {
  return new Date(Number(us / 1000n)).toISOString();
}

/**
 * Feed it every message and keep-alive in order; `take()` gives what is complete so far, an unfinished transaction as
 * a piece. Stored `lsn` with ordinal 0 is the *end* of the last delivered commit; inside a split transaction it is the
 * LSN of its commit record, from which the server sends that transaction again and `ordinal` changes are dropped here.
 */
export class FragmentAssembler {
  readonly #start: StreamStart;
  readonly #captures: (table: Table) => boolean;
  readonly #includesMessage: (prefix: string) => boolean;
  readonly #now: () => number;
  #out: Fragment[] = [];
  #changes: Change[] = [];
  /** Of the split transaction that is resumed, what an earlier run has delivered. */
  #passed: Change[] = [];
  #begin: Begin | null = null;
  #tx: PgTx | null = null;
  #delivered: Tx | null = null;
  /** Raw changes of the open transaction so far, before any filter, so that editing a filter cannot shift it. */
  #ordinal = 0;
  #skipUntil: number;
  #skipTransaction = false;
  #pieces = 0;
  #last: bigint;
  /** The end of the last transaction received. */
  #previous: bigint | null;
  #lastIdleAt = 0;
  #lastTable: Table | null = null;
  #lastCaptured = false;

  constructor(
    start: StreamStart,
    captures: (table: Table) => boolean,
    now: () => number,
    includesMessage: (prefix: string) => boolean = () => true,
  ) {
    this.#start = start;
    this.#captures = captures;
    this.#includesMessage = includesMessage;
    this.#now = now;
    this.#last = start.lsn;
    this.#previous = start.ordinal > 0 ? null : start.lsn;
    this.#skipUntil = start.ordinal;
  }

  /** The transaction that is open at this point of the stream, or null. */
  get openTransaction(): string | null {
    return this.#begin === null ? null : String(this.#begin.xid);
  }

  /** Raw changes of the open transaction that have been received, of whatever table. */
  get changes(): number {
    return this.#ordinal;
  }

  message(message: PgMessage): void {
    switch (message.op) {
      case 'insert':
      case 'update':
      case 'delete':
      case 'read':
        this.#change(message, this.#isCaptured(message.table));
        return;
      case 'begin':
        this.#beginTransaction(message);
        return;
      case 'commit':
        this.#commitTransaction(message);
        return;
      case 'truncate':
        this.#truncate(message);
        return;
      case 'message':
        if (message.transactional) this.#change(message, this.#includesMessage(message.prefix));
        else this.#loneMessage(message, message.lsn);
        return;
      case 'relation':
      case 'type':
      case 'origin':
        return;
    }
  }

  /**
   * A keep-alive: the server has read its log up to `walEnd` and had nothing more for us. Only then is it a position;
   * the first one after a start lies below the start, and inside a transaction it says nothing.
   */
  keepAlive(walEnd: bigint): void {
    if (this.#begin !== null || walEnd <= this.#last) return;
    if (this.#skipUntil > 0) throw this.#splitIsGone(`nothing of it up to ${formatLsn(walEnd)}`);
    const now = this.#now();
    const elapsed = now - this.#lastIdleAt;
    // A clock that was set back makes nobody wait until it has caught up.
    if (elapsed >= 0 && elapsed < IDLE_EVERY_MS && walEnd - this.#last < IDLE_EVERY_BYTES) return;
    this.#lastIdleAt = now;
    this.#emit({ tx: null, changes: NO_CHANGES, begin: true, end: true, lsn: walEnd, ordinal: 0 });
    this.#last = walEnd;
  }

  /** All that is complete, and the begun part of an open transaction. */
  take(): readonly Fragment[] {
    if (this.#changes.length + this.#passed.length > 0 && this.#begin !== null) {
      this.#emit({
        tx: this.#tx,
        changes: this.#changes,
        delivered: this.#takePassed(),
        begin: this.#pieces === 0,
        end: false,
        lsn: this.#begin.finalLsn,
        // While an earlier run's part passes, the position stays where that run left it.
        ordinal: Math.max(this.#ordinal, this.#skipUntil),
      });
      this.#changes = [];
      this.#pieces++;
    }
    const out = this.#out;
    if (out.length > 0) this.#out = [];
    return out;
  }

  #beginTransaction(message: Begin): void {
    if (this.#begin !== null) throw this.#unexpected('Begin', 'inside another transaction');
    const { lsn, xid } = this.#start;
    const resumes = this.#skipUntil > 0;
    if (resumes && (message.finalLsn !== lsn || String(message.xid) !== xid)) {
      // The server has to send the split transaction first: anything else would drop the wrong rows.
      throw this.#splitIsGone(`transaction ${message.xid} at ${formatLsn(message.finalLsn)}`);
    }
    this.#skipTransaction = !resumes && message.finalLsn < lsn;
    this.#begin = message;
    this.#tx = new PgTx(message, this.#previous);
    this.#ordinal = 0;
    // Of a split transaction that is resumed, the beginning is delivered.
    this.#pieces = resumes ? 1 : 0;
  }

  #commitTransaction(message: Commit): void {
    if (this.#begin === null) throw this.#unexpected('Commit', 'outside a transaction');
    if (this.#skipUntil > this.#ordinal) {
      throw new MillraceError(
        'refused',
        `cannot resume inside split transaction ${this.#begin.xid}: ${this.#skipUntil} of its changes are stored as delivered, ` +
          `the server now sends ${this.#ordinal}; the publication was changed in between`,
      );
    }
    this.#skipUntil = 0;
    if (!this.#skipTransaction) {
      const changes = this.#changes.length === 0 ? NO_CHANGES : this.#changes;
      if (this.#tx !== null) this.#tx.endLsn = message.endLsn;
      const delivered = this.#takePassed();
      this.#emit({
        tx: this.#tx,
        changes,
        delivered,
        begin: this.#pieces === 0,
        end: true,
        lsn: message.endLsn,
        ordinal: 0,
      });
      if (this.#changes.length > 0) this.#changes = [];
      this.#last = message.endLsn;
    }
    this.#previous = message.endLsn;
    this.#begin = null;
    this.#tx = null;
    this.#skipTransaction = false;
  }

  #change(change: Change, captured: boolean): void {
    if (this.#begin === null) throw this.#unexpected(`"${change.op}"`, 'outside a transaction');
    this.#ordinal++;
    if (!captured || this.#skipTransaction) return;
    if (this.#ordinal > this.#skipUntil) this.#changes.push(change);
    else this.#passed.push(change);
  }

  #truncate({ tables, lsn }: PgTruncate): void {
    const captured = tables.filter((table) => this.#captures(table));
    const change: PgTruncate = { op: 'truncate', tables: captured, lsn };
    this.#change(change, captured.length > 0);
  }

  #loneMessage(change: MessageChange, lsn: bigint): void {
    // Before a split transaction that is resumed there is nothing that was not delivered with its first part.
    if (lsn < this.#last || this.#skipUntil > 0) return;
    // Outside any transaction: it stands at its record's end, which may equal the next commit's final LSN.
    // One that is no event is progress all the same.
    const changes = this.#includesMessage(change.prefix) ? [change] : NO_CHANGES;
    this.#emit({ tx: null, changes, begin: true, end: true, lsn, ordinal: 0 });
    this.#last = lsn;
  }

  #takePassed(): readonly Change[] {
    const passed = this.#passed;
    if (passed.length > 0) this.#passed = [];
    return passed;
  }

  #isCaptured(table: Table): boolean {
    if (table !== this.#lastTable) {
      this.#lastTable = table;
      this.#lastCaptured = this.#captures(table);
    }
    return this.#lastCaptured;
  }

  #emit(parts: ConstructorParameters<typeof PgFragment>[0]): void {
    if (parts.tx !== null) this.#delivered = parts.tx;
    this.#out.push(new PgFragment(parts, this.#start, this.#delivered));
  }

  #splitIsGone(got: string): MillraceError {
    const { lsn, ordinal, xid } = this.#start;
    return new MillraceError(
      'refused',
      `cannot resume inside a split transaction: expected transaction ${xid} with its commit at ${formatLsn(lsn)} (${ordinal} changes delivered), ` +
        `got ${got}; the slot does not hold it any more`,
    );
  }

  #unexpected(message: string, where: string): MillraceError {
    return new MillraceError('protocol', `pgoutput sent ${message} ${where}, near ${formatLsn(this.#last)}`);
  }
}
