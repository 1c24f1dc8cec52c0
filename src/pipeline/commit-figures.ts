/** What every commit tells metrics and status: once a commit, never a row. */
import type { Clock, Metrics, Progress } from '../ports.ts';
import type { CommitWork } from './batch.ts';

export class CommitFigures {
  readonly #metrics: Metrics;
  readonly #progress: Progress;
  readonly #clock: Clock;
  /** Of the Kafka transaction that is open: pieces of a large source transaction add up. */
  #openedAt: number | null = null;
  #records = 0;
  #bytes = 0;

  constructor(of: { readonly metrics: Metrics; readonly progress: Progress; readonly clock: Clock }) {
    this.#metrics = of.metrics;
    this.#progress = of.progress;
    this.#clock = of.clock;
  }

  /** The sink gets it now. */
  begin({ records, bytes, firstCommitUs, tx }: CommitWork): void {
    this.#openedAt ??= this.#clock.now();
    this.#records += records.length;
    this.#bytes += bytes;
    this.#progress.committing(firstCommitUs ?? tx?.commitTimeUs ?? null);
  }

  /** The sink has it; only at a boundary is it committed, and counted. */
  end({ records, atBoundary, transactions, firstCommitUs, lastCommitUs }: CommitWork): void {
    if (!atBoundary) return this.#progress.sent(records.length);
    const now = this.#clock.now();
    const metrics = this.#metrics;
    metrics.count('records', this.#records);
    metrics.count('record_bytes', this.#bytes);
    metrics.count('source_transactions', transactions);
    metrics.observe('batch_records', this.#records);
    metrics.observe('batch_bytes', this.#bytes);
    metrics.observe('kafka_transaction_duration_seconds', Math.max(0, now - (this.#openedAt ?? now)) / 1000);
    if (firstCommitUs !== null) {
      metrics.observe('delivery_latency_seconds', Math.max(0, now - Number(firstCommitUs / 1000n)) / 1000);
    }
    this.#openedAt = null;
    this.#records = 0;
    this.#bytes = 0;
    this.#progress.committed(lastCommitUs);
  }
}
