/** One run of one connector, from lease to close; whatever goes wrong ends the run. */
import type { ConnectorConfig } from '../config/connector.ts';
import { Records } from '../change/records.ts';
import { runPipeline } from '../pipeline/pipeline.ts';
import type { Clock, Failpoint, Log, Metrics } from '../ports.ts';
import { createSerializer } from '../serialize/serializer.ts';
import type { Sink } from '../sink/sink.ts';
import type { Source } from '../source/source.ts';
import { createOutboxRouter } from '../transform/outbox.ts';

export interface WorkerContext {
  readonly log: Log;
  readonly metrics: Metrics;
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
  const { log, metrics, clock } = context;
  const { maxQueueBytes: maxBytes, maxBatchSize: maxRecords } = config.values;
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
    metrics.gauge('running', 1);
    await runPipeline({
      source,
      sink,
      start,
      transform: createOutboxRouter(routerSettings(config), {
        log,
        metrics,
        now: () => clock.now(),
        headerEncoder: (column) => source.headerEncoder?.(column) ?? null,
      }),
      serialize: createSerializer({ key: config.values.keyConverter, value: config.values.valueConverter }),
      // As many as the refused batch can have held.
      limits: { maxBytes, maxRecords, ...(context.isolate ? { isolate: maxRecords + 1 } : {}) },
      signal: run,
      metrics,
      clock,
      ...(context.failpoint ? { failpoint: context.failpoint } : {}),
    });
    if (lost.aborted && !signal.aborted) throw lost.reason;
  } finally {
    metrics.gauge('running', 0);
    await sink.close();
    // The lease goes last: whoever takes it finds Kafka free.
    await source.close();
  }
}

function routerSettings(config: ConnectorConfig): Parameters<typeof createOutboxRouter>[0] {
  const { router } = config;
  return {
    idField: router.id,
    keyField: router.key,
    payloadField: router.payload,
    routeByField: router.routeBy,
    topicRegex: config.topicRegex,
    topicReplacement: config.topicReplacement,
    headers: config.headers,
    missingHeaderColumn: router.missing,
    tombstoneOnEmptyPayload: router.tombstone,
    onUpdate: router.onUpdate,
  };
}
