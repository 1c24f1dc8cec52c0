/** The command line as a process of its own, with everything it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { keepOutput } from './output.ts';
import { waitFor } from './servers.ts';

export interface Command {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** Resolves when standard error matches; rejects when the process ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Starts `millrace ARGS…` from src/, or from another entry point. */
export function millrace(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly entry?: string; readonly cwd?: string } = {},
): Command {
  const child = spawn(process.execPath, [options.entry ?? MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  keepOutput(child, 'millrace');
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  const says = (pattern: RegExp): Promise<RegExpExecArray> =>
    waitFor(`${String(pattern)} in:\n${stderr}`, async () => {
      const match = pattern.exec(stderr);
      if (match === null && (child.exitCode !== null || child.signalCode !== null)) {
        throw new Error(`ended before it said ${String(pattern)}:\n${stderr}`);
      }
      return match;
    });
  return { child, stdout: () => stdout, stderr: () => stderr, ended, says };
}
