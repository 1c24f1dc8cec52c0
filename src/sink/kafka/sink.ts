/** The Kafka sink: records and position in one transaction, one transactional producer per connector. */
import { hostname } from 'node:os';
import type { Claim, Introduction, Opened, SourceIdentity } from '../../change/claim.ts';
import { Records } from '../../change/records.ts';
import type { OutRecord } from '../../change/message.ts';
import { readVarint, varintBytes } from '../../change/varint.ts';
import type { Position } from '../../change/position.ts';
import { MillraceError } from '../../errors.ts';
import { type KafkaSettings, createKafka, kafkaError } from '../../kafka/client.ts';
import { type Cluster, closeCluster, openCluster } from '../../kafka/cluster.ts';
import type { PartitionAt, PartitionList } from '../../kafka/open-transactions.ts';
import { partitionOf } from '../../kafka/partition.ts';
import { TopicTail } from '../../kafka/reader.ts';
import { BATCH_HEADER_BYTES, RECORD_HEAD_BYTES } from '../../kafka/record-batch.ts';
import { type TopicCreation, endOffsets, topicLeaders } from '../../kafka/topics.ts';
import { PartitionTarget, type TransactionalWriter, openWriter } from '../../kafka/writer.ts';
import type { Clock, Failpoint, Log } from '../../ports.ts';
import type { ResettableSink, StartCheck } from '../sink.ts';
import { type Layout, Layouts } from './layout.ts';
import { type LastTransaction, settle } from './settle.ts';
import {
  NOTHING_STORED,
  type Stored,
  claimRecord,
  ensureOffsetsTopic,
  foldStored,
  partitionsOf,
  offsetsPartition,
  positionRecord,
  resetRecord,
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
  /** Opens although the name is another database's: for an operator who resets it. */
  readonly takeOver?: boolean;
}

/** The brokers' default of transaction.max.timeout.ms, and 10 s: how long somebody else's transaction may hold us up. */
const DEADLINE_MS = 910_000;
const OFFSETS_BATCH_BYTES = 1_000_000;
const SPLIT_AT = 0.75;

/** Creates the sink; nothing is opened before `open`. */
export function createKafkaSink(settings: KafkaSinkSettings, context: KafkaSinkContext): ResettableSink {
  return new KafkaSink(settings, context);
}

/** All that there is between `open` and `close`. */
interface Session {
  readonly cluster: Cluster;
  readonly writer: TransactionalWriter;
  readonly layouts: Layouts;
  /** The partition of our position. */
  readonly offsets: PartitionTarget;
}

class KafkaSink implements ResettableSink {
  readonly #settings: KafkaSinkSettings;
  readonly #context: KafkaSinkContext;
  #cluster: Cluster | null = null;
  #session: Session | null = null;
  #openedAt = 0;
  #rowsInOpen = 0;
  #roundRobin = 0;

  constructor(settings: KafkaSinkSettings, context: KafkaSinkContext) {
    this.#settings = settings;
    this.#context = context;
  }

  async open(identity: Introduction, signal: AbortSignal, check?: StartCheck): Promise<Opened> {
    const { connector, kafka, offsetsTopic, transactionalId, transactionTimeoutMs, topicCreation } = this.#settings;
    const { log, clock } = this.#context;
    const cluster = await openCluster(createKafka(kafka, log)).catch((error: unknown) => {
      throw kafkaError(error, `cannot reach Kafka at ${kafka.bootstrapServers.join(', ')}`);
    });
    this.#cluster = cluster;
    const topics = { cluster, log, clock, signal };
    const clusterId = cluster.brokerPool.metadata?.clusterId ?? '';
    const isFirst = (await topicLeaders(topics, offsetsTopic)) === null;
    if (isFirst) await check?.({ position: null, earlier: null, clusterId });
    const leaders = await ensureOffsetsTopic(topics, offsetsTopic, topicCreation.replicationFactor);
    const partition = offsetsPartition(connector, leaders.length);
    const at = { topic: offsetsTopic, partition, leader: leaders[partition] ?? -1, maxBatchBytes: OFFSETS_BATCH_BYTES };
    const reader = new StoredReader(
      new TopicTail(cluster, { topic: offsetsTopic, deadlineMs: DEADLINE_MS, ...topics }),
      {
        connector,
        partitions: leaders.length,
      },
    );
    // Before anybody is fenced: a name clash must not stop the one who has the name by right. What an owner who died
    // left open is not waited for: the fencing below ends it.
    const seen = await reader.read('stable');
    this.#checkClash(seen.claim, identity);
    if (!isFirst && (await isAllVisible(cluster, at))) {
      await check?.({ position: seen.position, earlier: seen.claim, clusterId });
    }
    const { clientId } = kafka;
    const writer = await openWriter(cluster, {
      transactionalId,
      timeoutMs: transactionTimeoutMs,
      clientId,
      clock,
      signal,
    });
    // A stop lets the commit in hand end, topics that it needs included.
    const layouts = new Layouts({ ...topics, signal: new AbortController().signal }, topicCreation);
    this.#session = { cluster, writer, layouts, offsets: new PartitionTarget(at) };
    await settle({ topics, writer, last: await reader.last(partition) });
    const before = await reader.read('end');
    this.#checkClash(before.claim, identity);
    await this.#claim(this.#session, identity, before);
    this.#context.failpoint?.('after-claim');
    // Everything an older owner committed lies before our claim now.
    const stored = await reader.read('end');
    return { position: stored.position, earlier: before.claim, clusterId };
  }

  async commit(records: Records, position: Position, atBoundary: boolean): Promise<void> {
    const session = this.#held();
    const { failpoint, clock } = this.#context;
    const targets = await this.#place(session, records);
    if (!session.writer.open) {
      // Nothing is in the open transaction that a split would have to save.
      if (records.length === 0 && !atBoundary) return;
      session.writer.begin(session.offsets);
      this.#openedAt = clock.now();
      this.#rowsInOpen = 0;
    }
    failpoint?.('before-send');
    if (records.length > 0) await session.writer.send(records, targets);
    failpoint?.('after-send');
    this.#rowsInOpen += records.length;
    if (!atBoundary && !this.#mustSplit(records.length > 0)) return;
    await this.#commitPosition(session, position);
  }

  async reset(): Promise<void> {
    const session = this.#held();
    const { connector, offsetsTopic } = this.#settings;
    session.writer.begin(session.offsets);
    await this.#commitOffsets(session, resetRecord(offsetsTopic, connector, this.#context.clock.now()));
  }

  async close(): Promise<void> {
    const session = this.#session;
    const cluster = this.#cluster;
    this.#session = null;
    this.#cluster = null;
    await session?.writer.close();
    if (cluster) await closeCluster(cluster);
  }

  /** The position is the last Produce, so that its partition is held by the transaction only shortly. */
  async #commitPosition(session: Session, position: Position): Promise<void> {
    const { connector, offsetsTopic } = this.#settings;
    const { partitions } = session.writer;
    const record = positionRecord(offsetsTopic, { connector, position, partitions }, this.#context.clock.now());
    await this.#commitOffsets(session, record);
  }

  async #commitOffsets({ writer, offsets }: Session, record: OutRecord): Promise<void> {
    await writer.send(Records.of([record]), [offsets]);
    this.#context.failpoint?.('before-commit');
    await writer.commit();
    this.#context.failpoint?.('after-commit');
  }

  #checkClash(claim: Claim | null, identity: SourceIdentity): void {
    if (this.#context.takeOver !== true) checkClash(this.#settings.connector, claim, identity);
  }

  /** The broker's clock runs from the first Produce and is never refreshed. */
  #mustSplit(hasSent: boolean): boolean {
    const { transactionTimeoutMs, split } = this.#settings;
    const openMs = this.#context.clock.now() - this.#openedAt;
    if (openMs < transactionTimeoutMs * SPLIT_AT) return false;
    if (split === 'auto') return true;
    if (!hasSent && openMs >= transactionTimeoutMs) {
      // We are called far more often than that: it was not the transaction that was slow.
      throw new MillraceError(
        'fenced',
        `this process stood still while a Kafka transaction was open, which has outlived its time-out of ${transactionTimeoutMs} ms`,
      );
    }
    throw new MillraceError(
      'transaction-too-long',
      `a source transaction of more than ${this.#rowsInOpen} events does not fit into one Kafka transaction of ${transactionTimeoutMs} ms and transaction.split is "never". ` +
        "Raise kafka.transaction.timeout.ms (and the broker's transaction.max.timeout.ms), or set transaction.split=auto",
    );
  }

  async #claim({ writer, offsets }: Session, introduction: Introduction, before: Stored): Promise<void> {
    const { connector, transactionalId, offsetsTopic, version } = this.#settings;
    const { intentExists = false, ...identity } = introduction;
    // A start that is refused for what it found must not announce it: the next start would take it for ours.
    const intent = intentExists && !isOurs(before, identity) ? '' : identity.intent;
    const number = (before.claim?.number ?? 0) + 1;
    const claim: Claim = { ...identity, intent, connector, transactionalId, host: hostname(), version, number };
    writer.begin(offsets);
    const record = claimRecord(offsetsTopic, claim, this.#context.clock.now());
    await writer.send(Records.of([record]), [offsets]);
    await writer.commit();
  }

  /** The partition of every record. Sizes are checked here, before anything of the batch is sent. */
  async #place(session: Session, records: Records): Promise<readonly PartitionTarget[]> {
    const targets: PartitionTarget[] = [];
    const now = session.writer.open ? 0 : this.#context.clock.now();
    const { layouts } = session;
    await layouts.find(records.topics.filter((topic) => layouts.known(topic, now) === undefined));
    let topic: string | null = null;
    let layout: Layout | undefined;
    for (let i = 0; i < records.length; i++) {
      if (records.topic(i) !== topic) {
        topic = records.topic(i);
        layout = layouts.known(topic, now);
      }
      if (layout === undefined) throw new MillraceError('internal', 'a topic without a layout');
      this.#checkSize(records, i, layout.maxBatchBytes);
      const partition =
        records.partition(i) < 0 ? this.#partition(records, i, layout.targets.length) : records.partition(i);
      targets.push(layout.targets[partition] ?? noPartition(records.topic(i), partition, layout.targets.length));
    }
    return targets;
  }

  /** By the key, which stands first in the tail; without one, in turns. */
  #partition(records: Records, index: number, count: number): number {
    const buffer = records.buffer(index);
    const start = records.tailStart(index);
    const length = readVarint(buffer, start);
    if (length >= 0) {
      const at = start + varintBytes(length);
      return partitionOf(buffer, count, at, at + length);
    }
    this.#roundRobin = (this.#roundRobin + 1) % 0x7fff_ffff;
    return this.#roundRobin % count;
  }

  #checkSize(records: Records, index: number, topicBytes: number): void {
    const { maxRequestBytes } = this.#settings;
    const size = BATCH_HEADER_BYTES + RECORD_HEAD_BYTES + records.tailBytes(index);
    const most = Math.min(maxRequestBytes, topicBytes);
    if (size <= most) return;
    const what = topicBytes <= maxRequestBytes ? "the topic's max.message.bytes" : 'kafka.max.request.size';
    throw new MillraceError(
      'record-rejected',
      `a record of ${size} bytes for topic "${records.topic(index)}" is larger than ${most} bytes (${what}). ` +
        "Raise the topic's max.message.bytes and kafka.max.request.size, or make the payload smaller",
    );
  }

  #held(): Session {
    if (this.#session === null) throw new MillraceError('internal', 'the sink is not open');
    return this.#session;
  }
}

/** No open transaction ends what a committed reader sees of a partition. */
async function isAllVisible(cluster: Cluster, at: PartitionAt): Promise<boolean> {
  const [written] = await endOffsets(cluster, [at], 'written');
  const [stable] = await endOffsets(cluster, [at], 'stable');
  return stable === written;
}

function noPartition(topic: string, partition: number, count: number): never {
  throw new MillraceError(
    'data',
    `a record for topic "${topic}" asks for partition ${partition}: expected 0 to ${count - 1}`,
  );
}

/** What is stored of one connector, read on and on. */
class StoredReader {
  readonly #tail: TopicTail;
  readonly #of: { readonly connector: string; readonly partitions: number };
  #stored: Stored = NOTHING_STORED;
  #named: PartitionList = {};

  constructor(tail: TopicTail, of: { readonly connector: string; readonly partitions: number }) {
    this.#tail = tail;
    this.#of = of;
  }

  async read(upTo: 'end' | 'stable'): Promise<Stored> {
    const records = await this.#tail.read(upTo);
    for (const record of records) this.#named = partitionsOf(record, this.#of.connector) ?? this.#named;
    this.#stored = foldStored(this.#stored, records, this.#of);
    return this.#stored;
  }

  /** The last transaction that wrote a position, decided or not. */
  async last(offsetsPartition: number): Promise<LastTransaction> {
    let partitions = this.#named;
    let isVisible = true;
    for (const record of await this.#tail.peek(offsetsPartition)) {
      const named = partitionsOf(record, this.#of.connector);
      if (named === null) continue;
      partitions = named;
      isVisible = false;
    }
    return { partitions: { ...partitions, [this.#tail.topic]: [offsetsPartition] }, isVisible };
  }
}

function isOurs({ position, claim }: Stored, { system, intent }: SourceIdentity): boolean {
  return position !== null || (claim !== null && claim.system === system && claim.intent === intent);
}

/** Another database under our name, or a time line that is none of ours: two owners by mistake. */
export function checkClash(connector: string, claim: Claim | null, identity: SourceIdentity): void {
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
