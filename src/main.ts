/** The process edge: arguments, signals, exit code. Nothing else touches `process`. */
import type { Edge, Output } from './cli/edge.ts';
import { MillraceError, messageOf } from './errors.ts';
import { VERSION } from './runtime/version.ts';

const HELP = `millrace ${VERSION}: PostgreSQL to Kafka, exactly once

  millrace run FILE|FOLDER…       run connectors
  millrace validate FILE|FOLDER…  every mistake in their files, without connecting to anything
  millrace plan FILE|FOLDER…      what a start would find and make in database and Kafka; changes nothing
  millrace doctor FILE|FOLDER…    why a connector does not deliver, worst first, each with a remedy; changes nothing
  millrace offsets show|set|reset FILE…
                                  where a connector stands, and where it is to go on
  millrace schema                 JSON Schema of such a file, for editors
  millrace import-config FILE     a Debezium Server's application.properties as a connector's JSON
  millrace demo [--seconds N]     see it work on servers of its own
  millrace bench [--peer debezium]
                                  measure it on this machine, on servers of its own
  millrace version

"millrace COMMAND --help" says more, with examples.

Exit codes: 0 ended as asked, 1 a connector failed (or the demo's numbers do not agree), 2 usage or configuration,
130 or 143 ended at once by a second signal (INT or TERM).
`;
/** A stop that takes longer than this is ended hard: the next start cleans up whatever it left. */
const STOP_WITHIN_MS = 5000;
/** One press of Ctrl-C under npm comes twice: from the terminal, and passed on by npm. */
const SAME_PRESS_MS = 300;

async function main(command: string | undefined, edge: Edge): Promise<number> {
  switch (command) {
    case 'run':
      return (await import('./cli/run.ts')).run(edge);
    case 'validate':
      return (await import('./cli/validate.ts')).validate(edge);
    case 'plan':
      return (await import('./cli/plan.ts')).plan(edge);
    case 'doctor':
      return (await import('./cli/doctor.ts')).doctor(edge);
    case 'offsets':
      return (await import('./cli/offsets.ts')).offsets(edge);
    case 'schema':
      return (await import('./cli/schema.ts')).schema(edge);
    case 'demo':
      return (await import('./cli/demo.ts')).demo(edge);
    case 'bench':
      return (await import('./cli/bench.ts')).benchCommand(edge);
    case 'import-config':
      return (await import('./cli/import-config.ts')).importConfig(edge);
    case 'version':
    case '--version':
      edge.stdout.write(`${VERSION}\n`);
      return 0;
    case 'help':
    case '--help':
    case '-h':
      edge.stdout.write(HELP);
      return 0;
    case undefined:
      throw new MillraceError('config', HELP);
    default:
      throw new MillraceError('config', `there is no command "${command}"\n\n${HELP}`);
  }
}

function stopOnSignals(command: string | undefined): AbortSignal {
  const controller = new AbortController();
  let firstAt = 0;
  const signals: [NodeJS.Signals, number][] = [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ];
  // Servers of ours must not outlive their terminal. `nohup millrace run` must, and a handler would undo nohup.
  if (command === 'demo' || command === 'bench') signals.push(['SIGHUP', 129]);
  for (const [name, code] of signals) {
    process.on(name, () => {
      if (controller.signal.aborted) {
        if (performance.now() - firstAt > SAME_PRESS_MS) process.exit(code);
        return;
      }
      firstAt = performance.now();
      controller.abort(new DOMException('stopped by a signal', 'AbortError'));
      setTimeout(() => process.exit(code), STOP_WITHIN_MS).unref();
    });
  }
  return controller.signal;
}

function outputOf(stream: NodeJS.WriteStream): Output {
  // A reader that went away (millrace … | head) is no reason to stop delivering.
  stream.on('error', () => {});
  return {
    isTerminal: stream.isTTY === true,
    columns: () => stream.columns || 80,
    write: (text) => void stream.write(text),
  };
}

/** An end of the input is an empty answer. */
async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    // readline takes Ctrl-C for itself: it closes, which means no.
    return await Promise.race([terminal.question(question, { signal: edge.signal }), closed]);
  } finally {
    terminal.close();
  }
}

/** kafkajs sets timers in the past and closes connections that are closed; newer versions of Node complain of both. */
function isKafkajsNoise(warning: Error): boolean {
  if (warning.name === 'TimeoutNegativeWarning') return true;
  return warning.name === 'MaxListenersExceededWarning' && (warning.stack ?? '').includes('kafkajs');
}

const [command, ...args] = process.argv.slice(2);
const edge: Edge = {
  args,
  env: process.env,
  signal: stopOnSignals(command),
  stdout: outputOf(process.stdout),
  stderr: outputOf(process.stderr),
  ask: process.stdin.isTTY && process.stdout.isTTY ? ask : null,
  die: () => process.kill(process.pid, 'SIGKILL'),
  onExit: (last) => void process.on('exit', last),
};
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (!isKafkajsNoise(warning)) edge.stderr.write(`${warning.name}: ${warning.message}\n`);
});
try {
  process.exitCode = await main(command, edge);
} catch (error) {
  const known = error instanceof MillraceError;
  const text = known ? error.message : (error instanceof Error && error.stack) || messageOf(error);
  edge.stderr.write(`${text.trimEnd()}\n`);
  process.exitCode = known && error.kind === 'config' ? 2 : 1;
}
process.exit();
