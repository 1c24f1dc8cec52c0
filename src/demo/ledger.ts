/** Counts what was committed against what arrived. */
export interface Arrival {
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  /** From COMMIT's answer to receipt; null when it arrived before that answer. */
  readonly latencyMs: number | null;
}

/** What the numbers come to. */
export interface Totals {
  readonly committed: number;
  /** Different events that arrived. */
  readonly delivered: number;
  readonly duplicates: number;
  readonly missing: number;
  /** Events that arrived and were never committed. */
  readonly strangers: number;
}

export class Ledger {
  readonly #now: () => number;
  readonly #sent = new Map<string, number>();
  readonly #seen = new Set<string>();
  readonly #latenciesMs: number[] = [];
  /** Arrived before the answer to COMMIT, which settles whether they are ours. */
  readonly #early = new Set<string>();
  #duplicates = 0;
  /** Committed and arrived. */
  #both = 0;

  /** `now` in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Events whose transaction has just been committed. */
  committed(ids: readonly string[]): void {
    const now = this.#now();
    for (const id of ids) {
      this.#sent.set(id, now);
      // Faster than the answer to COMMIT: the time between the two is nobody's waiting.
      if (!this.#early.delete(id)) continue;
      this.#both++;
      this.#latenciesMs.push(0);
    }
  }

  /** Gives the latency, null if the event overtook the answer to COMMIT. */
  delivered(id: string): number | null {
    const sent = this.#sent.get(id);
    if (this.#seen.has(id)) {
      this.#duplicates++;
      return null;
    }
    this.#seen.add(id);
    if (sent === undefined) {
      this.#early.add(id);
      return null;
    }
    this.#both++;
    const latencyMs = Math.max(0, this.#now() - sent);
    this.#latenciesMs.push(latencyMs);
    return latencyMs;
  }

  totals(): Totals {
    return {
      committed: this.#sent.size,
      delivered: this.#seen.size,
      duplicates: this.#duplicates,
      missing: this.#sent.size - this.#both,
      strangers: this.#early.size,
    };
  }

  /** Everything committed has arrived exactly once, and nothing else. */
  get agrees(): boolean {
    const { committed, duplicates, missing, strangers } = this.totals();
    return committed > 0 && duplicates === 0 && missing === 0 && strangers === 0;
  }

  /** In order of arrival, from the given index on. */
  latenciesMs(from = 0): readonly number[] {
    return this.#latenciesMs.slice(from);
  }

  get count(): number {
    return this.#latenciesMs.length;
  }

  /** The last lines of a demo. */
  summary(): string {
    const { committed, delivered, duplicates, missing, strangers } = this.totals();
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    return [
      `committed ${committed} delivered ${delivered} duplicates ${duplicates} missing ${missing}`,
      `p50 ${quantile(sorted, 0.5).toFixed(1)} ms`,
      `p99 ${quantile(sorted, 0.99).toFixed(1)} ms`,
      ...(strangers > 0 ? [`never committed, and yet arrived: ${strangers}`] : []),
    ].join('\n');
  }
}

/** Of ascending numbers; 0 if there are none. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}
