/** One row that cannot be delivered: what came before it is, nothing after it, and mending it loses nothing. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import { freshOutbox, upTo } from '../support/outbox.ts';
import { startMillrace } from '../support/process.ts';
import { waitFor } from '../support/servers.ts';

async function failed(t: TestContext, connector: Parameters<typeof startMillrace>[0]): Promise<string> {
  const run = await startMillrace(connector);
  t.after(() => run.child.kill('SIGKILL'));
  assert.equal((await run.exited).code, 1);
  return run.log();
}

test('a record larger than its topic takes is found among others, and goes through when the topic takes it', async (t) => {
  const at = await freshOutbox(t, { 'kafka.max.request.size': 5_000_000 });
  const first = await startMillrace(at.connector);
  t.after(() => first.child.kill('SIGKILL'));
  await first.reaches('running');
  await at.insert(1, 1);
  await waitFor('the first record', async () => (await at.numbers()).length === 1);
  first.child.kill('SIGTERM');
  await first.exited;
  // While nothing runs, so that all of it is one batch.
  for (let n = 2; n <= 20; n++) await at.insert(n, 1, n === 12 ? 2_000_000 : 10);
  const log = await failed(t, at.connector);
  assert.match(
    log,
    /record of 2\d{6} bytes for topic \S+ is larger than 1048588 bytes \(the topic's max\.message\.bytes\)/,
  );
  assert.match(log, /"kind":"poison-record"/);
  assert.match(
    log,
    /It is in source transaction \d+, committed at [0-9A-F]+\/[0-9A-F]+; everything before that transaction is delivered/,
  );
  assert.deepEqual(await at.numbers(), upTo(11));
  const admin = new Kafka({ brokers: [at.bootstrap], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: 2, name: at.topic, configEntries: [{ name: 'max.message.bytes', value: '5000000' }] }],
  });
  await admin.disconnect();
  const last = await startMillrace(at.connector);
  t.after(() => last.child.kill('SIGKILL'));
  await waitFor('all records', async () => (await at.numbers()).length >= 20);
  await at.insert(21, 1);
  await waitFor('one more', async () => (await at.numbers()).length >= 21);
  assert.deepEqual(await at.numbers(), upTo(21));
  last.child.kill('SIGTERM');
  await last.exited;
});

test('a row that makes no topic name stops the connector behind what came before it', async (t) => {
  const at = await freshOutbox(t);
  const first = await startMillrace(at.connector);
  t.after(() => first.child.kill('SIGKILL'));
  await first.reaches('running');
  first.child.kill('SIGTERM');
  await first.exited;
  await at.insert(1, 5);
  await at.db.client.query(
    "INSERT INTO outbox VALUES (gen_random_uuid(), 'no/topic', '1', 'Created', '{\"secret\":1}')",
  );
  await at.insert(6, 5);
  const log = await failed(t, at.connector);
  assert.match(log, /makes no legal topic name.*It is in source transaction \d+, committed at /);
  assert.ok(!log.includes('no/topic') && !log.includes('secret'), 'no row value in a log');
  assert.deepEqual(await at.numbers(), upTo(5));
});
