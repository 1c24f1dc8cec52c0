/**
 * The transactional writer: our own state of a Kafka transaction on kafkajs' connections. Crash-only: after any error
 * only `close` is left, and the next `open` (InitProducerId) ends whatever was open.
 */
import { createRequire } from 'node:module';
import type { Records } from '../change/records.ts';
import { MillraceError } from '../errors.ts';
import type { Clock } from '../ports.ts';
import { errorType, kafkaError } from './client.ts';
import { type Broker, type Cluster, type Connection, findCoordinator, readyConnection, sendOn } from './cluster.ts';
import { type PartitionList, type TransactionState, describeTransaction, isOpen } from './open-transactions.ts';
import { PRODUCE, type ProducePart, produceBound, readProduce, writeProduce } from './produce-request.ts';
import { BATCH_HEADER_BYTES, RECORD_HEAD_BYTES } from './record-batch.ts';
import { endOffsets } from './topics.ts';

/** A partition to write to; kept by whoever places records, so that nothing is looked up per record. */
export class PartitionTarget {
  readonly topic: string;
  readonly partition: number;
  /** Node id of the leader. */
  leader: number;
  /** Largest batch that the topic takes (max.message.bytes). */
  maxBatchBytes: number;
  /** Next sequence number of this producer in this partition. */
  sequence = 0;
  /** In the open transaction. */
  joined = false;
  /** Records of the list in hand that go into the next request. */
  indexes: number[] = [];
  bytes = 0;
  /** Offset of the last record in the open transaction; -1 when there is none. */
  lastOffset = -1n;

  constructor(at: { topic: string; partition: number; leader: number; maxBatchBytes: number }) {
    this.topic = at.topic;
    this.partition = at.partition;
    this.leader = at.leader;
    this.maxBatchBytes = at.maxBatchBytes;
  }
}

export interface TransactionalWriter {
  /** True between `begin` and `commit`. */
  readonly open: boolean;
  /** The partitions of the open transaction. */
  readonly partitions: PartitionList;
  /** Begins a transaction; `last` joins it with the first send, though nothing is written to it before `commit`. */
  begin(last: PartitionTarget): void;
  /** Produces record i of the list to `targets[i]`; records of a partition keep their order. */
  send(records: Records, targets: readonly PartitionTarget[]): Promise<void>;
  /** Resolves when everything sent since `begin` is durable and visible in every partition. */
  commit(): Promise<void>;
  /** The transaction of the owner before us as its coordinator saw it when we took over. */
  readonly previous: TransactionState | null;
  readonly producerId: bigint;
  /** Tells partitions once more how the last transaction of this transactional.id ended there. */
  settle(targets: readonly PartitionTarget[], ending: 'commit' | 'abort'): Promise<void>;
  /** Aborts an open transaction if no answer is outstanding; the caller closes the connections. */
  close(): Promise<void>;
}

export interface WriterOptions {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  readonly clientId: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface TargetPart extends ProducePart {
  readonly target: PartitionTarget;
}

/** How much is encoded before it is sent; a request is far below a broker's socket.request.max.bytes. */
const MAX_REQUEST_BYTES = 1024 * 1024;
/** Brokers keep track of five unanswered batches of a producer and partition. */
const MAX_IN_FLIGHT = 4;
/** Buffers are made in steps of this size, so that one fits the next request too. */
const BUFFER_STEP = 256 * 1024;
/** A marker is written within milliseconds. */
const ASK_AFTER_MS = 500;
const CONFIRM_WITHIN_MS = 10_000;
const NEVER_ABORTED = new AbortController().signal;
const OPEN_WITHIN_MS = 60_000;
const JOIN_WITHIN_MS = 30_000;
/** Answers that mean: the same request again, soon. */
const OPEN_AGAIN = new Set([
  'CONCURRENT_TRANSACTIONS',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
]);

/** InitProducerId: fences every older owner of the id and aborts what it left open. */
export async function openWriter(cluster: Cluster, options: WriterOptions): Promise<TransactionalWriter> {
  const { transactionalId, timeoutMs, clock, signal } = options;
  const until = clock.now() + OPEN_WITHIN_MS;
  for (let waitMs = 2; ; waitMs = Math.min(100, waitMs * 2)) {
    try {
      const coordinator = await findCoordinator(cluster, 'transaction', transactionalId);
      const previous = await describeTransaction(coordinator, transactionalId);
      const identity = await coordinator.initProducerId({ transactionalId, transactionTimeout: timeoutMs });
      return new Writer({ cluster, coordinator, previous, ...identity }, options);
    } catch (error) {
      if (!OPEN_AGAIN.has(errorType(error)) || clock.now() > until) {
        throw kafkaError(error, `cannot open the transactional producer "${transactionalId}"`);
      }
    }
    await clock.sleep(waitMs, signal);
  }
}

/** One topic of several is refused, and the answer does not say which. */
const REFUSED_AMONG_OTHERS = new Set(['OPERATION_NOT_ATTEMPTED', 'TOPIC_AUTHORIZATION_FAILED']);

class Writer implements TransactionalWriter {
  readonly #cluster: Cluster;
  readonly #coordinator: Broker;
  readonly #producerId: string;
  readonly #epoch: number;
  readonly #options: WriterOptions;
  readonly #buffers: Buffer[] = [];
  readonly #filled: PartitionTarget[] = [];
  readonly #joined: PartitionTarget[] = [];
  #filledBytes = 0;
  #last: PartitionTarget | null = null;
  #broken = false;

  readonly previous: TransactionState | null;

  constructor(
    opened: {
      readonly cluster: Cluster;
      readonly coordinator: Broker;
      readonly previous: TransactionState | null;
      readonly producerId: string;
      readonly producerEpoch: number;
    },
    options: WriterOptions,
  ) {
    this.#cluster = opened.cluster;
    this.#coordinator = opened.coordinator;
    this.#producerId = opened.producerId;
    this.#epoch = opened.producerEpoch;
    this.previous = opened.previous;
    this.#options = options;
  }

  get producerId(): bigint {
    return BigInt(this.#producerId);
  }

  get open(): boolean {
    return this.#last !== null;
  }

  get partitions(): PartitionList {
    const list: Record<string, number[]> = {};
    for (const { topic, partition } of this.#joined) (list[topic] ??= []).push(partition);
    return list;
  }

  begin(last: PartitionTarget): void {
    if (this.#broken || this.#last !== null) throw new MillraceError('internal', 'a Kafka transaction is open already');
    this.#last = last;
  }

  async send(records: Records, targets: readonly PartitionTarget[]): Promise<void> {
    await this.#guard('cannot write to Kafka', async () => {
      await this.#join(targets);
      const unanswered = new Set<Promise<void>>();
      for (let i = 0; i < records.length; i++) {
        const target = targets[i] as PartitionTarget;
        const bytes = RECORD_HEAD_BYTES + records.tailBytes(i);
        const full = target.indexes.length > 0 && target.bytes + bytes > target.maxBatchBytes - BATCH_HEADER_BYTES;
        if (full || this.#filledBytes + bytes > MAX_REQUEST_BYTES) await this.#flush(records, unanswered);
        if (target.indexes.length === 0) this.#filled.push(target);
        target.indexes.push(i);
        target.bytes += bytes;
        this.#filledBytes += bytes;
      }
      await this.#flush(records, unanswered);
      await Promise.all(unanswered);
    });
  }

  async commit(): Promise<void> {
    await this.#guard('cannot commit the Kafka transaction', async () => {
      await this.#coordinator.endTxn({ ...this.#identity(), transactionResult: true });
      await this.#confirm();
      this.#ended();
    });
  }

  async settle(targets: readonly PartitionTarget[], ending: 'commit' | 'abort'): Promise<void> {
    await this.#guard('cannot settle the last Kafka transaction', async () => {
      const topics = new Map<string, number[]>();
      for (const { topic, partition } of targets) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
      await this.#add(topics);
      await this.#coordinator.endTxn({ ...this.#identity(), transactionResult: ending === 'commit' });
    });
  }

  async close(): Promise<void> {
    // A Produce without an answer may still arrive: only the next InitProducerId, with its raised epoch, ends it safely.
    if (!this.#broken && this.#joined.length > 0) {
      await this.#coordinator.endTxn({ ...this.#identity(), transactionResult: false }).catch(() => {});
    }
    this.#ended();
    this.#broken = true;
  }

  /**
   * EndTxn is answered before the partitions hear of it, and a coordinator forgets a partition that has no leader at
   * that moment (Kafka 4.3.1, docs/decisions/0007): its records would stay undecided, and the next transaction to be
   * aborted there would take them along. So nothing is acknowledged, and no other transaction begun, before a committed
   * reader sees the records.
   */
  async #confirm(): Promise<void> {
    const { clock } = this.#options;
    const startedAt = clock.now();
    let open = this.#joined.filter((target) => target.lastOffset >= 0n);
    for (let waitMs = 1; ; waitMs = Math.min(20, waitMs * 2)) {
      const stable = await endOffsets(this.#cluster, open, 'stable');
      open = open.filter((_, i) => (stable[i] ?? -1n) <= (open[i]?.lastOffset ?? 0n));
      const waitedMs = clock.now() - startedAt;
      // Somebody else's transaction may hold the partition up; then it is only ours that matters.
      if (waitedMs > ASK_AFTER_MS) open = await this.#stillOpen(open);
      const [first] = open;
      if (first === undefined) return;
      if (waitedMs > CONFIRM_WITHIN_MS) {
        const { topic, partition, lastOffset } = first;
        throw new MillraceError(
          'kafka-unavailable',
          `a committed transaction is not visible in topic "${topic}" partition ${partition} up to offset ${lastOffset} after ${waitedMs} ms: ` +
            'the coordinator did not tell the partition. The next run does',
        );
      }
      await clock.sleep(waitMs, NEVER_ABORTED);
    }
  }

  async #stillOpen(targets: readonly PartitionTarget[]): Promise<PartitionTarget[]> {
    const answers = await Promise.all(targets.map((target) => isOpen(this.#cluster, target, this.producerId)));
    return targets.filter((_, i) => answers[i] === true);
  }

  #ended(): void {
    for (const target of this.#joined) {
      target.joined = false;
      target.lastOffset = -1n;
    }
    this.#joined.length = 0;
    this.#last = null;
  }

  /** AddPartitionsToTxn for what is new in this transaction. */
  async #join(targets: readonly PartitionTarget[]): Promise<void> {
    const topics = new Map<string, number[]>();
    const add = (target: PartitionTarget): void => {
      if (target.joined) return;
      target.joined = true;
      this.#joined.push(target);
      const partitions = topics.get(target.topic);
      if (partitions) partitions.push(target.partition);
      else topics.set(target.topic, [target.partition]);
    };
    for (const target of targets) if (!target.joined) add(target);
    if (this.#last === null) throw new MillraceError('internal', 'no Kafka transaction is open');
    add(this.#last);
    if (topics.size > 0) await this.#add(topics);
  }

  async #add(topics: ReadonlyMap<string, readonly number[]>): Promise<void> {
    const request = {
      ...this.#identity(),
      topics: Array.from(topics, ([topic, partitions]) => ({ topic, partitions })),
    };
    const { clock } = this.#options;
    const until = clock.now() + JOIN_WITHIN_MS;
    for (let waitMs = 1; ; waitMs = Math.min(50, waitMs * 2)) {
      try {
        await this.#coordinator.addPartitionsToTxn(request);
        return;
      } catch (error) {
        if (topics.size > 1 && REFUSED_AMONG_OTHERS.has(errorType(error))) return this.#joinEach(request.topics);
        // The markers of the transaction before are still being written: normal when transactions follow each other.
        if (errorType(error) !== 'CONCURRENT_TRANSACTIONS' || clock.now() > until) {
          throw kafkaError(error, `cannot add ${inWords(topics.keys())} to a Kafka transaction`);
        }
      }
      // A stop lets the commit in hand end: it does not cut this short.
      await clock.sleep(waitMs, NEVER_ABORTED);
    }
  }

  /** All of them were refused because of one, and kafkajs tells only what became of the first: that one is asked for. */
  async #joinEach(
    topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  ): Promise<void> {
    for (const each of topics) {
      try {
        await this.#coordinator.addPartitionsToTxn({ ...this.#identity(), topics: [each] });
      } catch (error) {
        throw kafkaError(error, `cannot add ${inWords([each.topic])} to a Kafka transaction`);
      }
    }
  }

  /** Sends what is filled, a request to each leader, and waits only when too many are unanswered. */
  async #flush(records: Records, unanswered: Set<Promise<void>>): Promise<void> {
    if (this.#filled.length === 0) return;
    const byLeader = Map.groupBy(this.#filled, (target) => target.leader);
    for (const [leader, targets] of byLeader) {
      const parts = targets
        .map((target) => partOf(target, records))
        .sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0));
      // Waited for here: requests that wait each for themselves (to connect, to authenticate again) overtake each other.
      const connection = await readyConnection(await this.#cluster.findBroker({ nodeId: String(leader) }));
      const answered: Promise<void> = this.#produce(connection, parts).then(() => void unanswered.delete(answered));
      // Awaited by whoever empties the set; until then a rejection must not count as unhandled.
      answered.catch(() => {});
      unanswered.add(answered);
    }
    for (const target of this.#filled) {
      target.indexes = [];
      target.bytes = 0;
    }
    this.#filled.length = 0;
    this.#filledBytes = 0;
    while (unanswered.size >= MAX_IN_FLIGHT) await Promise.race(unanswered);
  }

  async #produce(connection: Connection, parts: readonly TargetPart[]): Promise<void> {
    const { transactionalId, clientId } = this.#options;
    const options = {
      clientId,
      transactionalId,
      parts,
      timeoutMs: 30_000,
      producerId: BigInt(this.#producerId),
      epoch: this.#epoch,
    };
    const buffer = this.#buffer(produceBound(options));
    const frame = (correlationId: number): Buffer => writeProduce(buffer, correlationId, options);
    const failure = readProduce(await sendOn(connection, { ...PRODUCE, frame }), (topic, partition, baseOffset) => {
      const part = parts.find((each) => each.partition === partition && each.topic === topic);
      if (part) part.target.lastOffset = baseOffset + BigInt(part.indexes.length - 1);
    });
    this.#buffers.push(buffer);
    if (failure === null) return;
    const { topic, partition, code, message } = failure;
    const cause = errorFromCode(code);
    const where = `topic "${topic}" partition ${partition}`;
    throw kafkaError(cause, `${where} refused a batch${message === null ? '' : ` (${message})`}`);
  }

  /** A buffer that the broker has answered for may be written again. */
  #buffer(bytes: number): Buffer {
    const at = this.#buffers.findIndex((buffer) => buffer.length >= bytes);
    const [found] = at < 0 ? [] : this.#buffers.splice(at, 1);
    if (found) return found;
    this.#buffers.length = Math.min(this.#buffers.length, MAX_IN_FLIGHT);
    return Buffer.allocUnsafeSlow(Math.ceil(bytes / BUFFER_STEP) * BUFFER_STEP);
  }

  #identity(): { transactionalId: string; producerId: string; producerEpoch: number } {
    const { transactionalId } = this.#options;
    return { transactionalId, producerId: this.#producerId, producerEpoch: this.#epoch };
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

/** Names of topics, the first few of them. */
function inWords(topics: Iterable<string>): string {
  const names = Array.from(topics, (topic) => `"${topic}"`);
  return `topic ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
}

/** Takes the filled records; sequence numbers go from 2^31 - 1 back to 0. */
function partOf(target: PartitionTarget, records: Records): TargetPart {
  const { topic, partition, indexes, bytes, sequence } = target;
  target.sequence = (sequence + indexes.length) % 2 ** 31;
  return { topic, partition, records, indexes, bytes, baseSequence: sequence, target };
}

const { createErrorFromCode: errorFromCode } = createRequire(import.meta.url)('kafkajs/src/protocol/error') as {
  createErrorFromCode: (code: number) => Error;
};
