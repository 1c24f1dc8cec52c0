import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshOutbox } from '../support/outbox.ts';
import { startMillrace } from '../support/process.ts';
import { waitFor } from '../support/servers.ts';

test('a slot of unknown origin is refused at every start, not only at the first, until slot.adopt says to take it', async (t) => {
  const outbox = await freshOutbox(t);
  const { name, config } = outbox.connector;
  await outbox.db.client.query(`CREATE PUBLICATION millrace_${name} FOR TABLE outbox`);
  await outbox.db.client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [`millrace_${name}`]);
  for (const start of ['first', 'second', 'third']) {
    // The claim of a refused start must not announce the slot to the next.
    const refused = await startMillrace(outbox.connector);
    t.after(() => refused.child.kill('SIGKILL'));
    assert.equal((await refused.exited).code, 1, `${start}: ${refused.log()}`);
    assert.match(refused.log(), /exists, but Kafka holds no position.*Set slot\.adopt=true/);
  }
  await outbox.insert(1, 3);
  for (const adopting of [{ name, config: { ...config, 'slot.adopt': true } }, outbox.connector]) {
    const run = await startMillrace(adopting);
    t.after(() => run.child.kill('SIGKILL'));
    await run.reaches('running');
    await waitFor('3 records', async () => (await outbox.numbers()).length >= 3);
    run.child.kill('SIGTERM');
    assert.deepEqual(await run.exited, { code: 0, signal: null });
  }
});
