import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ConnectorConfig, readConnectorFile } from '../config/connector.ts';
import { KEYS } from '../config/keys.ts';
import { MillraceError, messageOf } from '../errors.ts';
import { createSink, createSource } from '../runtime/assemble.ts';
import { systemClock } from '../runtime/clock.ts';
import { failpointFrom } from '../runtime/failpoint.ts';
import { startHttp } from '../runtime/http.ts';
import { createLog } from '../runtime/log.ts';
import { MetricsRegistry } from '../runtime/metrics.ts';
import { type State, runConnectors } from '../runtime/supervisor.ts';

export const RUN_HELP = `millrace run FILE|FOLDER… [--http HOST:PORT] [--log-level LEVEL] [--kafka.bootstrap.servers LIST …]

Runs connectors until SIGTERM or SIGINT. Any kafka.* key, offsets.topic and transaction.split may be given for all
connectors as a flag or in the environment (MILLRACE_KAFKA_BOOTSTRAP_SERVERS); a file's own value wins.

  millrace run connectors/postgres-outbox.json
  millrace run /etc/millrace --http 0.0.0.0:8083
`;

/** Resolves with the exit code: 0 ended as asked, 1 a connector failed, 2 usage or configuration. */
export async function run(args: readonly string[], signal: AbortSignal): Promise<number> {
  const shared = Object.values(KEYS)
    .map((field) => field.key)
    .filter((key) => /^(kafka\.|offsets\.topic|transaction\.split)/.test(key));
  const { values, positionals } = parse(args, shared);
  const configs = read(positionals, defaultsFrom(values, shared));
  const log = createLog({ level: String(values['log-level'] ?? 'info'), readable: process.stderr.isTTY });
  const metrics = new MetricsRegistry();
  const states = new Map<string, State>(configs.map((config) => [config.name, 'starting']));
  const http = await startHttp(String(values['http'] ?? '127.0.0.1:8083'), states, metrics);
  const failpoint = failpointFrom(process.env['MILLRACE_FAILPOINT']);
  try {
    const failed = await runConnectors(configs, {
      log,
      metrics,
      signal,
      createSource,
      createSink,
      clock: systemClock,
      onState: (connector, state) => {
        states.set(connector, state);
        log.info(state, { connector });
      },
      ...(failpoint ? { failpoint } : {}),
    });
    return failed.length === 0 ? 0 : 1;
  } finally {
    await http.close();
  }
}

type Flags = Readonly<Record<string, string | boolean | undefined>>;

function parse(args: readonly string[], shared: readonly string[]): { values: Flags; positionals: string[] } {
  const options = Object.fromEntries(['http', 'log-level', ...shared].map((key) => [key, { type: 'string' as const }]));
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new MillraceError('config', `${messageOf(error)}\n\n${RUN_HELP}`);
  }
}

function defaultsFrom(flags: Flags, shared: readonly string[]): Record<string, string> {
  const defaults: Record<string, string> = {};
  for (const key of shared) {
    const value = flags[key] ?? process.env[`MILLRACE_${key.toUpperCase().replaceAll('.', '_')}`];
    if (typeof value === 'string') defaults[key] = value;
  }
  return defaults;
}

function read(paths: readonly string[], defaults: Readonly<Record<string, string>>): ConnectorConfig[] {
  if (paths.length === 0) throw new MillraceError('config', `which connector? Give a file or a folder.\n\n${RUN_HELP}`);
  const configs = paths.flatMap(files).map((file) => readConnectorFile(file, defaults));
  const names = new Set<string>();
  for (const { name } of configs) {
    if (names.has(name)) throw new MillraceError('config', `two connectors are named "${name}": names have to differ`);
    names.add(name);
  }
  return configs;
}

function files(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const found = readdirSync(path)
    .filter((name) => name.endsWith('.json'))
    .sort();
  if (found.length === 0) throw new MillraceError('config', `folder ${path} holds no .json file`);
  return found.map((name) => join(path, name));
}
