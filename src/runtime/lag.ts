/** How far delivery is behind the database's log, kept over all runs of a connector: pure, the time is handed in. */
import type { LogPoint, LogReading } from '../ports.ts';

/** An end of the log that is not delivered yet, and when it was read. */
interface Mark {
  readonly at: number;
  readonly bytes: bigint;
}

/** How often the log is read: every session has its own timer, and `stall.ts` sees to it that somebody does. */
export const READ_EVERY_MS = 10_000;
/** After three readings that did not come about, figures that need one are not shown any more. */
const FRESH_MS = 30_000;
/** Beyond these every other one is left out: an outage of a day has coarser marks, not more memory. */
const MOST_MARKS = 256;

export class Lag {
  readonly #startedAt: number;
  #reading: LogReading | null = null;
  #readAt: number | null = null;
  #delivered: LogPoint | null = null;
  #marks: Mark[] = [];
  #pendingUs: bigint | null = null;

  constructor(now: number) {
    this.#startedAt = now;
  }

  get readAt(): number | null {
    return this.#readAt;
  }

  /** The last reading; null when there is none, or it is older than 30 s. */
  fresh(now: number): LogReading | null {
    return this.#readAt !== null && now - this.#readAt <= FRESH_MS ? this.#reading : null;
  }

  /** Up to where everything is known to be in Kafka. */
  get delivered(): LogPoint | null {
    return this.#delivered;
  }

  /** When the log was first seen to end beyond what is delivered; null: nothing is known to be behind. */
  get behindSince(): number | null {
    return this.#marks[0]?.at ?? null;
  }

  /** `streams`: what we have delivered is said by `deliver`, and may be ahead of what the database knows. */
  read(reading: LogReading, now: number, streams: boolean): void {
    this.#reading = reading;
    this.#readAt = now;
    const { head, confirmed } = reading;
    // A log that ends before our position is another one: a restored server, or one that we were pointed at.
    if (!streams && this.#delivered !== null && head.bytes < this.#delivered.bytes) {
      this.#delivered = null;
      this.#marks = [];
    }
    if (confirmed !== null) this.deliver(confirmed);
    if (this.#delivered === null || head.bytes <= this.#delivered.bytes) return;
    if (this.#marks.length >= MOST_MARKS) this.#marks = this.#marks.filter((_, index) => index % 2 === 0);
    this.#marks.push({ at: now, bytes: head.bytes });
  }

  deliver(point: LogPoint): void {
    if (this.#delivered !== null && point.bytes <= this.#delivered.bytes) return;
    this.#delivered = point;
    let reached = 0;
    while (reached < this.#marks.length && (this.#marks[reached] as Mark).bytes <= point.bytes) reached++;
    if (reached > 0) this.#marks.splice(0, reached);
  }

  /** The commit time of the oldest transaction in hand; null: there is none. */
  pending(commitUs: bigint | null): void {
    this.#pendingUs = commitUs;
  }

  /** Null without a fresh reading, or before the first start. */
  bytes(now: number): number | null {
    const reading = this.fresh(now);
    if (reading === null || this.#delivered === null) return null;
    const { bytes } = reading.head;
    return bytes > this.#delivered.bytes ? Number(bytes - this.#delivered.bytes) : 0;
  }

  /**
   * The age of the oldest thing that is not delivered: by its commit time if it is in hand, else since the log was first
   * read to end beyond our position, or since the log was last read at all when that is too long ago; 0 when everything
   * is delivered, null as long as nothing is known. `watches`: the position is another instance's, and as old as the
   * last reading.
   */
  seconds(now: number, watches: boolean): number | null {
    const ages: number[] = [];
    const fresh = this.fresh(now) !== null;
    const [mark] = this.#marks;
    if (this.#pendingUs !== null) ages.push(now - Number(this.#pendingUs / 1000n));
    if (mark !== undefined) ages.push((watches && fresh ? (this.#readAt ?? now) : now) - mark.at);
    const blind = now - (this.#readAt ?? this.#startedAt);
    if (!fresh && blind > FRESH_MS) ages.push(blind);
    if (ages.length === 0) return fresh ? 0 : null;
    return Math.max(0, ...ages) / 1000;
  }
}
