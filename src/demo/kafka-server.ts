/** A real single-node Kafka for the demo and the tests: jars from Maven Central, KRaft, a throw-away log folder. */
import { type ChildProcess, execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { closeCluster, findCoordinator, openCluster } from '../kafka/cluster.ts';
import { MillraceError } from '../errors.ts';
import { freePort } from './free-port.ts';
import { kafkaJars } from './kafka-jars.ts';
import { removeAtExit, spawnServer } from './server-process.ts';

export interface KafkaServer {
  readonly bootstrap: string;
  /** `host:port` of each listener, by its name; PLAINTEXT is `bootstrap`. */
  readonly listeners: Readonly<Record<string, string>>;
  /** Ends the broker and starts it again on the same data and port. */
  restart(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** The broker hangs: it takes connections and answers nobody, until it is thawed. */
  freeze(): void;
  thaw(): void;
  /** Ends the broker and removes its data. */
  dispose(): Promise<void>;
}

export interface KafkaOptions {
  readonly version?: string;
  /** More listeners, named after their protocol (SASL_SSL, …); what they need goes into `properties`. */
  readonly listeners?: readonly string[];
  /** What the broker gives for its address instead of where it listens, by listener. */
  readonly advertised?: Readonly<Record<string, string>>;
  /** Lines for server.properties, beside or instead of ours. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /** Arguments of `StorageTool format`, such as `--add-scram`. */
  readonly format?: readonly string[];
}

export const KAFKA_VERSION = '4.3.1';

/** Starts a broker on free ports; resolves when it answers. `say` hears of long steps (the first download). */
export async function startKafka(
  say: (line: string) => void = () => {},
  options: KafkaOptions = {},
): Promise<KafkaServer> {
  const classPath = join(await kafkaJars(options.version ?? KAFKA_VERSION, say), '*');
  const home = mkdtempSync(join(tmpdir(), 'millrace-kafka-'));
  removeAtExit(home);
  const listeners: Record<string, string> = {};
  for (const name of ['PLAINTEXT', ...(options.listeners ?? [])]) listeners[name] = `127.0.0.1:${await freePort()}`;
  const properties = join(home, 'server.properties');
  await format({ classPath, home, properties, listeners, options });
  let child = launch();

  function launch(): ChildProcess {
    const java = [
      '-Xmx1g',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=off',
      '-cp',
      classPath,
      'kafka.Kafka',
      properties,
    ];
    return spawnServer('java', java, { stdio: 'ignore', cwd: home, lastSignal: 'SIGKILL' });
  }
  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
  const bootstrap = listeners['PLAINTEXT'] ?? '';
  await ready(bootstrap, child);
  return {
    bootstrap,
    listeners,
    restart: async (signal = 'SIGTERM') => {
      await end(signal);
      child = launch();
      await ready(bootstrap, child);
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    dispose: async () => {
      await end('SIGKILL');
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Writes server.properties and formats the log folder. */
async function format(of: {
  readonly classPath: string;
  readonly home: string;
  readonly properties: string;
  readonly listeners: Readonly<Record<string, string>>;
  readonly options: KafkaOptions;
}): Promise<void> {
  const { classPath, home, properties, listeners, options } = of;
  const controller = `127.0.0.1:${await freePort()}`;
  // Before 3.9 a quorum was a fixed list of voters.
  const isOld = options.version?.startsWith('3.') ?? false;
  const quorum = isOld
    ? { 'controller.quorum.voters': `1@${controller}` }
    : { 'controller.quorum.bootstrap.servers': controller };
  const lines = { ...serverProperties({ home, listeners, controller, options }), ...quorum, ...options.properties };
  writeFileSync(
    properties,
    Object.entries(lines)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const id = randomBytes(16).toString('base64url');
  const args = [
    'kafka.tools.StorageTool',
    'format',
    // With "=": one id in 64 begins with a dash and would be taken for an option.
    `--cluster-id=${id}`,
    '-c',
    properties,
    ...(isOld ? [] : ['--standalone']),
    ...(options.format ?? []),
  ];
  // Not synchronously: PostgreSQL starts meanwhile.
  await promisify(execFile)('java', ['-XX:TieredStopAtLevel=1', '-cp', classPath, ...args]);
}

function serverProperties(of: {
  readonly home: string;
  readonly listeners: Readonly<Record<string, string>>;
  readonly controller: string;
  readonly options: KafkaOptions;
}): Record<string, string | number | boolean> {
  const { home, listeners, controller, options } = of;
  const names = Object.keys(listeners);
  const bound = names.map((name) => `${name}://${listeners[name]}`);
  const advertised = names.map((name) => `${name}://${options.advertised?.[name] ?? listeners[name]}`);
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    listeners: [...bound, `CONTROLLER://${controller}`].join(','),
    'advertised.listeners': advertised.join(','),
    'listener.security.protocol.map': ['CONTROLLER:PLAINTEXT', ...names.map((name) => `${name}:${name}`)].join(','),
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(home, 'data'),
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'num.partitions': 3,
    'auto.create.topics.enable': false,
  };
}

/**
 * Resolves when the broker answers and has coordinators for transactions and groups: it creates their topics when it is
 * first asked for one, and the first who asks would wait for that.
 */
async function ready(bootstrap: string, child: ChildProcess): Promise<void> {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
  for (const until = Date.now() + 60_000; Date.now() < until; ) {
    try {
      const cluster = await openCluster(kafka);
      try {
        await findCoordinator(cluster, 'transaction', 'ready');
        await findCoordinator(cluster, 'group', 'ready');
        return;
      } finally {
        await closeCluster(cluster);
      }
    } catch {
      if (child.exitCode !== null) break;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new MillraceError('internal', `Kafka did not start at ${bootstrap} (exit code ${child.exitCode})`);
}
