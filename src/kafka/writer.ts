/**
 * The transactional writer over kafkajs. Crash-only: kafkajs' transaction state cannot recover from a failed EndTxn, so
 * after any error only `close` is left, and the next `open` (InitProducerId) ends whatever was open.
 */
import { type Kafka, type Message as KafkaMessage, Partitioners, type Producer, type Transaction } from 'kafkajs';
import type { OutRecord } from '../change/message.ts';
import { MillraceError } from '../errors.ts';
import { kafkaError } from './client.ts';

/** A record with its partition decided. */
export interface PlacedRecord {
  readonly record: OutRecord;
  readonly partition: number;
}

export interface TransactionalWriter {
  /** True between `begin` and `commit`. */
  readonly open: boolean;
  begin(): Promise<void>;
  /** Produces into the open transaction; records of a partition keep their order. */
  send(records: readonly PlacedRecord[]): Promise<void>;
  /** Resolves when everything sent since `begin` is visible to committed readers. */
  commit(): Promise<void>;
  /** Aborts an open transaction if no answer is outstanding, and closes the connections. */
  close(): Promise<void>;
}

/** kafkajs makes one batch per partition and request; brokers take about 1 MB of it. */
const MAX_BATCH_BYTES = 900_000;
/** kafkajs' sequence numbers do not wrap as the protocol wants at 2^31: open anew long before. */
const MAX_RECORDS = 1_000_000_000;

/** InitProducerId: fences every older owner of the id and aborts what it left open. */
export async function openWriter(
  kafka: Kafka,
  options: { readonly transactionalId: string; readonly timeoutMs: number },
): Promise<TransactionalWriter> {
  const producer = kafka.producer({
    transactionalId: options.transactionalId,
    transactionTimeout: options.timeoutMs,
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  try {
    await producer.connect();
  } catch (error) {
    await producer.disconnect().catch(() => {});
    throw kafkaError(error, `cannot open the transactional producer "${options.transactionalId}"`);
  }
  return new KafkajsWriter(producer);
}

class KafkajsWriter implements TransactionalWriter {
  readonly #producer: Producer;
  #transaction: Transaction | null = null;
  #broken = false;
  #written = 0;

  constructor(producer: Producer) {
    this.#producer = producer;
  }

  get open(): boolean {
    return this.#transaction !== null;
  }

  async begin(): Promise<void> {
    if (this.#written > MAX_RECORDS) {
      throw new MillraceError('kafka-unavailable', 'the producer has written a billion records: a new one takes over');
    }
    await this.#guard('cannot begin a Kafka transaction', async () => {
      this.#transaction = await this.#producer.transaction();
    });
  }

  async send(records: readonly PlacedRecord[]): Promise<void> {
    await this.#guard('cannot write to Kafka', async () => {
      const transaction = this.#held();
      for (const topicMessages of requests(records)) await transaction.sendBatch({ topicMessages, acks: -1 });
      this.#written += records.length;
    });
  }

  async commit(): Promise<void> {
    await this.#guard('cannot commit the Kafka transaction', async () => {
      await this.#held().commit();
      this.#transaction = null;
    });
  }

  async close(): Promise<void> {
    // A Produce without an answer may still arrive: only the next InitProducerId, with its raised epoch, ends it safely.
    if (this.#transaction !== null && !this.#broken) await this.#transaction.abort().catch(() => {});
    this.#transaction = null;
    await this.#producer.disconnect().catch(() => {});
  }

  #held(): Transaction {
    if (this.#transaction === null) throw new MillraceError('internal', 'no Kafka transaction is open');
    return this.#transaction;
  }

  async #guard(doing: string, run: () => Promise<void>): Promise<void> {
    if (this.#broken) throw new MillraceError('internal', 'the writer is used after an error');
    this.#broken = true;
    try {
      await run();
      this.#broken = false;
    } catch (error) {
      throw kafkaError(error, doing);
    }
  }
}

/** Cuts records into requests in which no partition's batch gets too big. */
function* requests(records: readonly PlacedRecord[]): Generator<{ topic: string; messages: KafkaMessage[] }[]> {
  let topics = new Map<string, { messages: KafkaMessage[]; bytes: Map<number, number> }>();
  for (const { record, partition } of records) {
    let entry = topics.get(record.topic);
    const size = 40 + (record.key?.length ?? 0) + (record.value?.length ?? 0) + headerBytes(record);
    if (entry && (entry.bytes.get(partition) ?? 0) + size > MAX_BATCH_BYTES) {
      yield listed(topics);
      topics = new Map();
      entry = undefined;
    }
    if (!entry) {
      entry = { messages: [], bytes: new Map() };
      topics.set(record.topic, entry);
    }
    entry.messages.push(kafkaMessage(record, partition));
    entry.bytes.set(partition, (entry.bytes.get(partition) ?? 0) + size);
  }
  if (topics.size > 0) yield listed(topics);
}

function listed(topics: Map<string, { messages: KafkaMessage[] }>): { topic: string; messages: KafkaMessage[] }[] {
  return Array.from(topics, ([topic, { messages }]) => ({ topic, messages }));
}

function headerBytes(record: OutRecord): number {
  let bytes = 0;
  for (const { name, value } of record.headers) bytes += 10 + name.length * 3 + (value?.length ?? 0);
  return bytes;
}

function kafkaMessage(record: OutRecord, partition: number): KafkaMessage {
  const headers: Record<string, Buffer | Buffer[]> = {};
  for (const { name, value } of record.headers) {
    const earlier = headers[name];
    // kafkajs cannot write a null header; it is left out rather than made an empty value.
    if (value === null) continue;
    headers[name] = earlier === undefined ? value : [...(Array.isArray(earlier) ? earlier : [earlier]), value];
  }
  return { key: record.key, value: record.value, headers, partition, timestamp: String(record.timestampMs) };
}
