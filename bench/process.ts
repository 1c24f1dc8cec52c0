/** Millrace as a process that is measured from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../src/demo/free-port.ts';

/** As users run it: `npm run bench` builds it first. Node's stripping of types alone takes 25 MB. */
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
/** Clock ticks a second of /proc/PID/stat; Linux has had 100 for decades. */
const TICKS = 100;

export interface Measured {
  readonly child: ChildProcess;
  /** Resolves when the log has a line with this message, with its time in ms since 1970. */
  logged(message: string): Promise<number>;
  metric(name: string): Promise<number>;
  /** User and system CPU of all threads so far, ms. */
  cpuMs(): number;
  peakRssMb(): number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts `millrace run` on one connector. */
export async function startMeasured(
  connector: { readonly name: string; readonly config: Readonly<Record<string, unknown>> },
  nodeOptions: readonly string[] = [],
): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const file = join(folder, 'connector.json');
  writeFileSync(file, JSON.stringify(connector));
  const http = `127.0.0.1:${await freePort()}`;
  const child = spawn(process.execPath, [...nodeOptions, MAIN, 'run', file, '--http', http], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk;
    if (process.env['BENCH_STDERR']) process.stderr.write(chunk);
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const proc = (name: string): string => readFileSync(`/proc/${child.pid}/${name}`, 'utf8');
  return {
    child,
    logged: async (message) => {
      for (const until = Date.now() + 60_000; Date.now() < until; await pause(5)) {
        const line = log.split('\n').find((each) => each.includes(`"msg":"${message}"`));
        if (line !== undefined) return Date.parse((JSON.parse(line) as { time: string }).time);
        if (child.exitCode !== null) break;
      }
      throw new Error(`millrace never said "${message}":\n${log}`);
    },
    metric: async (name) => {
      const text = await fetch(`http://${http}/metrics`).then((answer) => answer.text());
      const line = text.split('\n').find((each) => each.startsWith(`${name}{`));
      return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ') + 1));
    },
    cpuMs: () => {
      const fields = proc('stat').split(') ')[1]?.split(' ') ?? [];
      return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
    },
    peakRssMb: () => Number(/VmHWM:\s+(\d+)/.exec(proc('status'))?.[1]) / 1024,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
