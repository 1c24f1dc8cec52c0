/** Millrace is frozen (SIGSTOP: a paused virtual machine, a swapping host) and wakes up when the world has moved on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Rig, isAlive, rigFor, stateOf, tail } from '../support/rig.ts';
import type { Millrace } from '../support/process.ts';
import { waitFor } from '../support/servers.ts';

/** Longer than the large transaction takes; the broker looks for transactions that are over it every 10 s. */
const TIMEOUT_MS = 4000;
const LARGE_ROWS = 8000;

/** Freezes the instance in the middle of a large transaction, with records in the log that no marker decides. */
async function freezeInTransaction(rig: Rig, run: Millrace): Promise<void> {
  await rig.ledger.stop();
  await rig.delivers(rig.ledger.committed);
  for (;;) {
    await rig.ledger.commitLarge(LARGE_ROWS);
    await waitFor('records of an open transaction in the log', async () => {
      await rig.look();
      return rig.log.undecided > 0 || rig.check.delivered === rig.ledger.committed;
    });
    run.child.kill('SIGSTOP');
    await rig.look();
    await rig.look();
    if (rig.log.undecided > 0) return;
    // It was faster: again.
    run.child.kill('SIGCONT');
    await rig.delivers(rig.ledger.committed);
  }
}

test('frozen beyond the Kafka transaction time-out, it wakes up, finds its transaction aborted and does it again', {
  timeout: 120_000,
}, async (t) => {
  const rig = await rigFor(t, {
    config: { 'kafka.transaction.timeout.ms': TIMEOUT_MS },
    ledger: { largeEvery: 0 },
    // What wakes up past the time of a split may split before it learns that there is nothing left to split.
    wholeUpTo: LARGE_ROWS - 1,
  });
  const run = await rig.start();
  await run.reaches('running');
  rig.ledger.start();
  await rig.delivers(200);
  await freezeInTransaction(rig, run);
  const takenBack = rig.check.aborted;
  await waitFor('the broker to abort the transaction', async () => {
    await rig.look();
    return rig.log.undecided === 0;
  });
  assert.ok(rig.check.aborted > takenBack, 'the broker decided against the frozen transaction');
  rig.ledger.start();
  run.child.kill('SIGCONT');
  await rig.delivers(rig.ledger.committed + 500);
  assert.ok(isAlive(run), tail(run));
  await rig.finish();
});

test('frozen beyond the lease, a standby takes over, and the frozen one does no harm when it wakes up', {
  timeout: 180_000,
}, async (t) => {
  const rig = await rigFor(t, { ledger: { largeEvery: 0 } });
  const frozen = await rig.start();
  await frozen.reaches('running');
  const standby = await rig.start();
  await standby.reaches('standby');
  rig.ledger.start();
  await rig.delivers(200);
  await freezeInTransaction(rig, frozen);
  const frozenAt = Date.now();
  rig.ledger.start();
  await waitFor('the standby to work', async () => (await stateOf(standby)) === 'running', 60_000);
  t.diagnostic(`the standby took over after ${Date.now() - frozenAt} ms`);
  await rig.delivers(rig.ledger.committed);
  frozen.child.kill('SIGCONT');
  await waitFor('the one that was frozen to stand by', async () => (await stateOf(frozen)) === 'standby', 60_000);
  await rig.delivers(rig.ledger.committed + 500);
  assert.equal(await stateOf(standby), 'running', tail(standby));
  await rig.finish();
  const { claims } = await rig.history();
  assert.deepEqual(
    claims,
    claims.map((_, i) => i + 1),
  ); // prettier-ignore
});
