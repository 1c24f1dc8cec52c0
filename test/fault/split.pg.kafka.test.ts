/** A source transaction that outlasts the Kafka transaction time-out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Rig, kill, rigFor } from '../support/rig.ts';
import { waitFor } from '../support/servers.ts';

/** The shortest there is: split after 0.75 s. */
const TIMEOUT_MS = 1000;
/** Takes longer than that, also on a fast machine. */
const ROWS = 250_000;
const SMALL_UP_TO = 100;
const config = { 'kafka.transaction.timeout.ms': TIMEOUT_MS, 'max.queue.size.in.bytes': 65_536 };

/** How often a Kafka transaction ended inside a source transaction. */
async function splits(rig: Rig): Promise<number> {
  const { positions } = await rig.history();
  return positions.filter(({ ordinal }) => ordinal > 0).length;
}

test('transaction.split=auto splits it, and kill -9 inside the split transaction resumes exactly there', {
  timeout: 180_000,
}, async (t) => {
  const rig = await rigFor(t, { config, ledger: { largeEvery: 0 }, wholeUpTo: SMALL_UP_TO });
  let run = await rig.start();
  await run.reaches('running');
  await rig.ledger.commitLarge(ROWS);
  let kills = 0;
  for (let seen = 0; kills < 3; ) {
    // A part of it is visible, so the position stands inside it.
    await waitFor('another part of it', async () => {
      await rig.look();
      return rig.check.delivered > seen;
    });
    seen = rig.check.delivered;
    if (seen >= ROWS) break;
    await new Promise((resolve) => setTimeout(resolve, rig.random.between(0, 500)));
    await kill(run);
    kills++;
    run = await rig.start();
  }
  assert.ok(kills > 0, 'it was killed inside the split transaction');
  rig.ledger.start();
  await rig.delivers(ROWS + 500);
  await rig.finish();
  t.diagnostic(`${kills} kills, ${await splits(rig)} splits`);
  assert.ok((await splits(rig)) > 0);
});

test('transaction.split=auto under load: large ones are split, small ones stay whole', {
  timeout: 180_000,
}, async (t) => {
  const rig = await rigFor(t, {
    config,
    ledger: { largeEvery: 20, largeRows: 40_000, rowsPerSecond: 8000 },
    wholeUpTo: SMALL_UP_TO,
  });
  let run = await rig.start();
  await run.reaches('running');
  rig.ledger.start();
  for (let kills = 0; kills < 5; kills++) {
    await rig.delivers(rig.check.delivered + rig.random.between(1000, 10_000));
    await kill(run);
    run = await rig.start();
  }
  await rig.finish();
  t.diagnostic(`5 kills, ${await splits(rig)} splits`);
});

test('transaction.split=never stops with an error that says how many rows there were', {
  timeout: 120_000,
}, async (t) => {
  const rig = await rigFor(t, { config: { ...config, 'transaction.split': 'never' } });
  const run = await rig.start();
  await run.reaches('running');
  await rig.ledger.commitLarge(ROWS);
  const { code } = await run.exited;
  assert.equal(code, 1);
  assert.match(run.log(), /"kind":"transaction-too-long"/);
  assert.match(run.log(), /a source transaction of more than \d{4,} events does not fit .* of 1000 ms/);
  await rig.isWhole();
  await waitFor('nothing to be left open', async () => {
    await rig.look();
    return rig.log.undecided === 0;
  });
  assert.equal(rig.check.delivered, 0, 'none of it was delivered');
});
