/** What the demo shows, as text: pure. */
import { type Arrival, quantile } from './ledger.ts';

export interface View {
  readonly seconds: number;
  readonly committed: number;
  readonly delivered: number;
  readonly perSecond: number;
  /** Of the last seconds. */
  readonly latenciesMs: readonly number[];
  /** As stored in Kafka. */
  readonly position: string;
  readonly newest: readonly Arrival[];
}

export interface Style {
  readonly columns: number;
  readonly color: boolean;
}

/** Upper ends of the buckets in milliseconds; the last one takes the rest. */
const BUCKETS = [2, 4, 8, 16, 32, 64, 128, 256, 512, Number.POSITIVE_INFINITY] as const;
const BARS = ' ▁▂▃▄▅▆▇█';
const DIM = '\u001b[2m';
const BOLD = '\u001b[1m';
const PLAIN = '\u001b[0m';

/** Several lines to be drawn over each other. */
export function screen(view: View, style: Style): readonly string[] {
  const paint = (code: string, text: string): string => (style.color ? `${code}${text}${PLAIN}` : text);
  const topics = Math.max(5, ...view.newest.map((arrival) => arrival.topic.length));
  const keys = Math.max(3, ...view.newest.map((arrival) => arrival.key.length));
  const types = Math.max(4, ...view.newest.map((arrival) => arrival.type.length));
  const row = (topic: string, key: string, type: string, latency: string): string =>
    `  ${topic.padEnd(topics)}  ${key.padEnd(keys)}  ${type.padEnd(types)}  ${latency.padStart(9)}`;
  const lines = [
    [DIM, row('topic', 'key', 'type', 'latency')],
    ...view.newest.map(
      ({ topic, key, type, latencyMs }) => ['', row(topic, key, type, `${(latencyMs ?? 0).toFixed(1)} ms`)] as const,
    ),
    ['', ''],
    [BOLD, `  ${String(Math.round(view.perSecond))} events/s   ${percentiles(view.latenciesMs)}`],
    ...histogram(view.latenciesMs).map((line) => ['', `  ${line}`] as const),
    ['', `  committed ${view.committed}   delivered ${view.delivered}   ${view.seconds.toFixed(0)} s`],
    [DIM, `  position stored in Kafka: ${view.position}`],
  ] as const;
  return lines.map(([code, text]) => {
    const cut = Array.from(text)
      .slice(0, Math.max(20, style.columns - 1))
      .join('');
    return code === '' ? cut : paint(code, cut);
  });
}

/** The same in one line, for a log. */
export function line(view: View): string {
  const newest = view.newest.at(-1);
  return [
    `${String(Math.round(view.perSecond)).padStart(4)} events/s`,
    percentiles(view.latenciesMs),
    `2ms|${bars(counts(view.latenciesMs))}|>512ms`,
    `position ${view.position}`,
    ...(newest ? [`${newest.topic} key=${newest.key} ${newest.type} ${(newest.latencyMs ?? 0).toFixed(1)} ms`] : []),
  ].join('  ');
}

function percentiles(latenciesMs: readonly number[]): string {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  return `p50 ${quantile(sorted, 0.5).toFixed(1)} ms  p99 ${quantile(sorted, 0.99).toFixed(1)} ms`;
}

function histogram(latenciesMs: readonly number[]): readonly string[] {
  const labels = BUCKETS.map((end) => (Number.isFinite(end) ? `≤${end}` : 'more').padStart(5)).join('');
  const columns = Array.from(bars(counts(latenciesMs)), (bar) => bar.repeat(3).padStart(5)).join('');
  return [columns, `${labels} ms`];
}

function counts(latenciesMs: readonly number[]): readonly number[] {
  const found = BUCKETS.map(() => 0);
  for (const value of latenciesMs) {
    const index = BUCKETS.findIndex((end) => value <= end);
    found[index] = (found[index] ?? 0) + 1;
  }
  return found;
}

/** A bucket with anything in it has a bar. */
function bars(found: readonly number[]): string {
  const most = Math.max(1, ...found);
  return found.map((count) => BARS[Math.ceil((count / most) * 8)] ?? ' ').join('');
}
