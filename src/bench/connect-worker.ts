/** A Kafka Connect worker (distributed mode, exactly-once source support on) as a process of ours, and its REST API. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../demo/free-port.ts';
import { removeAtExit, spawnServer } from '../demo/server-process.ts';
import { MillraceError } from '../errors.ts';
import type { ConnectJars } from './connect-jars.ts';
import { ProcessMeter } from './process-meter.ts';
import { type Servers, pause } from './servers.ts';

/** As bin/kafka-run-class.sh and bin/connect-distributed.sh of Kafka's distribution set them. */
export const JVM_OPTIONS = [
  '-Xms256M',
  '-Xmx2G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
] as const;
/** For the REST server to answer, and for a request that meets a rebalance. */
const READY_WITHIN_MS = 90_000;
const STOPS_WITHIN_MS = 20_000;

export class ConnectWorker {
  readonly #servers: Servers;
  readonly #jars: ConnectJars;
  readonly #folder: string;
  readonly #group: string;
  readonly #more: Readonly<Record<string, string | number>>;
  #process: { readonly child: ChildProcess; readonly exited: Promise<void>; readonly rest: string } | null = null;

  /** Nothing is started yet. `more` are lines for its properties. */
  constructor(
    servers: Servers,
    jars: ConnectJars,
    { group, more = {} }: { readonly group: string; readonly more?: Readonly<Record<string, string | number>> },
  ) {
    this.#servers = servers;
    this.#more = more;
    this.#jars = jars;
    this.#group = `${servers.prefix}-${group}`;
    this.#folder = mkdtempSync(join(tmpdir(), 'millrace-connect-'));
    removeAtExit(this.#folder);
    servers.ownTopics.push(...['configs', 'offsets', 'status'].map((name) => `${this.#group}-${name}`));
    servers.onDispose(() => this.stop('SIGKILL'));
  }

  /** Resolves when the process has been told to start. */
  async start(): Promise<void> {
    const rest = `http://127.0.0.1:${await freePort()}`;
    const properties = join(this.#folder, 'worker.properties');
    writeFileSync(properties, this.#properties(rest));
    const log = openSync(join(this.#folder, 'worker.log'), 'a');
    const args = [
      ...JVM_OPTIONS,
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      '-cp',
      join(this.#jars.libs, '*'),
      'org.apache.kafka.connect.cli.ConnectDistributed',
      properties,
    ];
    const child = spawnServer('java', args, { stdio: ['ignore', log, log], cwd: this.#folder, lastSignal: 'SIGKILL' });
    closeSync(log);
    this.#process = { child, rest, exited: new Promise((resolve) => child.once('exit', () => resolve())) };
  }

  get meter(): ProcessMeter {
    return new ProcessMeter(this.#process?.child.pid ?? 0);
  }

  /** Creates the connector as soon as the worker takes it. */
  async create(name: string, config: Readonly<Record<string, string | number>>): Promise<void> {
    const until = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const answer = await this.#ask('PUT', `/connectors/${name}/config`, config);
      if (answer?.ok) return;
      // 409: a rebalance is under way; 404 and 503 come while it starts.
      const passing = answer === null || [404, 409, 500, 503].includes(answer.status);
      const said = answer === null ? 'no answer' : `${answer.status} ${await answer.text()}`;
      if (!passing || Date.now() > until) {
        throw new MillraceError(
          'internal',
          `Kafka Connect did not take connector "${name}": ${said}\n${this.#logTail()}`,
        );
      }
      this.#checkProcess();
      await pause(25, this.#servers);
    }
  }

  /** Throws when the connector or its task has failed, or the worker ended. */
  async checkConnector(name: string): Promise<void> {
    this.#checkProcess();
    const answer = await this.#ask('GET', `/connectors/${name}/status`);
    if (!answer?.ok) return;
    const { connector, tasks } = (await answer.json()) as ConnectorStatus;
    const failed = [connector, ...tasks].find(({ state }) => state === 'FAILED');
    if (failed)
      throw new MillraceError('internal', `Debezium has failed: ${failed.trace?.slice(0, 1500) ?? 'no reason given'}`);
  }

  async remove(name: string): Promise<void> {
    const until = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const answer = await this.#ask('DELETE', `/connectors/${name}`);
      if (answer?.ok || answer?.status === 404) return;
      this.#checkProcess();
      if (Date.now() > until) throw new MillraceError('internal', `Kafka Connect did not delete connector "${name}"`);
      await pause(100, this.#servers);
    }
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { child, exited } = this.#process ?? {};
    this.#process = null;
    child?.kill(signal);
    // A stop in good order can hang; a benchmark must not.
    const last = setTimeout(() => child?.kill('SIGKILL'), STOPS_WITHIN_MS);
    await exited;
    clearTimeout(last);
  }

  /** Null when nobody answers. */
  async #ask(method: string, path: string, body?: unknown): Promise<Response | null> {
    const { rest } = this.#process ?? {};
    if (rest === undefined) return null;
    const signal = AbortSignal.any([this.#servers.signal, AbortSignal.timeout(60_000)]);
    const content =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
    try {
      return await fetch(rest + path, { method, signal, ...content });
    } catch {
      this.#servers.signal.throwIfAborted();
      return null;
    }
  }

  #checkProcess(): void {
    const { child } = this.#process ?? {};
    if (child && child.exitCode === null && child.signalCode === null) return;
    throw new MillraceError(
      'internal',
      `Kafka Connect has ended with exit code ${child?.exitCode}:\n${this.#logTail()}`,
    );
  }

  #logTail(): string {
    return readFileSync(join(this.#folder, 'worker.log'), 'utf8').slice(-2000);
  }

  #properties(rest: string): string {
    const string = 'org.apache.kafka.connect.storage.StringConverter';
    const internal = (name: string): Record<string, string | number> => ({
      [`${name}.storage.topic`]: `${this.#group}-${name === 'config' ? 'configs' : name === 'offset' ? 'offsets' : 'status'}`,
      [`${name}.storage.replication.factor`]: -1,
    });
    const lines = {
      'bootstrap.servers': this.#servers.bootstrap,
      'group.id': this.#group,
      listeners: rest,
      'plugin.path': this.#jars.plugins,
      // The default also looks through every class: seconds more at each start.
      'plugin.discovery': 'service_load',
      'exactly.once.source.support': 'enabled',
      'key.converter': string,
      'value.converter': string,
      ...internal('config'),
      ...internal('offset'),
      ...internal('status'),
      // One worker has no need of the defaults of 25 and 5, which only take time at a start.
      'offset.storage.partitions': 1,
      'status.storage.partitions': 1,
      // A worker that is gone is not waited for: five minutes by default.
      'scheduled.rebalance.max.delay.ms': 0,
      ...this.#more,
    };
    return Object.entries(lines)
      .map(([key, value]) => `${key}=${value}\n`)
      .join('');
  }
}

interface ConnectorState {
  readonly state: string;
  readonly trace?: string;
}
interface ConnectorStatus {
  readonly connector: ConnectorState;
  readonly tasks: readonly ConnectorState[];
}
