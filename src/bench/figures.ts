/** What a benchmark comes to: the vocabulary of its tables, its JSON and its plot. */
import { type Spread, spreadOf } from './spread.ts';

export const CONTESTANTS = {
  millrace: 'Millrace',
  debezium: 'Debezium, tuned',
  'debezium-default': 'Debezium, defaults',
  'millrace-unix': 'Millrace, Unix socket',
  'raw-tcp': 'ceiling, TCP',
  'raw-unix': 'ceiling, Unix socket',
} as const;
export type Contestant = keyof typeof CONTESTANTS;

/** What is measured, in which unit, and which way is good. */
export const MEASURES = {
  rate: { label: 'throughput', unit: 'events/s', better: 'higher', digits: 0 },
  cpu: { label: 'CPU an event', unit: 'µs', better: 'lower', digits: 1 },
  memory: { label: 'peak memory', unit: 'MB', better: 'lower', digits: 0 },
  p50: { label: 'p50', unit: 'ms', better: 'lower', digits: 1 },
  p99: { label: 'p99', unit: 'ms', better: 'lower', digits: 1 },
  p999: { label: 'p99.9', unit: 'ms', better: 'lower', digits: 1 },
  max: { label: 'max', unit: 'ms', better: 'lower', digits: 1 },
  time: { label: 'time', unit: 's', better: 'lower', digits: 2 },
} as const;
export type Measure = keyof typeof MEASURES;

export const GROUPS = {
  drain: 'Draining a backlog',
  latency: 'From COMMIT to visible for a read_committed consumer',
  times: 'Until events flow',
} as const;
export type Group = keyof typeof GROUPS;

/** One run's value. */
export interface Sample {
  readonly group: Group;
  /** Under which condition, in words: `10 rows a transaction`. */
  readonly condition: string;
  readonly measure: Measure;
  readonly contestant: Contestant;
  readonly value: number;
}

/** One line of a table. */
export interface Figure {
  readonly group: Group;
  readonly condition: string;
  readonly measure: Measure;
  readonly results: Readonly<Partial<Record<Contestant, Spread>>>;
}

export interface Failure {
  /** What was being measured, and of whom. */
  readonly part: string;
  readonly reason: string;
}

/** The JSON of a benchmark. */
export interface Report {
  readonly format: 1;
  /** ISO 8601. */
  readonly takenAt: string;
  readonly minutes: number;
  readonly quick: boolean;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly figures: readonly Figure[];
  readonly failures: readonly Failure[];
}

/** Samples of the same thing as one figure, in the order of their first appearance. */
export function figuresOf(samples: readonly Sample[]): Figure[] {
  const lines = Map.groupBy(samples, ({ group, condition, measure }) => JSON.stringify([group, condition, measure]));
  return Array.from(lines.values(), (of) => {
    const { group, condition, measure } = of[0] as Sample;
    const each = Map.groupBy(of, ({ contestant }) => contestant);
    const results = Object.fromEntries(
      Array.from(each, ([contestant, list]) => [contestant, spreadOf(list.map(({ value }) => value))]),
    );
    return { group, condition, measure, results };
  });
}

/** How many times as good as the tuned peer Millrace is by its medians; below 1 the peer is ahead. Null without both. */
export function aheadOf({ measure, results: { millrace, debezium } }: Figure): number | null {
  if (!millrace || !debezium) return null;
  const { better } = MEASURES[measure];
  return better === 'higher' ? millrace.median / debezium.median : debezium.median / millrace.median;
}
