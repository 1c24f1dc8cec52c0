/** Runs connectors side by side: run, classify what ended it, wait, run again. One that fails stops no other. */
import type { ConnectorConfig } from '../config/connector.ts';
import { remarksInWords } from '../config/known/adopt.ts';
import { MillraceError, messageOf } from '../errors.ts';
import type { Clock, Failpoint, Log, LogReading, Metrics, State } from '../ports.ts';
import type { Sink } from '../sink/sink.ts';
import { childLog } from './log.ts';
import type { MetricsRegistry } from './metrics.ts';
import { POLICY, backoffMs } from './policy.ts';
import { watchConnector } from './stall.ts';
import { type ConnectorStatus, createStatuses } from './status.ts';
import { type WorkerContext, runConnector } from './worker.ts';

export interface SupervisorOptions extends Pick<WorkerContext, 'createSource' | 'createSink'> {
  readonly log: Log;
  readonly metrics: Pick<MetricsRegistry, 'of'> & Partial<Pick<MetricsRegistry, 'show'>>;
  /** Where each connector stands; by default nobody else looks. */
  readonly statuses?: ReadonlyMap<string, ConnectorStatus>;
  /** The caller watches them itself: several runs may belong together. */
  readonly watched?: boolean;
  /** Reads the database's log when no run does; without it, nobody does then. */
  readonly readLog?: (config: ConnectorConfig, signal: AbortSignal) => Promise<LogReading>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly failpoint?: (name: Failpoint) => void;
  readonly onState?: (connector: string, state: State) => void;
  /** Hears why a connector failed for good, before its state says so. */
  readonly onFailed?: (connector: string, error: MillraceError) => void;
}

/** Working this long without an error is progress, even when there was nothing to deliver. */
const STEADY_MS = 60_000;
/** A batch that Kafka has refused this often is taken apart. */
const ISOLATE_AFTER = 2;
/**
 * How long a run may take to end when told to. Before it works nothing is in hand and a connection that hangs is not
 * worth waiting for; a commit in hand gets most of the five seconds. What is given up ends with the process, and the
 * next start finds it as after kill -9.
 */
const END_WITHIN_MS = { starting: 1000, running: 4000 } as const;

/** Resolves when all connectors have ended, with the names of those that failed for good. */
export async function runConnectors(
  configs: readonly ConnectorConfig[],
  options: SupervisorOptions,
): Promise<string[]> {
  const statuses = options.statuses ?? createStatuses(configs, options.clock);
  const endWatch = options.watched === true ? null : watchConnectors(configs, { ...options, statuses });
  try {
    const results = await Promise.all(
      configs.map(async (config) => {
        const status = statusOf(config, statuses);
        const log = childLog(options.log, () => ({ connector: config.name, ...status.fields }));
        return (await supervise(config, status, { ...options, log })) ? [] : [config.name];
      }),
    );
    return results.flat();
  } finally {
    endWatch?.();
  }
}

/**
 * Reads the log of connectors when no run of theirs does, and raises the stall alarm, until the function that it gives is
 * called. That should not be before the last one has ended: of one that failed, what its slot holds back matters more
 * than ever.
 */
export function watchConnectors(
  configs: readonly ConnectorConfig[],
  options: Pick<SupervisorOptions, 'log' | 'clock' | 'readLog'> & Required<Pick<SupervisorOptions, 'statuses'>>,
): () => void {
  const { clock, readLog, statuses } = options;
  const watches = configs.map((config) => {
    const status = statusOf(config, statuses);
    return watchConnector(status, {
      log: childLog(options.log, () => ({ connector: config.name, ...status.fields })),
      now: () => clock.now(),
      ...(readLog === undefined ? {} : { readLog: (signal) => readLog(config, signal) }),
    });
  });
  return () => {
    for (const end of watches) end();
  };
}

function statusOf(config: ConnectorConfig, statuses: ReadonlyMap<string, ConnectorStatus>): ConnectorStatus {
  const status = statuses.get(config.name);
  if (status === undefined) throw new MillraceError('internal', `connector "${config.name}" has no status`);
  return status;
}

/** False when it failed for good. */
async function supervise(
  config: ConnectorConfig,
  status: ConnectorStatus,
  options: SupervisorOptions,
): Promise<boolean> {
  const { signal, clock, log } = options;
  const metrics = options.metrics.of(config.name);
  options.metrics.show?.(config.name, status);
  status.listen((now) => options.onState?.(config.name, now));
  const state = (now: State): void => status.enter(now);
  if (config.remarks.length > 0) log.info(`keys that are not ours: ${remarksInWords(config.remarks)}`);
  let refusals = 0;
  for (let restarts = 0; ; ) {
    const isolate = refusals >= ISOLATE_AFTER;
    const run = await runOnce(config, { ...options, metrics, status, isolate });
    status.runEnded(run.error);
    if (run.error === null) {
      state('stopped');
      return true;
    }
    if (run.progressed) restarts = 0;
    const { kind, message } = run.error;
    const { action, advice } = POLICY[kind];
    // Counted until a record is found or a run ends for another reason.
    refusals = action === 'isolate' ? refusals + 1 : 0;
    if (signal.aborted && action !== 'stop') {
      // Whatever could not be reached any more, we were leaving anyway.
      log.debug(message, { kind });
      state('stopped');
      return true;
    }
    const tooOften = config.values.maxRetries >= 0 && restarts >= config.values.maxRetries;
    if (action === 'stop' || tooOften) {
      const stack = kind === 'internal' ? { stack: stackOf(run.error.cause) } : {};
      const limit = tooOften && action !== 'stop' ? { restartsWithoutProgress: restarts } : {};
      log.error(message, { kind, advice, ...limit, ...stack });
      options.onFailed?.(config.name, run.error);
      state('failed');
      return false;
    }
    restarts++;
    // Who was fenced waits at random, so that two do not fence each other in step.
    const { retryWaitMs } = config.values;
    const waitMs = retryWaitMs >= 0 && kind !== 'fenced' ? retryWaitMs : backoffMs(kind, restarts, Math.random());
    log.warn(message, { kind, advice, retryInMs: waitMs });
    metrics.count('restarts', 1, kind);
    state('retrying');
    await clock.sleep(waitMs, signal).catch(() => {});
    if (!signal.aborted) state('starting');
  }
}

interface Run {
  /** null: it ended as asked. */
  readonly error: MillraceError | null;
  /** A position was committed, or it worked for a while. */
  readonly progressed: boolean;
}

type RunOptions = Omit<SupervisorOptions, 'metrics' | 'onState'> & {
  readonly metrics: Metrics;
  readonly status: ConnectorStatus;
  readonly isolate: boolean;
};

async function runOnce(config: ConnectorConfig, options: RunOptions): Promise<Run> {
  const { signal, clock, log, status } = options;
  let committed = false;
  let runningSince: number | null = null;
  const context: WorkerContext = {
    ...options,
    progress: status,
    createSink: (of, inner) =>
      hearingCommits(options.createSink(of, inner), () => {
        committed = true;
      }),
    onState: (now) => {
      runningSince = clock.now();
      status.enter(now);
    },
  };
  const ended = new AbortController();
  const progressed = (): boolean => committed || (runningSince !== null && clock.now() - runningSince >= STEADY_MS);
  try {
    const limit = (): number => (runningSince === null ? END_WITHIN_MS.starting : END_WITHIN_MS.running);
    const run = runConnector(config, context, signal);
    run.catch(() => {});
    const inTime = await Promise.race([run.then(() => true), overdue(signal, limit, clock, ended.signal)]);
    if (!inTime && runningSince !== null) {
      log.warn('ended before everything in hand was committed: the next start delivers it');
    }
    return { error: null, progressed: progressed() };
  } catch (error) {
    return {
      error: signal.aborted && !(error instanceof MillraceError) ? null : known(error),
      progressed: progressed(),
    };
  } finally {
    ended.abort();
  }
}

/** Resolves with false when the signal has been aborted for too long. */
function overdue(signal: AbortSignal, limitMs: () => number, clock: Clock, ended: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    const wait = (): void =>
      void clock.sleep(limitMs(), ended).then(
        () => resolve(false),
        () => {},
      );
    if (signal.aborted) wait();
    else signal.addEventListener('abort', wait, { once: true, signal: ended });
  });
}

function hearingCommits(sink: Sink, onCommit: () => void): Sink {
  return {
    open: (identity, signal, check) => sink.open(identity, signal, check),
    commit: async (records, position, atBoundary) => {
      await sink.commit(records, position, atBoundary);
      if (atBoundary) onCommit();
    },
    close: () => sink.close(),
  };
}

function known(error: unknown): MillraceError {
  return error instanceof MillraceError ? error : new MillraceError('internal', messageOf(error), { cause: error });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? '') : '';
}
