/**
 * A coordinator that ends a transaction without telling all of its partitions, as Kafka 4.3.1 does when they have no
 * leader at that moment (docs/decisions/0007). Made here on a broker that does not check what belongs to a transaction:
 * records go to partitions that were never added to it.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Records } from '../../../src/change/records.ts';
import type { OutRecord } from '../../../src/change/message.ts';
import { startKafka } from '../../../src/demo/kafka-server.ts';
import { createKafka } from '../../../src/kafka/client.ts';
import { type Cluster, closeCluster, findCoordinator, openCluster, sendRaw } from '../../../src/kafka/cluster.ts';
import { PRODUCE, produceBound, readProduce, writeProduce } from '../../../src/kafka/produce-request.ts';
import { topicLeaders } from '../../../src/kafka/topics.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { offsetsPartition, positionRecord } from '../../../src/sink/kafka/offsets.ts';
import { createKafkaSink } from '../../../src/sink/kafka/sink.ts';
import { committed, freshName, quiet, waitFor } from '../../support/servers.ts';
import { sinkSettings } from '../../support/sink-settings.ts';

const broker = await startKafka(() => {}, { properties: { 'transaction.partition.verification.enable': false } });
after(() => broker.dispose());
const signal = new AbortController().signal;
const identity = { system: '1', database: 'shop', timeline: 1, ancestors: [1], intent: 'slot' };
const numbered = (topic: string, n: number, partition: number): OutRecord => {
  return { topic, partition, key: null, value: Buffer.from(String(n)), headers: [], timestampMs: Date.now() };
};

/** Two records and a position, of which only the first record's partition is in the transaction; then `end`. */
async function halfTransaction(
  cluster: Cluster,
  of: { connector: string; transactionalId: string; topic: string; offsets: string; end: boolean },
): Promise<void> {
  const { connector, transactionalId, topic, offsets } = of;
  const coordinator = await findCoordinator(cluster, 'transaction', transactionalId);
  const identified = await waitFor('a producer id', () =>
    coordinator.initProducerId({ transactionalId, transactionTimeout: 60_000 }).catch(() => null),
  );
  const { producerId, producerEpoch } = identified;
  await waitFor('the partition to join', () =>
    coordinator
      .addPartitionsToTxn({ transactionalId, producerId, producerEpoch, topics: [{ topic, partitions: [0] }] })
      .then(
        () => true,
        () => null,
      ),
  );
  const context = { cluster, log: quiet, clock: systemClock, signal };
  const leaders = (await topicLeaders(context, offsets)) ?? [];
  const at = offsetsPartition(connector, leaders.length);
  const partitions = { [topic]: [0, 1], [offsets]: [at] };
  const position = { lsn: '0/2', ordinal: 0 };
  const list = [
    numbered(topic, 2, 0),
    numbered(topic, 3, 1),
    { ...positionRecord(offsets, { connector, position, partitions }, Date.now()), partition: at },
  ];
  const records = Records.of(list);
  const parts = list.map((record, i) => {
    const { topic: name, partition } = record;
    return { topic: name, partition: partition ?? 0, records, indexes: [i], bytes: 1000, baseSequence: 0 };
  });
  const options = { clientId: 'test', transactionalId, producerId: BigInt(producerId), epoch: producerEpoch, parts };
  const request = { ...options, timeoutMs: 30_000 };
  const buffer = Buffer.alloc(produceBound(request));
  const leader = await cluster.findBroker({ nodeId: String(leaders[0]) });
  const frame = (id: number): Buffer => writeProduce(buffer, id, request);
  assert.equal(readProduce(await sendRaw(leader, { ...PRODUCE, frame })), null);
  if (of.end) await coordinator.endTxn({ transactionalId, producerId, producerEpoch, transactionResult: true });
}

for (const end of [true, false]) {
  const what = end ? 'committed' : 'left open';
  test(`a transaction that was ${what}, and of which two partitions were not told, is ${end ? 'kept' : 'undone'} as a whole`, async (t) => {
    const connector = freshName('settle');
    const topic = `${connector}.events`;
    const settings = sinkSettings(connector, { bootstrapServers: [broker.bootstrap] });
    const first = createKafkaSink(settings, { log: quiet, clock: systemClock });
    await first.open(identity, signal);
    const before = Records.of([numbered(topic, 0, 0), numbered(topic, 1, 1)]);
    await first.commit(before, { lsn: '0/1', ordinal: 0 }, true);
    await first.close();

    const cluster = await openCluster(createKafka(settings.kafka, quiet));
    t.after(() => closeCluster(cluster));
    const { transactionalId, offsetsTopic: offsets } = settings;
    await halfTransaction(cluster, { connector, transactionalId, topic, offsets, end });

    const lines: string[] = [];
    const log = { ...quiet, warn: (line: string) => void lines.push(line) };
    const second = createKafkaSink(settings, { log, clock: systemClock });
    t.after(() => second.close());
    const opened = await second.open(identity, signal);
    assert.deepEqual(opened.position, { lsn: end ? '0/2' : '0/1', ordinal: 0 });
    assert.match(lines.join('\n'), /ended without 2 of its partitions/);
    await second.commit(Records.of([numbered(topic, 4, 0), numbered(topic, 5, 1)]), { lsn: '0/3', ordinal: 0 }, true);
    const seen = (await committed(broker.bootstrap, topic)).map(({ value }) => Number(String(value)));
    assert.deepEqual(
      seen.sort((a, b) => a - b),
      end ? [0, 1, 2, 3, 4, 5] : [0, 1, 4, 5],
    );
  });
}
