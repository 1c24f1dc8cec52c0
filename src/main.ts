/** The process edge: arguments, signals, exit code. Nothing else touches `process`. */
import { isatty } from 'node:tty';
import { parseArguments } from './cli/arguments.ts';
import type { Edge, Output } from './cli/edge.ts';
import { HELP, unknownCommand } from './cli/help.ts';
import { MillraceError, messageOf } from './errors.ts';

/** A stop that takes longer than this is ended hard: the next start cleans up whatever it left. */
const STOP_WITHIN_MS = 5000;
/** These have something in hand that is to be ended in good order; the others are for one answer, which is not waited for. */
const LONG_RUNNING: readonly (string | undefined)[] = ['run', 'demo', 'bench'];
const GIVE_UP_AFTER_MS = 500;
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
    case '-v':
      return (await import('./cli/version.ts')).version(edge);
    case 'help':
    case '--help':
    case '-h':
      return help(edge);
    case undefined:
      throw new MillraceError('config', HELP);
    default:
      throw unknownCommand(command);
  }
}

/** `millrace help run` is `millrace run --help`. */
async function help(edge: Edge): Promise<number> {
  const { positionals } = parseArguments(edge.args, { help: HELP });
  const [of, ...others] = positionals;
  if (others.length > 0) throw new MillraceError('config', `help takes one command\n\n${HELP}`);
  if (of !== undefined && of !== 'help') return main(of, { ...edge, args: ['--help'] });
  edge.stdout.write(HELP);
  return 0;
}

interface Stop {
  readonly signal: AbortSignal;
  /** Of the signal that came, for a command that had to give up; null if none came. */
  readonly exitCode: () => number | null;
}

function stopOnSignals(command: string | undefined): Stop {
  const controller = new AbortController();
  const isLong = LONG_RUNNING.includes(command);
  let firstAt = 0;
  let exitCode: number | null = null;
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
      if (!isLong) exitCode = code;
      controller.abort(new DOMException('stopped by a signal', 'AbortError'));
      setTimeout(() => process.exit(code), isLong ? STOP_WITHIN_MS : GIVE_UP_AFTER_MS).unref();
    });
  }
  return { signal: controller.signal, exitCode: () => exitCode };
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

/** Resolves when everything is written, or nobody reads any more. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve();
    else stream.write('', () => resolve());
  });
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
const stop = stopOnSignals(command);
const edge: Edge = {
  args,
  env: process.env,
  platform: { node: process.versions.node, platform: `${process.platform}-${process.arch}` },
  signal: stop.signal,
  stdout: outputOf(process.stdout),
  stderr: outputOf(process.stderr),
  // `process.stdin` itself would make standard input one that does not wait, for whoever reads a file from it.
  ask: isatty(0) && process.stdout.isTTY ? ask : null,
  die: () => process.kill(process.pid, 'SIGKILL'),
  onExit: (last) => void process.on('exit', last),
};
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (!isKafkajsNoise(warning)) edge.stderr.write(`${warning.name}: ${warning.message}\n`);
});
try {
  const code = await main(command, edge);
  process.exitCode = code === 0 ? code : (stop.exitCode() ?? code);
} catch (error) {
  const known = error instanceof MillraceError;
  const stopped = stop.exitCode();
  const text = known || stopped !== null ? messageOf(error) : (error instanceof Error && error.stack) || String(error);
  edge.stderr.write(`${text.trimEnd()}\n`);
  process.exitCode = stopped ?? (known && error.kind === 'config' ? 2 : 1);
}
// Connections may still be open, but what was written has to arrive: a pipe holds 64 KiB.
await Promise.all([written(process.stdout), written(process.stderr)]);
process.exit();
