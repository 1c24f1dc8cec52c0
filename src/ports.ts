/** What a room is handed from outside, as types only. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** The metrics of one connector that its parts feed; all are declared in `runtime/metric-declarations.ts`. */
export interface Metrics {
  /** Adds to a counter; `kind` is a label of those that have it. */
  count(name: CounterName, by: number, kind?: string): void;
  gauge(name: GaugeName, value: number): void;
  /** Adds an observation to a histogram, in its unit. */
  observe(name: HistogramName, value: number): void;
}
export type CounterName = 'records' | 'record_bytes' | 'source_transactions' | 'restarts' | 'skipped_changes';
export type GaugeName = 'queue_bytes';
export type HistogramName =
  | 'batch_records'
  | 'batch_bytes'
  | 'kafka_transaction_duration_seconds'
  | 'delivery_latency_seconds';

/** What a connector is doing. `failed` and `stopped` are for good. */
export type State = 'starting' | 'standby' | 'running' | 'retrying' | 'failed' | 'stopped';

/** A place in the source's log: bytes from any origin that stays the same, and the database's own word for it. */
export interface LogPoint {
  readonly bytes: bigint;
  readonly text: string;
}

/** What the database says of its log. */
export interface LogReading {
  /** Where the log ends. */
  readonly head: LogPoint;
  /** Up to where it knows that we have delivered; null: it knows nothing of us yet. */
  readonly confirmed: LogPoint | null;
  /** Bytes of log that it keeps for us; null: none. */
  readonly retainedBytes: number | null;
  /** It works through its log for us and has nothing to send yet. */
  readonly decoding: boolean;
}

/** Where a connector stands: told by its parts as it happens, kept over all its runs by `runtime/status.ts`. */
export interface Progress {
  /** Another instance works; said with every try. */
  standby(): void;
  logRead(reading: LogReading): void;
  /** Everything before this point is in Kafka. */
  delivered(point: LogPoint): void;
  /** The stream begins there. */
  streaming(point: LogPoint): void;
  /** Something came out of the log. Called for each read of the socket. */
  received(): void;
  /** A commit, or a piece of one, is handed to the sink; with the commit time of the oldest transaction in it. */
  committing(oldestUs: bigint | null): void;
  /** The sink has taken a piece of so many records. */
  sent(records: number): void;
  /** Is in Kafka; with the time at which the last source transaction in it was committed in the database. */
  committed(lastUs: bigint | null): void;
}

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
