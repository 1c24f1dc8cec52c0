import type { Clock } from '../ports.ts';
import type { Arrival, Ledger } from './ledger.ts';
import type { View } from './picture.ts';

const NEWEST = 8;
/** Rate and latency are those of the last seconds. */
const WINDOW_MS = 3000;

/** Keeps what is worth showing of what arrives. */
export class LiveView {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  /** Of the first arrival. */
  #startedAt: number | null = null;
  #newest: Arrival[] = [];
  #position = '-';
  /** How many had arrived when, for the window. */
  #marks: { readonly at: number; readonly count: number }[] = [];

  constructor(ledger: Ledger, clock: Clock) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  arrived(arrival: Arrival): void {
    if (this.#startedAt === null) {
      this.#startedAt = this.#clock.now();
      this.#marks = [{ at: this.#startedAt, count: 0 }];
    }
    this.#newest = [...this.#newest.slice(1 - NEWEST), arrival];
  }

  /** The value of a position record. */
  stored(json: string): void {
    const { lsn } = JSON.parse(json) as { lsn?: unknown };
    if (typeof lsn === 'string') this.#position = lsn;
  }

  view(): View {
    const now = this.#clock.now();
    const { committed, delivered } = this.#ledger.totals();
    this.#marks.push({ at: now, count: this.#ledger.count });
    while ((this.#marks[1]?.at ?? now) < now - WINDOW_MS) this.#marks.shift();
    const from = this.#marks[0] ?? { at: now, count: 0 };
    const latenciesMs = this.#ledger.latenciesMs(from.count);
    return {
      seconds: (now - (this.#startedAt ?? now)) / 1000,
      committed,
      delivered,
      perSecond: (latenciesMs.length * 1000) / Math.max(1, now - from.at),
      latenciesMs,
      position: this.#position,
      newest: this.#newest,
    };
  }
}
