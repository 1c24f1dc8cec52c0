#!/usr/bin/env node
/** The process edge: arguments, signals, exit code. */
import { MillraceError, messageOf } from './errors.ts';
import { VERSION } from './runtime/version.ts';

const HELP = `millrace ${VERSION}: PostgreSQL to Kafka, exactly once

  millrace run FILE|FOLDER…    run connectors
  millrace demo [--seconds N]  see it work on servers of its own
  millrace version

Exit codes: 0 ended as asked, 1 a connector failed (or the demo's numbers do not agree), 2 usage or configuration,
130 or 143 ended at once by a second signal.
`;
/** A stop that takes longer than this is ended hard: the next start cleans up whatever it left. */
const STOP_WITHIN_MS = 5000;

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'run':
      return (await import('./cli/run.ts')).run(rest, signal);
    case 'demo':
      return (await import('./cli/demo.ts')).demo(rest, signal);
    case 'version':
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case undefined:
    case 'help':
    case '--help':
      process.stdout.write(HELP);
      return command === undefined ? 2 : 0;
    default:
      throw new MillraceError('config', `there is no command "${command}"\n\n${HELP}`);
  }
}

const controller = new AbortController();
for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(name, () => {
    if (controller.signal.aborted) process.exit(code);
    controller.abort(new DOMException('stopped by a signal', 'AbortError'));
    setTimeout(() => process.exit(code), STOP_WITHIN_MS).unref();
  });
}
// kafkajs sets timers in the past, which newer versions of Node complain of.
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (warning.name !== 'TimeoutNegativeWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`);
});
try {
  process.exitCode = await main(process.argv.slice(2), controller.signal);
} catch (error) {
  const known = error instanceof MillraceError;
  process.stderr.write(`${known ? error.message : (error instanceof Error && error.stack) || messageOf(error)}\n`);
  process.exitCode = known && error.kind === 'config' ? 2 : 1;
}
process.exit();
