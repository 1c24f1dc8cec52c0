/** `millrace run`: connectors until told to stop. */
import { SHARED, readConnectors, sharedValues, strayVariables, variableFor } from '../config/connectors.ts';
import { MillraceError } from '../errors.ts';
import { createSink, createSource, readLog } from '../runtime/assemble.ts';
import { systemClock } from '../runtime/clock.ts';
import { failpointFrom } from '../runtime/failpoint.ts';
import { startHttp } from '../runtime/http.ts';
import { LOG_LEVELS, createLog, isLogLevel } from '../runtime/log.ts';
import { MetricsRegistry } from '../runtime/metrics.ts';
import { createStatuses } from '../runtime/status.ts';
import { runConnectors } from '../runtime/supervisor.ts';
import { parseArguments } from './arguments.ts';
import { type Edge, EXIT } from './edge.ts';

export const RUN_HELP = `millrace run FILE|FOLDER… [--http HOST:PORT] [--log-level LEVEL] [--KEY VALUE …]

Runs connectors until SIGTERM or SIGINT. A folder means all its .json files.

  --http HOST:PORT   health and metrics; 127.0.0.1:8083 by default
  --log-level LEVEL  ${LOG_LEVELS.join(', ')}; info by default
  --KEY VALUE        a key for all connectors, as is ${variableFor('kafka.bootstrap.servers')} in the environment;
                     a file's own value wins. KEY is one of
${columns(SHARED)}

  millrace run connectors/postgres-outbox.json
  millrace run /etc/millrace --http 0.0.0.0:8083 --kafka.bootstrap.servers kafka:9092

Exit codes: 0 ended as asked, 1 a connector failed, 2 usage or configuration, 130 or 143 ended at once by a second
signal (INT or TERM).
`;

/** Resolves with the exit code. */
export async function run(edge: Edge): Promise<number> {
  const { values, positionals, help } = parseArguments(edge.args, {
    options: ['http', 'log-level', ...SHARED],
    help: RUN_HELP,
  });
  if (help) {
    edge.stdout.write(RUN_HELP);
    return EXIT.ok;
  }
  if (positionals.length === 0) {
    throw new MillraceError('config', `which connector? Give a file or a folder.\n\n${RUN_HELP}`);
  }
  const level = values['log-level'] ?? 'info';
  if (!isLogLevel(level)) {
    throw new MillraceError('config', `--log-level: expected one of ${LOG_LEVELS.join(', ')}, got "${level}"`);
  }
  const configs = readConnectors(positionals, { shared: sharedValues(values, edge.env), env: edge.env });
  const log = createLog({ level, readable: edge.stderr.isTerminal, write: edge.stderr.write });
  for (const { name, near } of strayVariables(edge.env)) {
    log.warn(`the environment variable ${name} sets nothing${near === null ? '' : `; did you mean ${near}?`}`);
  }
  const metrics = new MetricsRegistry({ process: true });
  const statuses = createStatuses(configs, systemClock);
  const failpoint = failpointFrom(edge.env['MILLRACE_FAILPOINT'], edge.die);
  // Before any connector: a second instance by mistake must not fence the first and then fail on its port.
  const http = await startHttp(values['http'] ?? '127.0.0.1:8083', statuses, metrics);
  log.info('listening', { http: http.address });
  try {
    const failed = await runConnectors(configs, {
      log,
      metrics,
      signal: edge.signal,
      createSource,
      createSink,
      readLog,
      statuses,
      clock: systemClock,
      onState: (connector, state) => {
        log.info(state, { connector, ...statuses.get(connector)?.fields });
      },
      ...(failpoint ? { failpoint } : {}),
    });
    return failed.length === 0 ? EXIT.ok : EXIT.failed;
  } finally {
    await http.close();
  }
}

function columns(words: readonly string[]): string {
  const width = Math.max(...words.map((word) => word.length)) + 2;
  const lines: string[] = [];
  for (let at = 0; at < words.length; at += 2) {
    lines.push(`                       ${(words[at] ?? '').padEnd(width)}${words[at + 1] ?? ''}`.trimEnd());
  }
  return lines.join('\n');
}
