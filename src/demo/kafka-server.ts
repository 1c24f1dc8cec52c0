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
  /** Ends the broker and starts it again on the same data and port. */
  restart(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Ends the broker and removes its data. */
  dispose(): Promise<void>;
}

const VERSION = '4.3.1';
const POM = `<project><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${VERSION}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`;

/** Starts a broker on free ports; resolves when it answers. `say` hears of long steps (the first download). */
export async function startKafka(say: (line: string) => void = () => {}): Promise<KafkaServer> {
  const classPath = join(await jars(say), '*');
  const home = mkdtempSync(join(tmpdir(), 'millrace-kafka-'));
  const [port, controller] = [await freePort(), await freePort()];
  const properties = join(home, 'server.properties');
  writeFileSync(properties, serverProperties(home, port, controller));
  const id = randomBytes(16).toString('base64url');
  // With "=": one id in 64 begins with a dash and would be taken for an option.
  const format = ['kafka.tools.StorageTool', 'format', `--cluster-id=${id}`, '-c', properties, '--standalone'];
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
  const bootstrap = `127.0.0.1:${port}`;
  await ready(bootstrap, child);
  return {
    bootstrap,
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

function serverProperties(home: string, port: number, controller: number): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
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
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
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
async function jars(say: (line: string) => void): Promise<string> {
  const cache = process.env['MILLRACE_CACHE'] ?? join(homedir(), '.cache', 'millrace');
  const folder = join(cache, `kafka-${VERSION}`);
  requireTool('java', ['-version'], 'Java 17');
  if (existsSync(folder)) return folder;
  requireTool('mvn', ['-v'], 'Maven (it downloads Kafka once)');
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'download-'));
  writeFileSync(join(work, 'pom.xml'), POM);
  say(`downloading Kafka ${VERSION} (about 54 MB, once)`);
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
