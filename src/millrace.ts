/** Millrace as a library, `import { run } from 'millrace'`. What is exported here is public, and nothing else is. */
import { parseConnectors } from './config/documents.ts';
import { PLUGIN_PATH } from './config/plugin-path.ts';
import { MillraceError, messageOf } from './errors.ts';
import type { Log, Metrics, State } from './ports.ts';
import { createSink, createSource, readLog } from './runtime/assemble.ts';
import { systemClock } from './runtime/clock.ts';
import { startHttp } from './runtime/http.ts';
import { LOG_LEVELS, type LogLevel, createLog, isLogLevel } from './runtime/log.ts';
import { MetricsRegistry, type Shown } from './runtime/metrics.ts';
import { createStatuses } from './runtime/status.ts';
import { runConnectors, watchConnectors } from './runtime/supervisor.ts';

export { ERROR_KINDS, type ErrorKind, MillraceError } from './errors.ts';
export type {
  ArraySchema,
  Data,
  Field,
  MapSchema,
  PrimitiveSchema,
  PrimitiveType,
  Schema,
  Struct,
  StructSchema,
} from './change/schema.ts';
export type {
  ConnectHeader,
  ConnectRecord,
  ConverterContext,
  ConverterFactory,
  PluginContext,
  PluginOptions,
  PredicateFactory,
  RecordChanges,
  RecordConverter,
  RecordPredicate,
  RecordTransform,
  TransformFactory,
} from './plugin.ts';
export type { CounterName, GaugeName, HistogramName, Log, LogFields, Metrics, State } from './ports.ts';
export type { LogLevel } from './runtime/log.ts';
export { MetricsRegistry } from './runtime/metrics.ts';
export type { Snapshot } from './runtime/status.ts';
export { VERSION } from './runtime/version.ts';

/** A connector as its JSON file holds it: Kafka Connect's shape, Debezium's keys. */
export interface Configuration {
  readonly name: string;
  readonly config: Readonly<Record<string, ConfigurationValue>>;
}
/** A text may refer to `${env:NAME}` and `${file:/path}`. */
export type ConfigurationValue = string | number | boolean;

export interface RunOptions {
  /** Ends the connectors in good order: what is in hand is committed first, for at most 5 s. */
  readonly signal?: AbortSignal | undefined;
  /** Where log lines go, or from which level on they go to standard error, a JSON object each; `info` by default. */
  readonly log?: Log | LogLevel | 'silent' | undefined;
  /** `host:port` for /health/live, /health/ready, /status and /metrics; by default there is no such server. */
  readonly http?: string | undefined;
  /** For a program that shows the metrics itself: make a `MetricsRegistry`, and ask it for its `text()`. */
  readonly metrics?: MetricsCollector | undefined;
  /** For `${env:NAME}`; by default the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Folders from which modules of one's own are loaded (docs/plugins.md); none by default. */
  readonly pluginPath?: readonly string[] | undefined;
  /** Hears of every change. */
  readonly onState?: ((connector: string, state: State) => void) | undefined;
}

/** What a `MetricsRegistry` is. */
export interface MetricsCollector {
  of(connector: string): Metrics;
  /** Is told where to ask how a connector stands, at every `text()`: state, lag, stall. */
  show?(connector: string, status: Shown): void;
  /** In Prometheus' text format. */
  text(): Promise<string>;
}

/**
 * Runs one connector or several until the signal is aborted, and resolves then. As on the command line what can be
 * retried is retried, and a connector that fails stops no other: when the last has ended, it rejects with the
 * `MillraceError` of what failed. Mistakes in the configuration reject at once, before anything is started.
 */
export async function run(
  configuration: Configuration | readonly Configuration[],
  options: RunOptions = {},
): Promise<void> {
  const { env = process.env, metrics = new MetricsRegistry(), pluginPath = [], signal } = options;
  const several = Array.isArray(configuration);
  const configs = parseConnectors(several ? configuration : [configuration], {
    env,
    shared: [{ key: PLUGIN_PATH, text: pluginPath.join(','), source: 'pluginPath' }],
  });
  const log = logOf(options.log ?? 'info');
  const statuses = createStatuses(configs, systemClock);
  const errors = new Map<string, MillraceError>();
  // A faulty log or onState of the caller's ends everything: nobody would hear of the others any more.
  const broken = new AbortController();
  const http = options.http === undefined ? null : await startHttp(options.http, statuses, metrics, 'http');
  if (http !== null) log.info('listening', { http: http.address });
  const endWatch = watchConnectors(configs, { log, clock: systemClock, readLog, statuses });
  try {
    const runs = configs.map(async (config) => {
      try {
        await runConnectors([config], {
          log,
          metrics,
          clock: systemClock,
          signal: signal === undefined ? broken.signal : AbortSignal.any([signal, broken.signal]),
          createSource,
          createSink,
          statuses,
          watched: true,
          onState: (connector, state) => {
            log.info(state, { connector, ...statuses.get(connector)?.fields });
            options.onState?.(connector, state);
          },
          onFailed: (connector, error) => errors.set(connector, error),
        });
      } catch (error) {
        errors.set(config.name, known(error));
        broken.abort(error);
      }
    });
    await Promise.all(runs);
  } finally {
    endWatch();
    await http?.close();
  }
  if (errors.size > 0) throw several ? together(errors) : [...errors.values()][0];
}

function logOf(log: Log | LogLevel | 'silent'): Log {
  if (typeof log === 'object') return log;
  const quiet = (): void => {};
  if (log === 'silent') return { debug: quiet, info: quiet, warn: quiet, error: quiet };
  if (!isLogLevel(log)) {
    const words = [...LOG_LEVELS, 'silent'].join(', ');
    throw new MillraceError('config', `log: expected a log, or one of ${words}, got "${String(log)}"`);
  }
  return createLog({ level: log, readable: false, write: (line) => void process.stderr.write(line) });
}

function known(error: unknown): MillraceError {
  return error instanceof MillraceError ? error : new MillraceError('internal', messageOf(error), { cause: error });
}

/** Of the kind of the first. */
function together(errors: ReadonlyMap<string, MillraceError>): MillraceError {
  const [first] = errors.values();
  const lines = Array.from(errors, ([connector, { message }]) => `connector "${connector}": ${message}`);
  return new MillraceError(first?.kind ?? 'internal', lines.join('\n'), { cause: first });
}
