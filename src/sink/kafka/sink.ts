/** The Kafka sink: records and position in one transaction, one transactional producer per connector. */
import { hostname } from 'node:os';
import type { Admin, Kafka } from 'kafkajs';
import type { Claim, Opened, SourceIdentity } from '../../change/claim.ts';
import { type OutRecord, recordSize } from '../../change/message.ts';
import type { Position } from '../../change/position.ts';
import { MillraceError } from '../../errors.ts';
import { type KafkaSettings, createKafka, kafkaError } from '../../kafka/client.ts';
import { partitionOf } from '../../kafka/partition.ts';
import { readCommitted } from '../../kafka/reader.ts';
import { type TopicCreation, ensureTopic } from '../../kafka/topics.ts';
import { type PlacedRecord, type TransactionalWriter, openWriter } from '../../kafka/writer.ts';
import type { Clock, Failpoint, Log } from '../../ports.ts';
import type { Sink } from '../sink.ts';
import {
  type Stored,
  claimRecord,
  ensureOffsetsTopic,
  findStored,
  offsetsPartition,
  positionRecord,
} from './offsets.ts';

export interface KafkaSinkSettings {
  readonly connector: string;
  readonly version: string;
  readonly kafka: KafkaSettings;
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly split: 'auto' | 'never';
  readonly offsetsTopic: string;
  readonly maxRequestBytes: number;
  readonly topicCreation: TopicCreation;
}

export interface KafkaSinkContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly failpoint?: (name: Failpoint) => void;
}

/** The broker's own limit on transaction.max.timeout.ms, by default: how long somebody else's may hold us up. */
const MAX_TRANSACTION_TIMEOUT_MS = 900_000;
const SPLIT_AT = 0.75;

/** Creates the sink; nothing is opened before `open`. */
export function createKafkaSink(settings: KafkaSinkSettings, context: KafkaSinkContext): Sink {
  return new KafkaSink(settings, context);
}

class KafkaSink implements Sink {
  readonly #settings: KafkaSinkSettings;
  readonly #context: KafkaSinkContext;
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  readonly #partitions = new Map<string, number>();
  #writer: TransactionalWriter | null = null;
  #offsetsPartitions = 0;
  #openedAt = 0;
  #rowsInOpen = 0;
  #roundRobin = 0;

  constructor(settings: KafkaSinkSettings, context: KafkaSinkContext) {
    this.#settings = settings;
    this.#context = context;
    this.#kafka = createKafka(settings.kafka, context.log);
    this.#admin = this.#kafka.admin();
  }

  async open(identity: SourceIdentity, signal: AbortSignal): Promise<Opened> {
    const { connector, offsetsTopic, transactionalId, transactionTimeoutMs, topicCreation } = this.#settings;
    const { log } = this.#context;
    await this.#admin.connect().catch((error: unknown) => {
      throw kafkaError(error, `cannot reach Kafka at ${this.#settings.kafka.bootstrapServers.join(', ')}`);
    });
    const { clusterId } = await this.#admin.describeCluster();
    this.#offsetsPartitions = await ensureOffsetsTopic(this.#admin, offsetsTopic, topicCreation.replicationFactor, log);
    // Before anybody is fenced: a name clash must not stop the one who has the name by right.
    checkClash(connector, (await this.#read(signal)).claim, identity);
    this.#writer = await openWriter(this.#kafka, { transactionalId, timeoutMs: transactionTimeoutMs });
    const before = await this.#read(signal);
    checkClash(connector, before.claim, identity);
    await this.#claim(identity, before.claim);
    this.#context.failpoint?.('after-claim');
    // Everything an older owner committed lies before our claim now.
    const stored = await this.#read(signal);
    return { position: stored.position, earlier: before.claim, clusterId: clusterId };
  }

  async commit(records: readonly OutRecord[], position: Position, atBoundary: boolean): Promise<void> {
    const writer = this.#held();
    const { failpoint, clock } = this.#context;
    const placed = await this.#place(records);
    if (!writer.open) {
      await writer.begin();
      this.#openedAt = clock.now();
      this.#rowsInOpen = 0;
    }
    failpoint?.('before-send');
    if (placed.length > 0) await writer.send(placed);
    failpoint?.('after-send');
    this.#rowsInOpen += records.length;
    if (!atBoundary && !this.#mustSplit()) return;
    await this.#commitPosition(writer, position);
  }

  async close(): Promise<void> {
    await this.#writer?.close();
    this.#writer = null;
    await this.#admin.disconnect().catch(() => {});
  }

  /** The position is the last Produce, so that its partition is held by the transaction only shortly. */
  async #commitPosition(writer: TransactionalWriter, position: Position): Promise<void> {
    const { connector, offsetsTopic } = this.#settings;
    const record = positionRecord(offsetsTopic, connector, position, this.#context.clock.now());
    await writer.send([{ record, partition: offsetsPartition(connector, this.#offsetsPartitions) }]);
    this.#context.failpoint?.('before-commit');
    await writer.commit();
    this.#context.failpoint?.('after-commit');
  }

  /** The broker's clock runs from the first Produce and is never refreshed. */
  #mustSplit(): boolean {
    const { transactionTimeoutMs, split } = this.#settings;
    if (this.#context.clock.now() - this.#openedAt < transactionTimeoutMs * SPLIT_AT) return false;
    if (split === 'auto') return true;
    throw new MillraceError(
      'transaction-too-long',
      `a source transaction of more than ${this.#rowsInOpen} events does not fit into one Kafka transaction of ${transactionTimeoutMs} ms and transaction.split is "never". ` +
        "Raise kafka.transaction.timeout.ms (and the broker's transaction.max.timeout.ms), or set transaction.split=auto",
    );
  }

  async #claim(identity: SourceIdentity, earlier: Claim | null): Promise<void> {
    const { connector, transactionalId, offsetsTopic, version } = this.#settings;
    const number = (earlier?.number ?? 0) + 1;
    const claim: Claim = { ...identity, connector, transactionalId, host: hostname(), version, number };
    const record = claimRecord(offsetsTopic, claim, this.#context.clock.now());
    const writer = this.#held();
    await writer.begin();
    await writer.send([{ record, partition: offsetsPartition(connector, this.#offsetsPartitions) }]);
    await writer.commit();
  }

  async #read(signal: AbortSignal): Promise<Stored> {
    const { log, clock } = this.#context;
    const deadlineMs = MAX_TRANSACTION_TIMEOUT_MS + 10_000;
    const topic = this.#settings.offsetsTopic;
    const records = await readCommitted(this.#kafka, { topic, deadlineMs, log, clock, signal });
    return findStored(records, this.#settings.connector, this.#offsetsPartitions);
  }

  async #place(records: readonly OutRecord[]): Promise<readonly PlacedRecord[]> {
    const placed: PlacedRecord[] = [];
    for (const record of records) {
      let count = this.#partitions.get(record.topic);
      if (count === undefined) {
        count = await ensureTopic(this.#admin, record.topic, this.#settings.topicCreation, this.#context.log);
        this.#partitions.set(record.topic, count);
      }
      this.#checkSize(record);
      placed.push({ record, partition: this.#partition(record, count) });
    }
    return placed;
  }

  #partition(record: OutRecord, count: number): number {
    if (record.partition !== undefined) {
      if (record.partition >= 0 && record.partition < count) return record.partition;
      throw new MillraceError(
        'data',
        `a record for topic "${record.topic}" asks for partition ${record.partition}: expected 0 to ${count - 1}`,
      );
    }
    if (record.key !== null) return partitionOf(record.key, count);
    this.#roundRobin = (this.#roundRobin + 1) % 0x7fff_ffff;
    return this.#roundRobin % count;
  }

  #checkSize(record: OutRecord): void {
    const { maxRequestBytes } = this.#settings;
    const size = recordSize(record);
    if (size <= maxRequestBytes) return;
    throw new MillraceError(
      'record-rejected',
      `a record of ${size} bytes for topic "${record.topic}" is larger than ${maxRequestBytes} bytes, what Kafka accepts by default. ` +
        "Raise the topic's max.message.bytes and kafka.max.request.size, or make the payload smaller",
    );
  }

  #held(): TransactionalWriter {
    if (this.#writer === null) throw new MillraceError('internal', 'the sink is not open');
    return this.#writer;
  }
}

/** Another database under our name, or a time line that is none of ours: two owners by mistake. */
function checkClash(connector: string, claim: Claim | null, identity: SourceIdentity): void {
  if (claim === null) return;
  if (claim.system !== identity.system || claim.database !== identity.database) {
    throw new MillraceError(
      'refused',
      `the name "${connector}" belongs to database "${claim.database}" of system ${claim.system} (claimed from host ${claim.host}); ` +
        `this connector reads "${identity.database}" of system ${identity.system}. Give it another name, another offsets.topic or kafka.transactional.id.prefix, or reset its offsets`,
    );
  }
  if (!identity.ancestors.includes(claim.timeline)) {
    throw new MillraceError(
      'refused',
      `connector "${connector}" was last run on time line ${claim.timeline}; this server is on ${identity.timeline} and does not descend from it: ` +
        'it is the old primary. Point the connector at the new one',
    );
  }
}
