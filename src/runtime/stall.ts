/** Beside the runs of a connector: has its log read when no run does, and says when the position stands still. */
import type { Log, LogReading } from '../ports.ts';
import { READ_EVERY_MS } from './lag.ts';
import type { ConnectorStatus } from './status.ts';

const LOOK_EVERY_MS = 1000;
/** The sessions of a run read the log every 10 s: only when they have not is it done from here. */
const OVERDUE_MS = READ_EVERY_MS * 1.5;
/** A stall that lasts is said again, for those who did not see the first line. */
const REPEAT_MS = 600_000;

export interface WatchOptions {
  readonly log: Log;
  readonly now: () => number;
  /** Reads the log in a session of its own; rejects when the database cannot be asked. */
  readonly readLog?: (signal: AbortSignal) => Promise<LogReading>;
}

/** Watches until the function that it gives is called. */
export function watchConnector(status: ConnectorStatus, options: WatchOptions): () => void {
  const ended = new AbortController();
  const alarm = new StallAlarm(status, options.log);
  let askedAt = options.now();
  let asking = false;
  const look = (): void => {
    const now = options.now();
    alarm.look(now);
    const overdue = now - Math.max(askedAt, status.logReadAt ?? 0) >= OVERDUE_MS;
    if (options.readLog === undefined || asking || !overdue || !mayAsk(status)) return;
    askedAt = now;
    asking = true;
    options
      .readLog(ended.signal)
      .then((reading) => status.logRead(reading))
      // That the database does not answer is said by the run that needs it.
      .catch(() => {})
      .finally(() => {
        asking = false;
      });
  };
  // Not the clock's sleep: this has to go on beside whatever the run waits for.
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    ended.abort(new DOMException('nothing is watched any more', 'AbortError'));
  };
}

/** A wrong password, tried for ever, locks the account that others use. */
function mayAsk(status: ConnectorStatus): boolean {
  const { state, lastError } = status.snapshot();
  if (state === 'failed') return lastError?.kind !== 'database-rejected' && lastError?.kind !== 'config';
  return state !== 'stopped';
}

/** A line when a stall begins, every ten minutes while it lasts, and when it ends. */
export class StallAlarm {
  readonly #status: ConnectorStatus;
  readonly #log: Log;
  #since: number | null = null;
  #saidAt = 0;

  constructor(status: ConnectorStatus, log: Log) {
    this.#status = status;
    this.#log = log;
  }

  look(now: number): void {
    const { stalledMs, position, logEnd, lagBytes, state } = this.#status.snapshot();
    if (stalledMs === null) {
      if (this.#since === null) return;
      const stalledSeconds = Math.round((now - this.#since) / 1000);
      this.#since = null;
      const how = state === 'standby' ? 'not stalled any more: another instance works' : 'the position moves again';
      this.#log.info(how, { stalledSeconds });
      return;
    }
    if (this.#since !== null && now - this.#saidAt < REPEAT_MS) return;
    this.#since ??= now - stalledMs;
    this.#saidAt = now;
    this.#log.warn('stalled: the position stands still while the log goes on', {
      position,
      logEnd,
      lagBytes,
      stalledSeconds: Math.round(stalledMs / 1000),
      likelyCauses: this.#status.likelyCauses,
    });
  }
}
