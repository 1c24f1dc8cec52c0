/** What is known of one connector at any moment: for its metrics, its health, its log lines and the stall alarm. */
import type { ErrorKind } from '../errors.ts';
import type { LogFields, LogPoint, LogReading, Progress, State } from '../ports.ts';
import { Lag } from './lag.ts';

/** Times are milliseconds since 1970; null is what is not known, or has not happened. */
export interface Snapshot {
  readonly state: State;
  /** When it came into that state. */
  readonly since: number;
  /** For how long the position has stood still while the log went on; null: it has not, or not long enough. */
  readonly stalledMs: number | null;
  /** Everything before it is in Kafka, in the database's own words. */
  readonly position: string | null;
  /** Where the log ends; null when it has not been read within 30 s. */
  readonly logEnd: string | null;
  readonly lagSeconds: number | null;
  readonly lagBytes: number | null;
  readonly retainedBytes: number | null;
  readonly logReadAt: number | null;
  readonly lastCommitAt: number | null;
  readonly lastSourceCommitAt: number | null;
  /** What ended the last run that did not end as asked. */
  readonly lastError: { readonly kind: ErrorKind; readonly message: string; readonly at: number } | null;
}

export interface StatusOptions {
  readonly now: () => number;
  /** Negative: never. */
  readonly stallAlarmMs: number;
}

/** States in which nobody expects the position of this instance to move. */
const AT_REST: readonly State[] = ['standby', 'stopped'];
const FOR_GOOD: readonly State[] = ['failed', 'stopped'];

export class ConnectorStatus implements Progress {
  readonly #now: () => number;
  readonly #stallAlarmMs: number;
  readonly #lag: Lag;
  #state: State = 'starting';
  #since: number;
  #hear: (state: State) => void = () => {};
  #movedAt: number;
  /** Reads and pieces since the last commit, in this run and in the furthest one: a run that gets no further than one before it has not moved. */
  #steps = 0;
  #furthest = 0;
  /** Since when the sink has had something; null: it has nothing. */
  #committingSince: number | null = null;
  #lastCommitAt: number | null = null;
  #lastSourceCommitAt: number | null = null;
  #lastError: Snapshot['lastError'] = null;

  constructor({ now, stallAlarmMs }: StatusOptions) {
    this.#now = now;
    this.#stallAlarmMs = stallAlarmMs;
    this.#since = now();
    this.#movedAt = this.#since;
    this.#lag = new Lag(this.#since);
  }

  get state(): State {
    return this.#state;
  }

  /** Hears of every change of the state, and of the first one. */
  listen(hear: (state: State) => void): void {
    this.#hear = hear;
    hear(this.#state);
  }

  enter(state: State): void {
    if (state === this.#state || FOR_GOOD.includes(this.#state)) return;
    const now = this.#now();
    // What another instance did not do is not held against us.
    if (this.#state === 'standby') this.#movedAt = now;
    if (state === 'standby') this.#lag.pending(null);
    this.#state = state;
    this.#since = now;
    this.#hear(state);
  }

  /** A run is over, with an error or as asked; what the sink had is not delivered. */
  runEnded(error: { readonly kind: ErrorKind; readonly message: string } | null): void {
    this.#committingSince = null;
    this.#steps = 0;
    if (error !== null) this.#lastError = { kind: error.kind, message: error.message, at: this.#now() };
  }

  standby(): void {
    this.enter('standby');
  }

  logRead(reading: LogReading): void {
    this.#lag.read(reading, this.#now(), this.#state === 'running');
    // With nothing to send for minutes: that of a large transaction, or of one that is not for us, counts as moving.
    if (reading.decoding) this.received();
  }

  delivered(point: LogPoint): void {
    this.#lag.deliver(point);
  }

  streaming(point: LogPoint): void {
    this.#lag.pending(null);
    this.#lag.deliver(point);
  }

  received(): void {
    // While Kafka does not answer, that more is read says nothing.
    if (this.#committingSince === null) this.#step();
  }

  committing(oldestUs: bigint | null): void {
    this.#committingSince = this.#now();
    if (oldestUs !== null) this.#lag.pending(oldestUs);
  }

  sent(records: number): void {
    this.#committingSince = null;
    if (records > 0) this.#step();
  }

  committed(lastUs: bigint | null): void {
    const now = this.#now();
    this.#committingSince = null;
    this.#steps = 0;
    this.#furthest = 0;
    this.#movedAt = now;
    this.#lastCommitAt = now;
    if (lastUs !== null) this.#lastSourceCommitAt = Number(lastUs / 1000n);
    this.#lag.pending(null);
  }

  /** What log lines say of where it stands. */
  get fields(): LogFields {
    const position = this.#lag.delivered?.text;
    return position === undefined ? {} : { position };
  }

  /** When the log was last read. */
  get logReadAt(): number | null {
    return this.#lag.readAt;
  }

  /** Why the position may stand still, the most likely reason first. */
  get likelyCauses(): readonly string[] {
    const now = this.#now();
    if (this.#state !== 'running') {
      const { kind = null, message = '' } = this.#lastError ?? {};
      const why =
        kind === null ? 'Kafka or the database does not answer' : `the last run ended with ${kind}: ${message}`;
      return [`the connector is ${this.#state}: ${why}`];
    }
    if (this.#committingSince !== null) {
      const seconds = Math.round((now - this.#committingSince) / 1000);
      return [
        `Kafka has not answered for ${seconds} s: brokers hung or cut off, too few in-sync replicas, a full disk`,
        'the process is short of CPU',
      ];
    }
    return [
      'PostgreSQL sends nothing: its walsender waits or is cut off (pg_stat_activity, pg_stat_replication)',
      'a network that drops packets between the two',
    ];
  }

  snapshot(): Snapshot {
    const now = this.#now();
    const fresh = this.#lag.fresh(now);
    return {
      state: this.#state,
      since: this.#since,
      stalledMs: this.#stalledMs(now),
      position: this.#lag.delivered?.text ?? null,
      logEnd: fresh?.head.text ?? null,
      lagSeconds: this.#lag.seconds(now, this.#state === 'standby'),
      lagBytes: this.#lag.bytes(now),
      retainedBytes: fresh?.retainedBytes ?? null,
      logReadAt: this.#lag.readAt,
      lastCommitAt: this.#lastCommitAt,
      lastSourceCommitAt: this.#lastSourceCommitAt,
      lastError: this.#lastError,
    };
  }

  #step(): void {
    if (++this.#steps <= this.#furthest) return;
    this.#furthest = this.#steps;
    this.#movedAt = this.#now();
  }

  #stalledMs(now: number): number | null {
    const behindSince = this.#lag.behindSince;
    if (this.#stallAlarmMs < 0 || behindSince === null || AT_REST.includes(this.#state)) return null;
    const ms = now - Math.max(this.#movedAt, behindSince);
    return ms >= this.#stallAlarmMs ? ms : null;
  }
}

/** One for each connector, in the order given. */
export function createStatuses(
  configs: readonly { readonly name: string; readonly values: { readonly stallAlarmMs: number } }[],
  clock: { now(): number },
): ReadonlyMap<string, ConnectorStatus> {
  const of = (stallAlarmMs: number): ConnectorStatus => new ConnectorStatus({ now: () => clock.now(), stallAlarmMs });
  return new Map(configs.map(({ name, values }) => [name, of(values.stallAlarmMs)]));
}
