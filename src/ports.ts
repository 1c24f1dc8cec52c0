/** What a room is handed from outside, as types only. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** The metrics of one connector; names and help texts are declared in `runtime/metrics.ts`. */
export interface Metrics {
  /** Adds to a counter. */
  count(name: CounterName, by: number): void;
  gauge(name: GaugeName, value: number): void;
  /** Adds an observation in seconds to a histogram. */
  observe(name: HistogramName, seconds: number): void;
}
export type CounterName = 'records' | 'bytes' | 'transactions' | 'commits' | 'restarts' | 'skipped';
export type GaugeName = 'lag_bytes' | 'lag_seconds' | 'retained_wal_bytes' | 'running' | 'standby' | 'queue_bytes';
export type HistogramName = 'commit_seconds' | 'event_latency_seconds';

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Resolves after the time, rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Named points at which tests kill or fail the process; a no-op in production. */
export type Failpoint =
  | 'before-send'
  | 'after-send'
  | 'before-commit'
  | 'after-commit'
  | 'before-ack'
  | 'after-claim'
  | 'after-slot'
  | 'before-first-position';
