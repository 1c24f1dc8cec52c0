/**
 * Faults of kafkajs 2.2.4 that its pure parts show. Each test says what we do instead; those that need a broker are in
 * kafkajs.kafka.test.ts.
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const require = createRequire(import.meta.url);

interface EosManager {
  initProducerId(): Promise<void>;
  beginTransaction(): void;
  addPartitionsToTransaction(topics: object[]): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
  getSequence(topic: string, partition: number): number;
  updateSequence(topic: string, partition: number, by: number): void;
}
const createEosManager = require('kafkajs/src/producer/eosManager') as (options: object) => EosManager;

/** Its transaction manager over a coordinator that does as told. */
async function eosManager(endTxn: () => Promise<void> = async () => {}): Promise<EosManager> {
  const broker = {
    initProducerId: async () => ({ producerId: 7, producerEpoch: 0 }),
    addPartitionsToTxn: async () => {},
    endTxn,
  };
  const manager = createEosManager({
    logger: { debug: () => {} },
    cluster: {
      retry: { retries: 0 },
      refreshMetadataIfNecessary: async () => {},
      findGroupCoordinator: async () => broker,
    },
    transactional: true,
    transactionalId: 't',
  });
  await manager.initProducerId();
  return manager;
}

// Kafka: after 2^31-1 comes 0 (DefaultRecordBatch.incrementSequence); 50,000 records a second to one partition get there
// in twelve hours. Ours counts itself and wraps so (sequence.kafka.test.ts).
test('kafkajs sets a sequence number that passes 2^31 to 0, whatever was left over', async () => {
  const manager = await eosManager();
  manager.updateSequence('t', 0, 2 ** 31 - 10);
  manager.updateSequence('t', 0, 15);
  assert.equal(manager.getSequence('t', 0), 0, 'the broker expects 5 and answers OUT_OF_ORDER_SEQUENCE_NUMBER');
  manager.updateSequence('t', 1, 2 ** 31 - 1);
  assert.equal(manager.getSequence('t', 1), 0, 'the broker expects 2147483647, the last there is');
});

// Ours: crash-only. After any error the writer is good for close alone, and the next open ends what was open.
test('kafkajs cannot do anything after an EndTxn that failed: neither commit nor abort nor begin', async () => {
  let calls = 0;
  const manager = await eosManager(async () => {
    calls++;
    throw new Error('the connection broke: committed or not?');
  });
  manager.beginTransaction();
  await manager.addPartitionsToTransaction([{ topic: 't', partitions: [{ partition: 0 }] }]);
  await assert.rejects(manager.commit(), /connection broke/);
  await assert.rejects(manager.commit(), /Cannot call "commit" in state "COMMITTING"/);
  await assert.rejects(manager.abort(), /Cannot call "abort" in state "COMMITTING"/);
  assert.throws(() => manager.beginTransaction(), /Cannot call "beginTransaction" in state "COMMITTING"/);
  await assert.rejects(manager.initProducerId(), /Cannot call "initProducerId" in state "COMMITTING"/);
  assert.equal(calls, 1);
});

// Ours: the writer waits 1 ms and more by itself (src/kafka/writer.ts); kafkajs' own requests start at 10 ms (client.ts).
test('kafkajs waits 300 ms before its first retry, also for what is normal between two transactions', () => {
  const { initialRetryTime } = require('kafkajs/src/retry/defaults') as { initialRetryTime: number };
  const { createErrorFromCode } = require('kafkajs/src/protocol/error') as {
    readonly createErrorFromCode: (code: number) => { type: string; retriable: boolean };
  };
  const concurrent = createErrorFromCode(51);
  assert.deepEqual([concurrent.type, concurrent.retriable, initialRetryTime], ['CONCURRENT_TRANSACTIONS', true, 300]);
});

interface Entry {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}
const filterAborted = require('kafkajs/src/consumer/filterAbortedMessages') as (options: {
  readonly messages: readonly Entry[];
  readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[];
}) => readonly Entry[];
const entry = (offset: number, producerId: string, key: Buffer | null = null): Entry => ({
  offset: String(offset),
  key,
  batchContext: { producerId, inTransaction: true },
});
const ABORT = Buffer.from([0, 0, 0, 0]);
const offsets = (entries: readonly Entry[]): number[] => entries.map(({ offset }) => Number(offset));

// Ours, in these three: the Java client's rule. Sort the list by its beginnings, enter every transaction that begins at
// or before a batch, and take for markers only what stands in a control batch.
test('kafkajs takes the aborted transactions as listed by their beginnings; brokers list them by their ends', () => {
  const messages = [entry(0, 'A'), entry(1, 'B'), entry(2, 'B', ABORT), entry(3, 'A'), entry(4, 'A', ABORT)];
  const abortedTransactions = [
    { producerId: 'B', firstOffset: '1' },
    { producerId: 'A', firstOffset: '0' },
  ];
  const seen = offsets(filterAborted({ messages, abortedTransactions }));
  assert.ok(seen.includes(0), 'an aborted record is shown as committed');
});

test('kafkajs enters one aborted transaction a record: of two that began before a fetch, the second leaks', () => {
  const messages = [entry(10, 'B'), entry(11, 'A'), entry(12, 'A', ABORT), entry(13, 'B', ABORT)];
  const abortedTransactions = [
    { producerId: 'A', firstOffset: '0' },
    { producerId: 'B', firstOffset: '1' },
  ];
  assert.ok(offsets(filterAborted({ messages, abortedTransactions })).includes(10));
});

test('kafkajs takes a record whose key is four zero bytes for the end of an aborted transaction', () => {
  const messages = [entry(0, 'A'), entry(1, 'A', ABORT), entry(2, 'A'), entry(3, 'A', ABORT)];
  const abortedTransactions = [{ producerId: 'A', firstOffset: '0' }];
  const seen = offsets(filterAborted({ messages, abortedTransactions }));
  assert.ok(seen.includes(1) && seen.includes(2), 'records of the aborted transaction are shown as committed');
});

// Ours: a list. Order, repetitions and nulls are part of the record (contract: headers keep their order …).
test('kafkajs takes headers as an object: names like numbers come first, a null value throws', () => {
  const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => {
    readonly buffer: Buffer;
  };
  const headers = { z: Buffer.from('first'), 10: Buffer.from('second'), 2: Buffer.from('third') };
  const bytes = encodeRecord({ key: null, value: null, headers }).buffer.toString('latin1');
  assert.ok(bytes.indexOf('third') < bytes.indexOf('second') && bytes.indexOf('second') < bytes.indexOf('first'));
  assert.throws(() => encodeRecord({ key: null, value: null, headers: { a: null } }), TypeError);
});
