/** Everything a fault test needs: a ledger, a connector for it, instances of Millrace to be hurt, and the check. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { createKafka } from '../../src/kafka/client.ts';
import { LEDGER_TYPES, Ledger, type LedgerOptions } from './ledger.ts';
import { LedgerCheck } from './ledger-check.ts';
import { type Millrace, startMillrace } from './process.ts';
import { type Random, seededRandom, testSeed } from './random.ts';
import {
  type Database,
  type PostgresAddress,
  committed,
  freshDatabase,
  freshName,
  kafka,
  postgres,
  quiet,
  waitFor,
} from './servers.ts';
import { type Segment, TransactionLog } from './transaction-log.ts';

const OUTBOX = readFileSync(new URL('../../sql/postgres/outbox.sql', import.meta.url), 'utf8');
const PARTITIONS = 3;
const LOOK_EVERY_MS = 50;
const STOP_WITHIN_MS = 5000;

export interface RigOptions {
  readonly server: PostgresAddress;
  readonly bootstrap: string;
  readonly seed: number;
  /** More keys for the connector. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly ledger?: Partial<LedgerOptions>;
  /** Source transactions of more rows than this may be spread over several Kafka transactions; by default none. */
  readonly wholeUpTo?: number;
}

export interface StoredPosition {
  readonly lsn: string;
  readonly ordinal: number;
}

export class Rig {
  readonly random: Random;
  readonly database: Database;
  readonly ledger: Ledger;
  readonly check: LedgerCheck;
  readonly log: TransactionLog;
  readonly connector: { readonly name: string; readonly config: Readonly<Record<string, unknown>> };
  readonly bootstrap: string;
  readonly #instances: Millrace[] = [];
  readonly #observer: Promise<void>;
  #watch: (segments: readonly Segment[]) => void = () => {};
  #looking: Promise<unknown> = Promise.resolve();
  #failure: unknown = null;
  #over = false;

  private constructor(options: RigOptions, name: string, database: Database) {
    this.random = seededRandom(options.seed);
    this.database = database;
    this.bootstrap = options.bootstrap;
    this.connector = { name, config: connectorConfig(options, name, database.name) };
    this.ledger = new Ledger({
      server: options.server,
      database: database.name,
      seed: options.seed,
      writers: 3,
      rows: 10,
      largeRows: 3000,
      largeEvery: 150,
      rowsPerSecond: 1000,
      padding: 100,
      ...options.ledger,
    });
    const topicPrefix = `${name}.`;
    this.check = new LedgerCheck({ topicPrefix, wholeUpTo: options.wholeUpTo ?? Number.POSITIVE_INFINITY });
    this.log = new TransactionLog(
      options.bootstrap,
      LEDGER_TYPES.map((type) => topicPrefix + type),
    );
    this.#observer = this.#observe();
  }

  /** A database, topics and a ledger of their own on the given servers; nothing is started yet. */
  static async create(options: RigOptions): Promise<Rig> {
    const name = freshName('ledger');
    const topics = LEDGER_TYPES.map((type) => `${name}.${type}`);
    const [database] = await Promise.all([freshDatabase(options.server), createTopics(options.bootstrap, topics)]);
    await database.client.query(OUTBOX);
    const rig = new Rig(options, name, database);
    await rig.ledger.createTables();
    return rig;
  }

  get instances(): readonly Millrace[] {
    return this.#instances;
  }

  /** Starts one more instance of Millrace. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<Millrace> {
    const instance = await startMillrace(this.connector, env);
    this.#instances.push(instance);
    return instance;
  }

  /** Hands on what every look brings, in order; what the watcher throws counts as found. */
  watch(watcher: (segments: readonly Segment[]) => void): void {
    this.#watch = watcher;
  }

  /** Reads what has been decided since the last look and checks it; rethrows what an earlier look has found. */
  async look(): Promise<void> {
    const look = this.#looking.then(async () => {
      if (this.#failure !== null) throw this.#failure;
      const segments = await this.log.poll().catch((error: unknown) => {
        if (error instanceof assert.AssertionError) throw error;
        return []; // the broker is away: a fault of the test's own making
      });
      try {
        this.check.add(segments);
        this.#watch(segments);
      } catch (error) {
        this.#failure = error;
        throw error;
      }
    });
    this.#looking = look.catch(() => {});
    await look;
  }

  /** Waits until so many records have been seen. */
  async delivers(count: number, timeoutMs = 60_000): Promise<void> {
    await waitFor(
      `${count} records`,
      async () => {
        await this.look();
        return this.check.delivered >= count;
      },
      timeoutMs,
    ).catch((error: unknown) => {
      throw new Error(`of ${count} records ${this.check.delivered} arrived`, { cause: error });
    });
  }

  /**
   * With every instance dead nobody can complete a torn source transaction any more: what is visible, once the
   * coordinator has written the markers of what it had decided, has to be whole.
   */
  async isWhole(): Promise<void> {
    await waitFor('only whole source transactions to be visible', async () => {
      await this.look();
      return this.check.partial.length === 0;
    }).catch((error: unknown) => {
      throw new Error(`torn source transactions: ${this.check.partial.join('; ')}`, { cause: error });
    });
  }

  /** `settle`, and the same through our own committed reader. */
  async finish(): Promise<void> {
    await this.settle();
    await this.readersAgree();
  }

  /** Ends the writers, waits for all they committed, stops all instances as a user would, and checks exactly. */
  async settle(): Promise<void> {
    await this.ledger.stop();
    await this.delivers(this.ledger.committed);
    for (const instance of this.#instances) if (isAlive(instance)) await stopGracefully(instance);
    await this.exact();
  }

  /** What lies in Kafka is what lies in the table; nothing is running. */
  async exact(): Promise<void> {
    await this.look();
    assert.equal(this.log.undecided, 0, 'a stopped instance leaves no open Kafka transaction');
    this.check.equals(await this.ledger.truth());
  }

  /** Our own committed reader sees the table, too. */
  async readersAgree(): Promise<void> {
    const truth = await this.ledger.truth();
    const read = await Promise.all(
      LEDGER_TYPES.map((type) => committed(this.bootstrap, `${this.connector.name}.${type}`)),
    );
    const payloads = (of: readonly string[]): string => of.toSorted().join('\n');
    // As text: a difference in a million rows would be printed for an hour.
    assert.ok(
      payloads(read.flat().map(({ value }) => String(value))) === payloads(truth.map(({ payload }) => payload)),
      'readCommitted saw something else than the table holds',
    );
  }

  /** What the offsets topic tells: how often the connector was opened, and that positions only ever went forward. */
  async history(): Promise<{ readonly claims: readonly number[]; readonly positions: readonly StoredPosition[] }> {
    const claims: number[] = [];
    const positions: StoredPosition[] = [];
    for (const { key, value } of await committed(this.bootstrap, String(this.connector.config['offsets.topic']))) {
      const content: unknown = JSON.parse(String(value));
      if (String(key).includes('"claim"')) claims.push((content as { number: number }).number);
      else positions.push(content as StoredPosition);
    }
    return { claims, positions };
  }

  async dispose(): Promise<void> {
    this.#over = true;
    await this.ledger.stop().catch(() => {});
    for (const instance of this.#instances) if (isAlive(instance)) await kill(instance);
    await this.#observer;
    await this.log.close();
    await this.database.drop();
  }

  async #observe(): Promise<void> {
    while (!this.#over) {
      await this.look().catch((error: unknown) => {
        this.#failure ??= error;
      });
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}

/** A rig for one test, on the shared servers unless others are given; the seed and the figures are printed. */
export async function rigFor(t: TestContext, options: Partial<RigOptions> = {}): Promise<Rig> {
  const seed = options.seed ?? testSeed();
  t.diagnostic(`MILLRACE_TEST_SEED=${seed}`);
  const rig = await Rig.create({
    ...options,
    server: options.server ?? (await postgres()),
    bootstrap: options.bootstrap ?? (await kafka()),
    seed,
  });
  t.after(async () => {
    t.diagnostic(figures(rig));
    // @types/node does not know of `passed` yet.
    const { passed } = t as TestContext & { readonly passed: boolean };
    if (!passed) for (const each of rig.instances.slice(-3)) t.diagnostic(tail(each));
    await rig.dispose();
  });
  return rig;
}

export function figures({ ledger, check, instances }: Rig): string {
  return `${JSON.stringify(ledger.figures)}, delivered ${check.delivered}, taken back ${check.aborted}, instances ${instances.length}`;
}

export function isAlive({ child }: Millrace): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** What /health/ready says of the connector; null when nobody answers. */
export async function stateOf({ http }: Millrace): Promise<string | null> {
  // A frozen process takes the connection and never answers.
  const answer = await fetch(`http://${http}/health/ready`, { signal: AbortSignal.timeout(1000) }).catch(() => null);
  if (answer === null) return null;
  const { connectors } = (await answer.json()) as { connectors: Record<string, string> };
  return Object.values(connectors)[0] ?? null;
}

/** kill -9. */
export async function kill(instance: Millrace): Promise<void> {
  instance.child.kill('SIGKILL');
  await instance.exited;
}

/** SIGTERM: has to end with 0 within 5 s. Resolves with the milliseconds it took. */
export async function stopGracefully(instance: Millrace): Promise<number> {
  // Before Node has read our code a signal does what the system does: it ends the process.
  await waitFor('the instance to answer', () => stateOf(instance));
  const startedAt = Date.now();
  instance.child.kill('SIGTERM');
  assert.deepEqual(await instance.exited, { code: 0, signal: null }, tail(instance));
  const tookMs = Date.now() - startedAt;
  assert.ok(tookMs < STOP_WITHIN_MS, `took ${tookMs} ms to stop`);
  return tookMs;
}

/** The end of an instance's log, for a message. */
export function tail(instance: Millrace): string {
  return `log of instance ${instance.child.pid}:\n${instance.log().split('\n').slice(-25).join('\n')}`;
}

function connectorConfig(
  { server, bootstrap, config }: RigOptions,
  name: string,
  database: string,
): Readonly<Record<string, unknown>> {
  return {
    'connector.class': 'postgres',
    'database.hostname': server.host,
    'database.port': server.port,
    'database.user': server.user,
    'database.password': server.password,
    'database.dbname': database,
    'table.include.list': 'public\\.outbox',
    transforms: 'o',
    'transforms.o.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.o.route.topic.replacement': `${name}.\${routedByValue}`,
    'kafka.bootstrap.servers': bootstrap,
    'offsets.topic': `${name}-offsets`,
    // Small, so that a large transaction reaches Kafka in many pieces.
    'max.queue.size.in.bytes': 262_144,
    // Whatever a test leaves open must not hold readers up for a minute.
    'kafka.transaction.timeout.ms': 10_000,
    ...config,
  };
}

/** Creates topics of three partitions, and waits until they have leaders. */
export async function createTopics(bootstrap: string, names: readonly string[]): Promise<void> {
  const settings = { bootstrapServers: [bootstrap], clientId: 'rig', sasl: null, tls: null };
  const admin = createKafka(settings, quiet).admin();
  await admin.connect();
  await admin.createTopics({
    // kafkajs' own wait fails now and then on a topic that the broker does not know yet.
    waitForLeaders: false,
    topics: names.map((topic) => ({ topic, numPartitions: PARTITIONS, replicationFactor: 1 })),
  });
  await waitFor('the topics to have leaders', async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [...names] }).catch(() => ({ topics: [] }));
    const partitions = topics.flatMap((topic) => topic.partitions);
    return partitions.length === names.length * PARTITIONS && partitions.every(({ leader }) => leader >= 0);
  });
  await admin.disconnect();
}
