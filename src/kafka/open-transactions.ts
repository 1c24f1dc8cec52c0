/**
 * What is open in a partition and at a coordinator: DescribeProducers gives the producer ids of open transactions,
 * ListTransactions their transactional.id, DescribeTransactions the state of one
 * (https://kafka.apache.org/protocol#The_Messages_DescribeProducers). kafkajs knows none of them. All are "flexible"
 * messages: lengths are variable and one more than they are, and every structure ends with its tags.
 */
import { createRequire } from 'node:module';
import { type Broker, type Cluster, anyBroker, sendRaw } from './cluster.ts';

const DESCRIBE_PRODUCERS = { apiKey: 61, apiVersion: 0, apiName: 'DescribeProducers' } as const;
const LIST_TRANSACTIONS = { apiKey: 66, apiVersion: 0, apiName: 'ListTransactions' } as const;
const DESCRIBE_TRANSACTIONS = { apiKey: 65, apiVersion: 0, apiName: 'DescribeTransactions' } as const;
const TOPIC_AUTHORIZATION_FAILED = 29;
const TRANSACTIONAL_ID_NOT_FOUND = 105;
const NO_TAGS = Buffer.from([0]);

export interface PartitionAt {
  readonly topic: string;
  readonly partition: number;
  /** Node id. */
  readonly leader: number;
}

/** Partitions by topic. */
export type PartitionList = Readonly<Record<string, readonly number[]>>;

export interface TransactionState {
  /** The coordinator's word: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, … */
  readonly state: string;
  readonly timeoutMs: number;
  /** By the coordinator's clock, in milliseconds since 1970-01-01 UTC; null when none is open. */
  readonly startedAtMs: number | null;
  /** Only while it is not complete. */
  readonly partitions: PartitionList;
}

/** The transaction of a transactional.id as its coordinator sees it; null when it knows none. Throws protocol errors. */
export async function describeTransaction(
  coordinator: Broker,
  transactionalId: string,
): Promise<TransactionState | null> {
  const name = Buffer.from(transactionalId);
  const body = Buffer.concat([size(1), size(name.length), name, NO_TAGS]);
  const frame = (id: number): Buffer => frameOf(DESCRIBE_TRANSACTIONS, id, body);
  const { code, transaction } = readTransaction(await sendRaw(coordinator, { ...DESCRIBE_TRANSACTIONS, frame }));
  if (code === TRANSACTIONAL_ID_NOT_FOUND) return null;
  if (code !== 0) throw errorFromCode(code);
  return transaction;
}

const { createErrorFromCode: errorFromCode } = createRequire(import.meta.url)('kafkajs/src/protocol/error') as {
  createErrorFromCode: (code: number) => Error;
};

/**
 * Whether a producer has a transaction open in a partition; null without the right to know (READ on the topic). Throws
 * protocol errors.
 */
export async function isOpen(cluster: Cluster, at: PartitionAt, producerId: bigint): Promise<boolean | null> {
  const { code, open } = await openIn(cluster, at);
  if (code === TOPIC_AUTHORIZATION_FAILED) return null;
  if (code !== 0) throw errorFromCode(code);
  return open.some((each) => each.producerId === producerId);
}

async function openIn(cluster: Cluster, at: PartitionAt): Promise<ProducersAnswer> {
  const leader = await cluster.findBroker({ nodeId: String(at.leader) });
  const frame = (id: number): Buffer => frameOf(DESCRIBE_PRODUCERS, id, describeProducers(at.topic, at.partition));
  return readProducers(await sendRaw(leader, { ...DESCRIBE_PRODUCERS, frame }));
}

export interface OpenTransaction {
  readonly producerId: bigint;
  /** Where it begins in the partition. */
  readonly startOffset: bigint;
  /** Of its last record, by its producer's clock, in milliseconds since 1970-01-01 UTC. */
  readonly lastAtMs: number;
}

interface ProducersAnswer {
  readonly code: number;
  readonly open: OpenTransaction[];
}

/** The first open transaction of a partition; null when there is none, or without the right to know. Throws protocol errors. */
export async function firstOpen(
  cluster: Cluster,
  at: PartitionAt,
): Promise<(OpenTransaction & { readonly transactionalId: string | null }) | null> {
  const { code, open } = await openIn(cluster, at);
  if (code === TOPIC_AUTHORIZATION_FAILED) return null;
  if (code !== 0) throw errorFromCode(code);
  const first = open.sort((a, b) => (a.startOffset < b.startOffset ? -1 : 1))[0];
  if (first === undefined) return null;
  return { ...first, transactionalId: await transactionalIdOf(cluster, first.producerId) };
}

/**
 * In words, the producer of the first open transaction of a partition, such as `"shop-relay" (producer id 4001)`. Null
 * when there is none, or when the brokers do not tell us.
 */
export async function holderOf(cluster: Cluster, at: PartitionAt): Promise<string | null> {
  try {
    const { open } = await openIn(cluster, at);
    const first = open.sort((a, b) => (a.startOffset < b.startOffset ? -1 : 1))[0];
    if (first === undefined) return null;
    const name = await transactionalIdOf(cluster, first.producerId);
    return `${name === null ? '' : `"${name}" `}(producer id ${first.producerId})`;
  } catch {
    // Only for a message: without the right to ask, the message goes without a name.
    return null;
  }
}

async function transactionalIdOf(cluster: Cluster, producerId: bigint): Promise<string | null> {
  await anyBroker(cluster);
  for (const nodeId of Object.keys(cluster.brokerPool.brokers)) {
    // Every broker knows the transactions that it coordinates.
    const broker = await cluster.findBroker({ nodeId });
    const frame = (id: number): Buffer => frameOf(LIST_TRANSACTIONS, id, listTransactions(producerId));
    const name = readTransactions(await sendRaw(broker, { ...LIST_TRANSACTIONS, frame }));
    if (name !== null) return name;
  }
  return null;
}

/** Request header 2: key, version, correlation id, no client id, no tags. */
function frameOf(api: { readonly apiKey: number; readonly apiVersion: number }, id: number, body: Buffer): Buffer {
  const head = Buffer.alloc(15);
  head.writeInt32BE(11 + body.length, 0);
  head.writeInt16BE(api.apiKey, 4);
  head.writeInt16BE(api.apiVersion, 6);
  head.writeInt32BE(id, 8);
  head.writeInt16BE(-1, 12);
  return Buffer.concat([head, body]);
}

function describeProducers(topic: string, partition: number): Buffer {
  const index = Buffer.alloc(4);
  index.writeInt32BE(partition);
  const name = Buffer.from(topic);
  return Buffer.concat([size(1), size(name.length), name, size(1), index, NO_TAGS, NO_TAGS]);
}

function listTransactions(producerId: bigint): Buffer {
  const id = Buffer.alloc(8);
  id.writeBigInt64BE(producerId);
  return Buffer.concat([size(0), size(1), id, NO_TAGS]);
}

/** Open transactions of the one partition that was asked for, and the broker's error code. */
export function readProducers(payload: Buffer): ProducersAnswer {
  const reader = new CompactReader(payload);
  reader.skip(1 + 4); // the header's tags, throttle time
  const open: OpenTransaction[] = [];
  let code = 0;
  for (let topics = reader.size(); topics > 0; topics--) {
    reader.skip(reader.size());
    for (let partitions = reader.size(); partitions > 0; partitions--) {
      reader.skip(4);
      code ||= reader.i16();
      reader.skip(reader.size());
      for (let producers = reader.size(); producers > 0; producers--) {
        const producerId = reader.i64();
        reader.skip(4 + 4); // epoch, last sequence
        const lastAtMs = Number(reader.i64());
        reader.skip(4); // the coordinator's epoch
        const startOffset = reader.i64();
        reader.tags();
        if (startOffset >= 0n) open.push({ producerId, startOffset, lastAtMs });
      }
      reader.tags();
    }
    reader.tags();
  }
  return { code, open };
}

/** The answer about the one transaction that was asked for. */
export function readTransaction(payload: Buffer): { readonly code: number; readonly transaction: TransactionState } {
  const reader = new CompactReader(payload);
  reader.skip(1 + 4); // the header's tags, throttle time
  reader.size();
  const code = reader.i16();
  reader.skip(reader.size()); // its id
  const state = reader.text(reader.size());
  const timeoutMs = reader.i32();
  const startedAt = Number(reader.i64());
  reader.skip(8 + 2); // producer id, epoch
  const partitions: Record<string, number[]> = {};
  for (let topics = reader.size(); topics > 0; topics--) {
    const of: number[] = [];
    partitions[reader.text(reader.size())] = of;
    for (let count = reader.size(); count > 0; count--) of.push(reader.i32());
    reader.tags();
  }
  return { code, transaction: { state, timeoutMs, startedAtMs: startedAt < 0 ? null : startedAt, partitions } };
}

/** The transactional.id of the first transaction listed, or null. */
export function readTransactions(payload: Buffer): string | null {
  const reader = new CompactReader(payload);
  reader.skip(1 + 4 + 2); // the header's tags, throttle time, error code
  for (let filters = reader.size(); filters > 0; filters--) reader.skip(reader.size());
  return reader.size() > 0 ? reader.text(reader.size()) : null;
}

/** A length or a count: one more than it is, in seven bits a byte; 0 is null. */
function size(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value + 1;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

class CompactReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  i16(): number {
    this.#at += 2;
    return this.#buffer.readInt16BE(this.#at - 2);
  }

  i32(): number {
    this.#at += 4;
    return this.#buffer.readInt32BE(this.#at - 4);
  }

  i64(): bigint {
    this.#at += 8;
    return this.#buffer.readBigInt64BE(this.#at - 8);
  }

  size(): number {
    return Math.max(0, this.#unsigned() - 1);
  }

  text(bytes: number): string {
    this.#at += bytes;
    return this.#buffer.toString('utf8', this.#at - bytes, this.#at);
  }

  tags(): void {
    for (let count = this.#unsigned(); count > 0; count--) {
      this.#unsigned();
      this.skip(this.#unsigned());
    }
  }

  #unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#buffer.readUInt8(this.#at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}
