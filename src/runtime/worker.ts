/** One run of one connector, from lease to close; whatever goes wrong ends the run. */
import type { ConnectorConfig } from '../config/connector.ts';
import { Records } from '../change/records.ts';
import { runPipeline } from '../pipeline/pipeline.ts';
import type { Clock, Failpoint, Log, Metrics, Progress } from '../ports.ts';
import type { Sink } from '../sink/sink.ts';
import type { Source } from '../source/source.ts';
import { createStages, loadPlugins } from './chain.ts';

export interface WorkerContext {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly progress: Progress;
  readonly clock: Clock;
  readonly failpoint?: (name: Failpoint) => void;
  /** Search for a record that Kafka refuses: commit one source transaction at a time at first. */
  readonly isolate?: boolean;
  readonly createSource: (config: ConnectorConfig, context: WorkerContext) => Source;
  readonly createSink: (config: ConnectorConfig, context: WorkerContext) => Sink;
  /** Hears when this instance works. */
  readonly onState: (state: 'running') => void;
}

/** Resolves when the signal is aborted and everything in hand is committed; rejects with what ended the run. */
export async function runConnector(
  config: ConnectorConfig,
  context: WorkerContext,
  signal: AbortSignal,
): Promise<void> {
  const { log, metrics, progress, clock } = context;
  const { maxQueueBytes: maxBytes, maxBatchSize: maxRecords } = config.values;
  // Before anything is taken or claimed: a faulty module must not stand in a healthy instance's way.
  const plugins = await loadPlugins(config);
  const source = context.createSource(config, context);
  const sink = context.createSink(config, context);
  try {
    const { identity, lost } = await source.acquire(signal);
    const run = AbortSignal.any([signal, lost]);
    const opened = await sink.open(identity, run, async (found) => source.check?.(found, run));
    const start = await source.prepare(opened, run);
    context.failpoint?.('before-first-position');
    if (start !== opened.position) await sink.commit(new Records(), start, true);
    context.onState('running');
    await runPipeline({
      source,
      sink,
      start,
      ...createStages(config, plugins, { log, metrics, clock, source }),
      // As many as the refused batch can have held.
      limits: { maxBytes, maxRecords, ...(context.isolate ? { isolate: maxRecords + 1 } : {}) },
      ...(config.values.heartbeatMs === 0 ? {} : { heartbeatMs: config.values.heartbeatMs }),
      signal: run,
      metrics,
      progress,
      clock,
      ...(context.failpoint ? { failpoint: context.failpoint } : {}),
    });
    if (lost.aborted && !signal.aborted) throw lost.reason;
  } finally {
    await sink.close();
    // The lease goes last: whoever takes it finds Kafka free.
    await source.close();
    plugins.close();
  }
}
