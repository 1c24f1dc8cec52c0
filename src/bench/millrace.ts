/** Millrace as a process that is measured from outside: `millrace run`, as users start it. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../demo/free-port.ts';
import { removeAtExit, spawnServer } from '../demo/server-process.ts';
import { MillraceError } from '../errors.ts';
import { type Engine, type Job, type Running, type Service, sharedKeys } from './engine.ts';
import { ProcessMeter } from './process-meter.ts';
import type { Servers } from './servers.ts';

/** The program beside us: built, or as it is in the repository. */
export const OWN_PROGRAM = fileURLToPath(
  new URL(`../main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);

export interface MillraceOptions {
  /** The program's main file. */
  readonly program: string;
  /** Options of Node, such as --cpu-prof. */
  readonly nodeOptions: readonly string[];
}

/** A new process for every job. */
export class MillraceEngine implements Engine {
  readonly #servers: Servers;
  readonly #options: MillraceOptions;

  constructor(servers: Servers, options: MillraceOptions) {
    this.#servers = servers;
    this.#options = options;
    servers.ownTopics.push(offsetsTopic(servers));
  }

  async deliver(job: Job): Promise<Running> {
    const service = new MillraceService(this.#servers, this.#options, job);
    await service.start();
    return service;
  }

  service(job: Job): Service {
    return new MillraceService(this.#servers, this.#options, job);
  }
}

class MillraceService implements Service, Running {
  readonly #options: MillraceOptions;
  readonly #file: string;
  #process: { readonly child: ChildProcess; readonly exited: Promise<void> } | null = null;
  #log = '';

  constructor(servers: Servers, options: MillraceOptions, job: Job) {
    this.#options = options;
    const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    removeAtExit(folder);
    this.#file = join(folder, 'connector.json');
    writeFileSync(this.#file, JSON.stringify({ name: job.name, config: configOf(servers, job) }));
    servers.onDispose(() => this.stop('SIGKILL'));
  }

  async start(): Promise<void> {
    const http = `127.0.0.1:${await freePort()}`;
    const { program, nodeOptions } = this.#options;
    const child = spawnServer(process.execPath, [...nodeOptions, program, 'run', this.#file, '--http', http], {
      stdio: ['ignore', 'ignore', 'pipe'],
      lastSignal: 'SIGKILL',
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#log = (this.#log + chunk).slice(-20_000);
    });
    this.#process = { child, exited: new Promise((resolve) => child.once('exit', () => resolve())) };
  }

  get meter(): ProcessMeter {
    return new ProcessMeter(this.#process?.child.pid ?? 0);
  }

  async check(): Promise<void> {
    const { child } = this.#process ?? {};
    if (child && child.exitCode === null && child.signalCode === null) return;
    throw new MillraceError(
      'internal',
      `millrace has ended with exit code ${child?.exitCode}:\n${this.#log.slice(-2000)}`,
    );
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#process?.child.kill(signal);
    await this.#process?.exited;
    this.#process = null;
  }
}

function offsetsTopic({ prefix }: Servers): string {
  return `${prefix}.millrace-offsets`;
}

function configOf(servers: Servers, job: Job): Record<string, string | number | boolean> {
  const { postgres, bootstrap } = servers;
  return {
    'connector.class': 'postgres',
    'database.hostname': job.host,
    'database.port': postgres.port,
    'database.user': postgres.user,
    'database.password': postgres.password,
    'database.sslmode': 'disable',
    ...sharedKeys(job),
    ...(job.slotExists ? { 'slot.adopt': true } : {}),
    'kafka.bootstrap.servers': bootstrap,
    'offsets.topic': offsetsTopic(servers),
  };
}
