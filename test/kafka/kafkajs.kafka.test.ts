/** Faults of kafkajs 2.2.4 that a broker shows. Each test says what we do instead. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { type Socket, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Kafka, type KafkaConfig, type Producer, logLevel } from 'kafkajs';
import { readCommitted } from '../../src/kafka/reader.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ends, readWire, textOf, topicReady } from '../support/kafka-wire.ts';
import { committed, freshName, kafka, quiet, waitFor } from '../support/servers.ts';

const bootstrap = await kafka();
const client = (over: Partial<KafkaConfig> = {}): Kafka =>
  new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 10 }, ...over });

async function topicWith(t: TestContext, partitions: number): Promise<string> {
  const topic = freshName('kafkajs');
  const admin = client().admin();
  await admin.connect();
  t.after(() => admin.disconnect());
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: false });
  await topicReady(bootstrap, topic, partitions);
  return topic;
}

async function producerOf(t: TestContext, transactionalId: string, kafkajs = client()): Promise<Producer> {
  const producer = kafkajs.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  t.after(() => producer.disconnect());
  return producer;
}

const settled = (topic: string): Promise<unknown> =>
  waitFor('the transactions to end', async () => {
    const end = await ends(bootstrap, topic, 0);
    return end?.lastStable === end?.highWatermark;
  });

// Ours: main.ts keeps the warning from the user's terminal.
test('kafkajs sets timers in the past, which Node warns of', async (t) => {
  const warnings: string[] = [];
  const listener = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', listener);
  t.after(() => process.off('warning', listener));
  const admin = client().admin();
  await admin.connect();
  await waitFor('the warning', async () => warnings.includes('TimeoutNegativeWarning'));
  await admin.disconnect();
});

// Ours: batches of what the topic takes, as many as there have to be (contract: one commit takes many times the size …).
test('kafkajs makes one batch of all records for a partition: more than about 1 MB in one send is refused', async (t) => {
  const topic = await topicWith(t, 1);
  const transaction = await (await producerOf(t, topic)).transaction();
  const value = Buffer.alloc(400_000);
  await transaction.send({ topic, messages: [{ value }, { value }] });
  await assert.rejects(transaction.send({ topic, messages: [{ value }, { value }, { value }] }), {
    type: 'MESSAGE_TOO_LARGE',
  });
});

// Ours: InitProducerId and a committed claim come before the position is read (contract: a newer owner fences an older one).
test('kafkajs fences nobody when it connects, only when its first transaction begins', async (t) => {
  const topic = await topicWith(t, 1);
  const transaction = await (await producerOf(t, topic)).transaction();
  await transaction.send({ topic, messages: [{ value: 'by the older owner' }] });
  await producerOf(t, topic);
  await transaction.commit();
  await settled(topic);
  assert.deepEqual((await readWire(bootstrap, topic)).map(textOf), ['by the older owner']);
});

// Ours: crash-only, the next open ends it (contract: an owner fenced in the middle of a transaction cannot end it).
test('kafkajs is wedged by a commit that the broker refuses: no abort, no new transaction', async (t) => {
  const topic = await topicWith(t, 1);
  const producer = await producerOf(t, topic);
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ value: 'x' }] });
  await (await producerOf(t, topic)).transaction();
  await assert.rejects(transaction.commit(), { type: 'INVALID_PRODUCER_EPOCH' });
  await assert.rejects(transaction.abort(), /Cannot continue to use transaction once ended/);
  await assert.rejects(producer.transaction(), /Cannot call "beginTransaction" in state "COMMITTING"/);
});

// Ours: milliseconds between tries.
test('kafkajs waits a third of a second when a transaction follows another at once', { timeout: 60_000 }, async (t) => {
  const topic = await topicWith(t, 8);
  const waits: { retryTime: number }[] = [];
  const kafkajs = new Kafka({
    brokers: [bootstrap],
    logLevel: logLevel.ERROR,
    logCreator: () => (line) => {
      const { retryTime, message } = line.log as { retryTime?: number; message: string };
      if (retryTime !== undefined && /concurrent/i.test(message)) waits.push({ retryTime });
    },
  });
  const producer = await producerOf(t, topic, kafkajs);
  for (let n = 0; n < 2000 && waits.length === 0; n++) {
    const transaction = await producer.transaction();
    const messages = Array.from({ length: 8 }, (_, partition) => ({ value: 'x', partition }));
    await transaction.send({ topic, messages });
    await transaction.commit();
  }
  assert.ok((waits[0]?.retryTime ?? 0) >= 200, `expected to be told to wait, got ${JSON.stringify(waits)}`);
});

test('kafkajs calls the last stable offset "high": behind an open transaction it does not see the end', async (t) => {
  const topic = await topicWith(t, 1);
  const transaction = await (await producerOf(t, topic)).transaction();
  await transaction.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] });
  const admin = client().admin();
  await admin.connect();
  t.after(() => admin.disconnect());
  const [offsets] = await admin.fetchTopicOffsets(topic);
  const end = await ends(bootstrap, topic, 0);
  // Ours takes the end from the fetch itself (src/kafka/reader.ts).
  assert.deepEqual([offsets?.high, end?.lastStable, end?.highWatermark], ['0', 0n, 2n]);
  await transaction.abort();
});

test('kafkajs reads only in groups and knows no end; ours reads to the end without a group', async (t) => {
  const consumer = client().consumer({ groupId: freshName('group') });
  assert.equal('assign' in consumer, false);
  const topic = await topicWith(t, 3);
  const producer = await producerOf(t, topic);
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [0, 1, 2].map((partition) => ({ value: String(partition), partition })) });
  await transaction.commit();
  const admin = client().admin();
  await admin.connect();
  t.after(() => admin.disconnect());
  const groups = async (): Promise<number> =>
    (await admin.listGroups()).groups.filter(({ groupId }) => groupId.includes(topic)).length;
  assert.deepEqual(
    (await committed(bootstrap, topic)).map(({ value }) => String(value)),
    ['0', '1', '2'],
  );
  assert.equal(await groups(), 0);
});

test('kafkajs opens a socket for every request that comes before the first is connected, and keeps them open', async (t) => {
  const Connection = createRequire(import.meta.url)('kafkajs/src/network/connection') as new (
    options: object,
  ) => {
    connect(): Promise<void>;
    disconnect(): Promise<void>;
  };
  const sockets = countSockets();
  t.after(() => sockets.closeAll());
  const logger = { namespace: () => logger, debug: () => {}, error: () => {} };
  const [host, port] = bootstrap.split(':');
  const connection = new Connection({
    host,
    port: Number(port),
    logger,
    socketFactory: sockets.factory,
    connectionTimeout: 5000,
    requestTimeout: 5000,
  });
  await Promise.all([1, 2, 3, 4].map(() => connection.connect()));
  assert.equal(sockets.made(), 4);
  await connection.disconnect();
  await waitFor('the last socket to close', async () => sockets.open() < 4);
  assert.equal(sockets.open(), 3, 'nobody has them any more, and nobody closes them');
});

test('our reader opens one connection to fetch from, however many partitions, and leaves none open', async (t) => {
  const topic = await topicWith(t, 12);
  const sockets = countSockets();
  t.after(() => sockets.closeAll());
  const kafkajs = client({ socketFactory: ({ host, port, onConnect }) => sockets.factory({ host, port, onConnect }) });
  await readCommitted(kafkajs, {
    topic,
    deadlineMs: 10_000,
    log: quiet,
    clock: systemClock,
    signal: AbortSignal.timeout(30_000),
  });
  await waitFor('its connections to close', async () => sockets.open() < sockets.made(), 5000);
  assert.deepEqual(
    { made: Math.min(sockets.made(), 4), leftOpen: sockets.open() },
    { made: sockets.made(), leftOpen: 0 },
  );
});

test('kafkajs shows an aborted record as committed when another transaction began later and was aborted earlier', async (t) => {
  const topic = await abortedInTheOtherOrder(t);
  assert.deepEqual((await readWire(bootstrap, topic)).map(textOf), ['committed']);
  const consumer = client().consumer({ groupId: freshName('group') });
  t.after(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen: string[] = [];
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(String(message.value)) });
  await waitFor('the committed record', async () => seen.includes('committed'));
  assert.deepEqual(seen, ['A aborted', 'committed'], 'the first was never committed');
});

test('our reader leaves out aborted records in whatever order their transactions end', async (t) => {
  const topic = await abortedInTheOtherOrder(t);
  assert.deepEqual(
    (await committed(bootstrap, topic)).map(({ value }) => String(value)),
    ['committed'],
  );
});

test('our reader leaves out aborted records whose key looks like a marker', async (t) => {
  const topic = await topicWith(t, 1);
  const producer = await producerOf(t, topic);
  const transaction = await producer.transaction();
  const messages = ['1', '2', '3'].map((value) => ({ key: Buffer.alloc(4), value: `aborted ${value}` }));
  await transaction.send({ topic, messages });
  await transaction.abort();
  await settled(topic);
  assert.deepEqual(
    (await committed(bootstrap, topic)).map(({ value }) => String(value)),
    [],
  );
});

test('our reader leaves out aborted records of transactions that began many fetches before', async (t) => {
  const topic = await topicWith(t, 1);
  const [a, b] = [await producerOf(t, `${topic}.a`), await producerOf(t, `${topic}.b`)];
  const [first, second] = [await a.transaction(), await b.transaction()];
  const padding = 'x'.repeat(900_000);
  const send = (transaction: typeof first, text: string): Promise<unknown> =>
    transaction.send({ topic, messages: [{ value: text + padding }] });
  await send(first, 'aborted');
  await send(second, 'aborted');
  // More than one fetch takes, all of the second transaction, so that the next fetch begins with a record of it.
  for (let n = 0; n < 12; n++) await send(second, 'aborted');
  await first.abort();
  await second.abort();
  const last = await a.transaction();
  await last.send({ topic, messages: [{ value: 'committed' }] });
  await last.commit();
  await settled(topic);
  assert.deepEqual(
    (await committed(bootstrap, topic)).map(({ value }) => String(value).slice(0, 9)),
    ['committed'],
  );
});

/** A begins, B begins, B is aborted, A is aborted: the broker lists B first. Then one record is committed. */
async function abortedInTheOtherOrder(t: TestContext): Promise<string> {
  const topic = await topicWith(t, 1);
  const [a, b] = [await producerOf(t, `${topic}.a`), await producerOf(t, `${topic}.b`)];
  const [first, second] = [await a.transaction(), await b.transaction()];
  await first.send({ topic, messages: [{ value: 'A aborted' }] });
  await second.send({ topic, messages: [{ value: 'B aborted' }] });
  await second.abort();
  await first.abort();
  const last = await a.transaction();
  await last.send({ topic, messages: [{ value: 'committed' }] });
  await last.commit();
  await settled(topic);
  return topic;
}

interface SocketCount {
  readonly factory: (options: { host: string; port: number; onConnect: () => void }) => Socket;
  made(): number;
  open(): number;
  closeAll(): void;
}

function countSockets(): SocketCount {
  const all = new Set<Socket>();
  let made = 0;
  return {
    factory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect);
      made++;
      all.add(socket);
      socket.on('close', () => all.delete(socket));
      return socket;
    },
    made: () => made,
    open: () => all.size,
    closeAll: () => {
      for (const socket of all) socket.destroy();
    },
  };
}
