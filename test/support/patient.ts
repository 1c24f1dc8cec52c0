/** A connector for `millrace doctor`, with the proof that the examination changed nothing. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Admin, type Kafka, Kafka as KafkaClient, logLevel } from 'kafkajs';
import { doctor } from '../../src/cli/doctor.ts';
import { edgeFor } from './edge.ts';
import { type Outbox, freshOutbox } from './outbox.ts';
import { startMillrace } from './process.ts';
import { type PostgresAddress, committed, freshName, postgres, waitFor } from './servers.ts';
import { stateOfServers } from './server-state.ts';

export interface Examined {
  readonly code: number;
  readonly output: string;
  readonly diagnoses: readonly {
    readonly level: string;
    readonly area: string;
    readonly text: string;
    readonly means: string | null;
    readonly remedy: string | null;
  }[];
}

/** ConfigResource.Type.TOPIC. */
const TOPIC = 2;

export class Patient {
  readonly outbox: Outbox;
  readonly slot: string;
  readonly #address: PostgresAddress;
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-doctor-'));
  readonly #kafka: Kafka;
  readonly #ends: (() => Promise<unknown> | void)[];
  #admin: Admin | null = null;

  private constructor(outbox: Outbox, address: PostgresAddress, ends: (() => Promise<unknown> | void)[]) {
    this.outbox = outbox;
    this.#address = address;
    this.slot = `millrace_${outbox.connector.name}`;
    this.#ends = ends;
    this.#kafka = new KafkaClient({
      brokers: [outbox.bootstrap],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 10 },
    });
  }

  /** On the shared servers unless others are given. */
  static async create(of: { readonly server?: PostgresAddress; readonly brokers?: string } = {}): Promise<Patient> {
    const ends: (() => Promise<unknown> | void)[] = [];
    const outbox = await freshOutbox({ after: (end) => void ends.push(end) }, {}, of);
    return new Patient(outbox, of.server ?? (await postgres()), ends);
  }

  async dispose(): Promise<void> {
    await this.#admin?.disconnect();
    for (const end of this.#ends.toReversed()) await end();
    rmSync(this.#folder, { recursive: true });
  }

  get server(): PostgresAddress {
    return this.#address;
  }

  /** Starts it, delivers a row and stops it. */
  async hasWorked(): Promise<void> {
    const run = await startMillrace(this.outbox.connector);
    try {
      await run.reaches('running');
      await this.outbox.insert(1, 1);
      await waitFor('a row', async () => (await this.outbox.numbers()).length === 1);
      run.child.kill('SIGTERM');
      assert.equal((await run.exited).code, 0);
    } finally {
      run.child.kill('SIGKILL');
    }
  }

  file(over: Readonly<Record<string, unknown>> = {}): string {
    const { name, config } = this.outbox.connector;
    const path = join(this.#folder, `${freshName('c')}.json`);
    writeFileSync(path, JSON.stringify({ name, config: { ...config, ...over } }));
    return path;
  }

  /** `millrace doctor --json`; asserts that it changed nothing, and that its order and exit code agree with what it says. */
  async examine(
    over: Readonly<Record<string, unknown>> = {},
    { watchSeconds = 0, moving = false } = {},
  ): Promise<Examined> {
    const before = await stateOfServers(this.outbox, { moving });
    const edge = edgeFor([this.file(over), '--json', '--watch-seconds', String(watchSeconds)]);
    const code = await doctor(edge);
    assert.deepEqual(await stateOfServers(this.outbox, { moving }), before, 'doctor has changed something');
    const [only] = JSON.parse(edge.text()) as { delivers: boolean; diagnoses: Examined['diagnoses'] }[];
    assert.ok(only);
    const ranks = only.diagnoses.map(({ level }) => ['broken', 'warning', 'unknown', 'ok'].indexOf(level));
    assert.deepEqual(
      ranks,
      ranks.toSorted((a, b) => a - b),
      'worst first',
    );
    assert.equal(only.delivers, ranks[0] !== 0);
    if (code !== 2) assert.equal(code, ranks[0] === 0 ? 1 : 0);
    return { code, output: edge.text() + edge.errors(), diagnoses: only.diagnoses };
  }

  async #administrator(): Promise<Admin> {
    if (this.#admin === null) {
      this.#admin = this.#kafka.admin();
      await this.#admin.connect();
    }
    return this.#admin;
  }

  async alterTopic(topic: string, configs: Readonly<Record<string, string>>): Promise<void> {
    const admin = await this.#administrator();
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC, name: topic, configEntries }] });
    await waitFor('the setting', async () => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: TOPIC, name: topic }],
      });
      const found = new Map(
        resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
      );
      return configEntries.every(({ name, value }) => found.get(name) === value);
    });
  }

  get #offsets(): string {
    return String(this.outbox.connector.config['offsets.topic']);
  }

  /** The stored position, as it lies in the offsets topic. */
  async position(): Promise<Readonly<Record<string, unknown>>> {
    const records = await committed(this.outbox.bootstrap, this.#offsets);
    const last = records.findLast(({ key }) => !String(key).includes('"claim"'));
    return JSON.parse(String(last?.value)) as Record<string, unknown>;
  }

  /** Writes a position as if somebody had. */
  async store(position: object): Promise<void> {
    const key = JSON.stringify({ connector: this.outbox.connector.name });
    const records = await committed(this.outbox.bootstrap, this.#offsets);
    const partition = records.find((each) => String(each.key) === key)?.partition ?? 0;
    const producer = this.#kafka.producer();
    await producer.connect();
    await producer.send({ topic: this.#offsets, messages: [{ key, value: JSON.stringify(position), partition }] });
    await producer.disconnect();
  }

  /** Leaves a transaction open in partition 0 of a topic; gives what ends it. */
  async openTransaction(transactionalId: string, topic: string): Promise<() => Promise<void>> {
    const producer = this.#kafka.producer({
      transactionalId,
      maxInFlightRequests: 1,
      idempotent: true,
      transactionTimeout: 60_000,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: 'x', partition: 0 }] });
    return async () => {
      await transaction.abort();
      await producer.disconnect();
    };
  }
}
