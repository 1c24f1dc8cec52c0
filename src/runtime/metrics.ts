import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CounterName, GaugeName, HistogramName, Metrics } from '../ports.ts';

const COUNTERS: Readonly<Record<CounterName, string>> = {
  records: 'Records committed to Kafka',
  bytes: 'Bytes of the records committed to Kafka',
  transactions: 'Source transactions delivered',
  commits: 'Kafka transactions committed at a source transaction boundary',
  restarts: 'Runs that ended with an error and were started again',
  skipped: 'Changes that are no event (deletes, updates and truncates of an outbox)',
};
const GAUGES: Readonly<Record<GaugeName, string>> = {
  lag_bytes: 'Bytes of log between the slot and the end of the log',
  lag_seconds: 'From commit in the database to commit in Kafka, of the last transaction',
  retained_wal_bytes: 'Bytes of log that the slot holds back',
  running: '1 while this instance works',
  standby: '1 while another instance holds the lease',
  queue_bytes: 'Bytes of records read and not yet committed',
};
const HISTOGRAMS: Readonly<Record<HistogramName, string>> = {
  commit_seconds: 'Duration of one Kafka transaction',
  event_latency_seconds: 'From commit in the database to commit in Kafka',
};
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** All metrics of the process; `of` gives one connector its own. */
export class MetricsRegistry {
  readonly #registry = new Registry();
  readonly #counters = new Map<CounterName, Counter<'connector'>>();
  readonly #gauges = new Map<GaugeName, Gauge<'connector'>>();
  readonly #histograms = new Map<HistogramName, Histogram<'connector'>>();

  constructor() {
    const common = { labelNames: ['connector'] as const, registers: [this.#registry] };
    for (const [name, help] of entries(COUNTERS)) {
      this.#counters.set(name, new Counter({ name: `millrace_${name}_total`, help, ...common }));
    }
    for (const [name, help] of entries(GAUGES))
      this.#gauges.set(name, new Gauge({ name: `millrace_${name}`, help, ...common }));
    for (const [name, help] of entries(HISTOGRAMS)) {
      this.#histograms.set(name, new Histogram({ name: `millrace_${name}`, help, buckets: BUCKETS, ...common }));
    }
  }

  of(connector: string): Metrics {
    const labels = { connector };
    return {
      count: (name, by) => this.#counters.get(name)?.inc(labels, by),
      gauge: (name, value) => this.#gauges.get(name)?.set(labels, value),
      observe: (name, seconds) => this.#histograms.get(name)?.observe(labels, seconds),
    };
  }

  /** Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

function entries<K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(record) as [K, V][];
}
