/** Runs connectors side by side: run, classify what ended it, wait, run again. One that fails stops no other. */
import type { ConnectorConfig } from '../config/connector.ts';
import { MillraceError, messageOf } from '../errors.ts';
import type { Clock, Failpoint, Log } from '../ports.ts';
import { childLog } from './log.ts';
import type { MetricsRegistry } from './metrics.ts';
import { POLICY, backoffMs } from './policy.ts';
import { type WorkerContext, runConnector } from './worker.ts';

export type State = 'starting' | 'standby' | 'running' | 'retrying' | 'failed' | 'stopped';

export interface SupervisorOptions extends Pick<WorkerContext, 'createSource' | 'createSink'> {
  readonly log: Log;
  readonly metrics: MetricsRegistry;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly failpoint?: (name: Failpoint) => void;
  readonly onState?: (connector: string, state: State) => void;
}

/** Resolves when all connectors have ended, with the names of those that failed for good. */
export async function runConnectors(
  configs: readonly ConnectorConfig[],
  options: SupervisorOptions,
): Promise<string[]> {
  const results = await Promise.all(
    configs.map(async (config) => ((await supervise(config, options)) ? [] : [config.name])),
  );
  return results.flat();
}

async function supervise(config: ConnectorConfig, options: SupervisorOptions): Promise<boolean> {
  const { signal, clock } = options;
  const log = childLog(options.log, { connector: config.name });
  const metrics = options.metrics.of(config.name);
  let attempt = 0;
  const state = (now: State): void => options.onState?.(config.name, now);
  const onState = (now: State): void => {
    state(now);
    // Reaching the stream is progress: the next error starts counting anew.
    if (now === 'running') attempt = 0;
  };
  state('starting');
  for (;;) {
    try {
      await runConnector(config, { ...options, log, metrics, onState }, signal);
      state('stopped');
      return true;
    } catch (error) {
      if (signal.aborted && !(error instanceof MillraceError)) {
        state('stopped');
        return true;
      }
      const known =
        error instanceof MillraceError ? error : new MillraceError('internal', messageOf(error), { cause: error });
      const { action, advice } = POLICY[known.kind];
      attempt++;
      const tooOften = config.values.maxRetries >= 0 && attempt > config.values.maxRetries;
      if (signal.aborted || action === 'stop' || tooOften) {
        const stack = known.kind === 'internal' ? { stack: error instanceof Error ? error.stack : '' } : {};
        log.error(known.message, { kind: known.kind, advice, ...stack });
        state(signal.aborted && action === 'retry' ? 'stopped' : 'failed');
        return signal.aborted && action === 'retry';
      }
      const waitMs = backoffMs(known.kind, attempt, Math.random());
      log.warn(known.message, { kind: known.kind, advice, retryInMs: waitMs });
      metrics.count('restarts', 1);
      state('retrying');
      await clock.sleep(waitMs, signal).catch(() => {});
    }
  }
}
