/** A real single-node Kafka for the demo and the tests: jars from Maven Central, KRaft, a throw-away log folder. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { MillraceError } from '../errors.ts';
import { freePort } from './free-port.ts';

export interface KafkaServer {
  readonly bootstrap: string;
  /** `host:port` of each listener, by its name; PLAINTEXT is `bootstrap`. */
  readonly listeners: Readonly<Record<string, string>>;
  /** Ends the broker and starts it again on the same data and port. */
  restart(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Ends the broker and removes its data. */
  dispose(): Promise<void>;
}

export interface KafkaOptions {
  readonly version?: string;
  /** More listeners, named after their protocol (SASL_SSL, …); what they need goes into `properties`. */
  readonly listeners?: readonly string[];
  /** Lines for server.properties, beside or instead of ours. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /** Arguments of `StorageTool format`, such as `--add-scram`. */
  readonly format?: readonly string[];
}

const VERSION = '4.3.1';
const pom = (
  version: string,
): string => `<project><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`;

/** Starts a broker on free ports; resolves when it answers. `say` hears of long steps (the first download). */
export async function startKafka(
  say: (line: string) => void = () => {},
  options: KafkaOptions = {},
): Promise<KafkaServer> {
  const classPath = join(await jars(options.version ?? VERSION, say), '*');
  const home = mkdtempSync(join(tmpdir(), 'millrace-kafka-'));
  const listeners: Record<string, string> = {};
  for (const name of ['PLAINTEXT', ...(options.listeners ?? [])]) listeners[name] = `127.0.0.1:${await freePort()}`;
  const properties = join(home, 'server.properties');
  const controller = `127.0.0.1:${await freePort()}`;
  // Before 3.9 a quorum was a fixed list of voters.
  const isOld = options.version?.startsWith('3.') ?? false;
  const quorum = isOld
    ? { 'controller.quorum.voters': `1@${controller}` }
    : { 'controller.quorum.bootstrap.servers': controller };
  const lines = { ...serverProperties(home, listeners, controller), ...quorum, ...options.properties };
  writeFileSync(
    properties,
    Object.entries(lines)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  // A leading minus, one id in 64, would be taken for an option.
  const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const format = [
    'kafka.tools.StorageTool',
    'format',
    '-t',
    id,
    '-c',
    properties,
    ...(isOld ? [] : ['--standalone']),
    ...(options.format ?? []),
  ];
  execFileSync('java', ['-cp', classPath, ...format], { stdio: 'pipe' });
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
    return spawn('java', java, { stdio: 'ignore', cwd: home });
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
    dispose: async () => {
      await end('SIGKILL');
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function serverProperties(
  home: string,
  listeners: Readonly<Record<string, string>>,
  controller: string,
): Record<string, string | number | boolean> {
  const names = Object.keys(listeners);
  const advertised = names.map((name) => `${name}://${listeners[name]}`);
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    listeners: [...advertised, `CONTROLLER://${controller}`].join(','),
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

async function ready(bootstrap: string, child: ChildProcess): Promise<void> {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
  for (const until = Date.now() + 60_000; Date.now() < until; ) {
    const admin = kafka.admin();
    try {
      await admin.connect();
      const { brokers } = await admin.describeCluster();
      if (brokers.length > 0) return;
    } catch {
      if (child.exitCode !== null) break;
    } finally {
      await admin.disconnect().catch(() => {});
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new MillraceError('internal', `Kafka did not start at ${bootstrap} (exit code ${child.exitCode})`);
}

/** The folder with Kafka's jars, downloaded once per user; complete or not there at all. */
async function jars(version: string, say: (line: string) => void): Promise<string> {
  const cache = process.env['MILLRACE_CACHE'] ?? join(homedir(), '.cache', 'millrace');
  const folder = join(cache, `kafka-${version}`);
  requireTool('java', ['-version'], 'Java 17');
  if (existsSync(folder)) return folder;
  requireTool('mvn', ['-v'], 'Maven (it downloads Kafka once)');
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'download-'));
  writeFileSync(join(work, 'pom.xml'), pom(version));
  say(`downloading Kafka ${version} (about 54 MB, once)`);
  const libs = join(work, 'libs');
  const maven = spawn('mvn', ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${libs}`], {
    cwd: work,
    stdio: 'ignore',
  });
  const progress = setInterval(
    () => say(`downloading Kafka: ${existsSync(libs) ? readdirSync(libs).length : 0} of about 90 files`),
    2000,
  );
  const code = await new Promise((resolve) => maven.once('exit', resolve));
  clearInterval(progress);
  try {
    if (code !== 0)
      throw new MillraceError(
        'config',
        `Maven could not download Kafka (exit code ${String(code)}); try "mvn -v" and your network, or set MILLRACE_KAFKA=host:port`,
      );
    renameSync(libs, folder);
  } catch (error) {
    // Another process may have been faster; its folder is as good.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

function requireTool(command: string, args: readonly string[], what: string): void {
  try {
    execFileSync(command, args, { stdio: 'pipe' });
  } catch (error) {
    throw new MillraceError(
      'config',
      `${what} is missing on this machine: install it, or set MILLRACE_KAFKA=host:port to use a Kafka of your own`,
      { cause: error },
    );
  }
}
