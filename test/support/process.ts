/** Millrace as a process of its own, as a user runs it, so that it can be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/demo/free-port.ts';
import { keepOutput } from './output.ts';
import { waitFor } from './servers.ts';

export interface Millrace {
  readonly child: ChildProcess;
  readonly http: string;
  /** Standard error so far: the log lines. */
  log(): string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Resolves when /health/ready names the state. */
  reaches(state: 'running' | 'standby' | 'failed'): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Starts `millrace run` with one connector. */
export async function startMillrace(
  connector: { readonly name: string; readonly config: Readonly<Record<string, unknown>> },
  env: Readonly<Record<string, string>> = {},
): Promise<Millrace> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-run-'));
  const file = join(folder, 'connector.json');
  writeFileSync(file, JSON.stringify(connector));
  const http = `127.0.0.1:${await freePort()}`;
  const child = spawn(process.execPath, [MAIN, 'run', file, '--http', http], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  keepOutput(child, 'millrace-run');
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      rmSync(folder, { recursive: true, force: true });
      resolve({ code, signal });
    });
  });
  const reaches = async (state: string): Promise<void> => {
    await waitFor(`state ${state}; log:\n${text}`, async () => {
      if (child.exitCode !== null) throw new Error(`millrace ended before it was ${state}:\n${text}`);
      const answer = await fetch(`http://${http}/health/ready`).catch(() => null);
      const body = (await answer?.json()) as { connectors: Record<string, string> } | undefined;
      return body?.connectors[connector.name] === state;
    });
  };
  return { child, http, log: () => text, exited, reaches };
}
