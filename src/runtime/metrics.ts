import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { ERROR_KINDS } from '../errors.ts';
import type { CounterName, GaugeName, HistogramName, Metrics } from '../ports.ts';
import { COUNTERS, GAUGES, HISTOGRAMS, PREFIX, READINGS, SPECIAL, STATES, entriesOf } from './metric-declarations.ts';
import { POLICY } from './policy.ts';
import type { Snapshot } from './status.ts';
import { VERSION } from './version.ts';

/** Where a connector stands, asked at every scrape. */
export interface Shown {
  snapshot(): Snapshot;
}

/** All metrics of the process; `of` gives one connector its own. */
export class MetricsRegistry {
  readonly #registry = new Registry();
  readonly #counters = new Map<CounterName, Counter>();
  readonly #gauges = new Map<GaugeName, Gauge>();
  readonly #histograms = new Map<HistogramName, Histogram>();
  readonly #shown = new Map<string, Shown>();

  /** `process`: CPU, memory and event loop of the whole process as well; a program around us may have its own. */
  constructor(options: { readonly process?: boolean } = {}) {
    const registers = [this.#registry];
    for (const [name, { help, byKind }] of entriesOf(COUNTERS)) {
      const labelNames = byKind === true ? ['connector', 'kind'] : ['connector'];
      this.#counters.set(name, new Counter({ name: `${PREFIX}${name}_total`, help, labelNames, registers }));
    }
    for (const [name, { help }] of entriesOf(GAUGES)) {
      this.#gauges.set(name, new Gauge({ name: PREFIX + name, help, labelNames: ['connector'], registers }));
    }
    for (const [name, { help, buckets }] of entriesOf(HISTOGRAMS)) {
      const settings = { name: PREFIX + name, help, buckets: [...buckets], labelNames: ['connector'], registers };
      this.#histograms.set(name, new Histogram(settings));
    }
    this.#declareReadings();
    if (options.process === true) collectDefaultMetrics({ register: this.#registry });
  }

  /** Every counter and histogram of it is there from now on, at 0: a rate needs a first value. */
  of(connector: string): Metrics {
    const labels = { connector };
    for (const [name, { byKind }] of entriesOf(COUNTERS)) {
      for (const kind of byKind === true ? RETRIED : [undefined]) {
        this.#counters.get(name)?.inc(kind === undefined ? labels : { ...labels, kind }, 0);
      }
    }
    for (const gauge of this.#gauges.values()) gauge.set(labels, 0);
    for (const histogram of this.#histograms.values()) histogram.zero(labels);
    return {
      count: (name, by, kind) => this.#counters.get(name)?.inc(kind === undefined ? labels : { ...labels, kind }, by),
      gauge: (name, value) => this.#gauges.get(name)?.set(labels, value),
      observe: (name, value) => this.#histograms.get(name)?.observe(labels, value),
    };
  }

  /** From now on every scrape says where the connector stands. */
  show(connector: string, status: Shown): void {
    this.#shown.set(connector, status);
  }

  /** Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #declareReadings(): void {
    const shown = this.#shown;
    const registers = [this.#registry];
    for (const [name, { help, read }] of entriesOf(READINGS)) {
      new Gauge({
        name: PREFIX + name,
        help,
        labelNames: ['connector'],
        registers,
        collect() {
          this.reset();
          for (const [connector, status] of shown) {
            const value = read(status.snapshot());
            if (value !== null) this.set({ connector }, value);
          }
        },
      });
    }
    const state = SPECIAL.connector_state;
    new Gauge({
      name: `${PREFIX}connector_state`,
      help: state.help,
      labelNames: state.labels,
      registers,
      collect() {
        for (const [connector, status] of shown) {
          const now = status.snapshot().state;
          for (const each of STATES) this.set({ connector, state: each }, each === now ? 1 : 0);
        }
      },
    });
    const build = SPECIAL.build_info;
    new Gauge({ name: `${PREFIX}build_info`, help: build.help, labelNames: build.labels, registers }).set(
      { version: VERSION },
      1,
    );
  }
}

const RETRIED = ERROR_KINDS.filter((kind) => POLICY[kind].action !== 'stop');
