/** SIGTERM in the middle of load, again and again, as every deployment does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rigFor, stopGracefully } from '../support/rig.ts';
import { waitFor } from '../support/servers.ts';

const ROUNDS = 8;

test('SIGTERM under load ends within 5 s with 0, and the next start neither repeats nor misses anything', {
  timeout: 180_000,
}, async (t) => {
  const rig = await rigFor(t, { ledger: { largeEvery: 40 } });
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const run = await rig.start();
    await run.reaches('running');
    if (round === 0) rig.ledger.start();
    // From its first moments to well into a batch.
    if (round % 2 === 0) await rig.delivers(rig.check.delivered + rig.random.between(1, 800));
    took.push(await stopGracefully(run));
    await rig.isWhole();
    assert.equal(rig.log.undecided, 0, 'nothing is left open for readers to wait for');
    // What was committed was acknowledged: the server does not keep it, and does not send it again.
    const { positions } = await rig.history();
    const stored = positions.at(-1);
    assert.equal(stored?.ordinal, 0);
    await waitFor(`the slot to confirm ${stored.lsn}, what Kafka holds`, async () => {
      const { rows } = await rig.database.client.query<{ lsn: string }>(
        'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE database = current_database()',
      );
      return rows[0]?.lsn === stored.lsn;
    });
  }
  t.diagnostic(`stopped ${ROUNDS} times, in ${Math.min(...took)} to ${Math.max(...took)} ms`);
  const last = await rig.start();
  await last.reaches('running');
  await rig.finish();
});

test('SIGTERM before it works, and to a standby, ends with 0 too', { timeout: 60_000 }, async (t) => {
  const rig = await rigFor(t);
  const early = await rig.start();
  await new Promise((resolve) => early.child.stderr?.once('data', resolve));
  await stopGracefully(early);
  const first = await rig.start();
  await first.reaches('running');
  const standby = await rig.start();
  await standby.reaches('standby');
  await stopGracefully(standby);
  rig.ledger.start();
  await rig.delivers(50);
  await rig.finish();
});
