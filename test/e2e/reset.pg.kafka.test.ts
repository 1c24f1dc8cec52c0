import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kafka, Partitioners, logLevel } from 'kafkajs';
import { freshOutbox } from '../support/outbox.ts';
import { startMillrace } from '../support/process.ts';
import { waitFor } from '../support/servers.ts';

test('a tombstone resets the stored position: the connector starts anew with a new slot, as the README says', async (t) => {
  const at = await freshOutbox(t);
  const first = await startMillrace(at.connector);
  t.after(() => first.child.kill('SIGKILL'));
  await first.reaches('running');
  await at.insert(1, 2);
  await waitFor('the records', async () => (await at.numbers()).length === 2);
  first.child.kill('SIGTERM');
  await first.exited;
  await at.db.client.query(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()',
  );
  await at.insert(3, 2);
  const refused = await startMillrace(at.connector);
  t.after(() => refused.child.kill('SIGKILL'));
  assert.equal((await refused.exited).code, 1);
  assert.match(refused.log(), /Reset the stored position to start anew with a new slot/);
  const kafka = new Kafka({ brokers: [at.bootstrap], logLevel: logLevel.NOTHING });
  // Kafka's own partitioner, as every tool has it.
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const key = `{"connector":"${at.connector.name}"}`;
  await producer.send({ topic: String(at.connector.config['offsets.topic']), messages: [{ key, value: null }] });
  await producer.disconnect();
  const anew = await startMillrace(at.connector);
  t.after(() => anew.child.kill('SIGKILL'));
  await anew.reaches('running');
  await at.insert(5, 2);
  await waitFor('the records behind the gap', async () => (await at.numbers()).length >= 4);
  assert.deepEqual(await at.numbers(), [1, 2, 5, 6]);
  anew.child.kill('SIGTERM');
  await anew.exited;
});
