/** Counts what was committed against what arrived, and draws it. */
export class Ledger {
  readonly #sent = new Map<string, number>();
  readonly #early = new Map<string, number>();
  readonly #latencies: number[] = [];
  #seen = new Set<string>();
  #duplicates = 0;
  #position = '-';
  #last = '';
  #shown = 0;

  /** Events whose transaction has just been committed. */
  committed(ids: readonly string[]): void {
    const now = performance.now();
    for (const id of ids) {
      this.#sent.set(id, now);
      // A delivery may be faster than the answer to COMMIT.
      if (this.#early.delete(id)) this.#latencies.push(0);
    }
  }

  delivered(topic: string, key: string, id: string, type: string): void {
    const now = performance.now();
    this.#last = `${topic} key=${key} ${type}`;
    if (this.#seen.has(id)) this.#duplicates++;
    this.#seen.add(id);
    const sent = this.#sent.get(id);
    if (sent === undefined) this.#early.set(id, now);
    else this.#latencies.push(now - sent);
  }

  position(json: string): void {
    const { lsn } = JSON.parse(json) as { lsn?: string };
    if (lsn) this.#position = lsn;
  }

  get #missing(): number {
    let missing = 0;
    for (const id of this.#sent.keys()) if (!this.#seen.has(id)) missing++;
    return missing;
  }

  /** Everything committed has arrived exactly once, and nothing else. */
  get agrees(): boolean {
    return this.#sent.size > 0 && this.#missing === 0 && this.#duplicates === 0 && this.#seen.size === this.#sent.size;
  }

  /** Waits until everything has arrived, or the time is over. */
  async settle(ms: number): Promise<void> {
    for (const until = Date.now() + ms; this.#missing > 0 && Date.now() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** One line: rate, latency with its distribution, stored position, the newest event. */
  picture(): string {
    const recent = this.#latencies.slice(this.#shown).sort((a, b) => a - b);
    this.#shown = this.#latencies.length;
    return [
      `${String(recent.length).padStart(5)}/s`,
      `p50 ${quantile(recent, 0.5).toFixed(1)} ms p99 ${quantile(recent, 0.99).toFixed(1)} ms`,
      histogram(recent),
      `position ${this.#position}`,
      this.#last,
    ].join('  ');
  }

  summary(): string {
    const all = this.#latencies.toSorted((a, b) => a - b);
    return [
      `\ncommitted ${this.#sent.size} delivered ${this.#seen.size} duplicates ${this.#duplicates} missing ${this.#missing}`,
      `end to end: p50 ${quantile(all, 0.5).toFixed(1)} ms, p99 ${quantile(all, 0.99).toFixed(1)} ms`,
    ].join('\n');
  }
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

const BARS = ' ▁▂▃▄▅▆▇█';
/** Upper ends of the buckets in milliseconds; the last one takes the rest. */
const BUCKETS = [2, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512];

function histogram(values: readonly number[]): string {
  const counts = BUCKETS.map(() => 0);
  for (const value of values) {
    const found = BUCKETS.findIndex((end) => value <= end);
    const index = found < 0 ? BUCKETS.length - 1 : found;
    counts[index] = (counts[index] ?? 0) + 1;
  }
  const most = Math.max(1, ...counts);
  return `2ms|${counts.map((count) => BARS[Math.ceil((count / most) * 8)]).join('')}|512ms`;
}
