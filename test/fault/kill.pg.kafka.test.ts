/** kill -9 of Millrace, at every named point and at any moment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Failpoint } from '../../src/ports.ts';
import { consumeCommitted } from '../support/console-consumer.ts';
import { isAlive, kill, rigFor, tail } from '../support/rig.ts';
import { waitFor } from '../support/servers.ts';

const FIRST_START: readonly Failpoint[] = ['after-claim', 'after-slot', 'before-first-position'];
const EVERY_BATCH: readonly Failpoint[] = ['before-send', 'after-send', 'before-commit', 'after-commit', 'before-ack'];
const RANDOM_KILLS = 15;

test('kill -9 at every named point under load loses, repeats and tears nothing', { timeout: 240_000 }, async (t) => {
  const rig = await rigFor(t);
  let kills = 0;
  for (const point of FIRST_START) {
    const run = await rig.start({ MILLRACE_FAILPOINT: point });
    assert.equal((await run.exited).signal, 'SIGKILL', `${point} is passed at the first start`);
    kills++;
    // Each leaves what the next has to find: a slot and an intent without a position.
  }
  const first = await rig.start();
  await first.reaches('running');
  rig.ledger.start();
  await rig.delivers(100);
  await kill(first);
  kills++;
  for (const point of EVERY_BATCH) {
    for (const count of [1, rig.random.between(2, 4), rig.random.between(5, 30)]) {
      const run = await rig.start({ MILLRACE_FAILPOINT: `${point}:${count}` });
      await waitFor(`${point}:${count}`, async () => !isAlive(run), 60_000);
      assert.equal((await run.exited).signal, 'SIGKILL', tail(run));
      kills++;
      await rig.isWhole();
    }
  }
  t.diagnostic(`${kills} kills`);
  const last = await rig.start();
  await last.reaches('running');
  await rig.finish();
});

test('kill -9 at any moment under load loses, repeats and tears nothing', { timeout: 240_000 }, async (t) => {
  const rig = await rigFor(t);
  let run = await rig.start();
  await run.reaches('running');
  rig.ledger.start();
  for (let kills = 0; kills < RANDOM_KILLS; kills++) {
    // One in four dies somewhere in its start, the others while they stream.
    if (!rig.random.chance(0.25)) await run.reaches('running');
    const livesMs = rig.random.between(0, 1000);
    await new Promise((resolve) => setTimeout(resolve, livesMs));
    assert.ok(isAlive(run), tail(run));
    await kill(run);
    // Half of them are restarted at once; the others leave time to look at what a dead writer has left.
    if (rig.random.chance(0.5)) await rig.isWhole();
    run = await rig.start();
  }
  t.diagnostic(`${RANDOM_KILLS} kills`);
  await run.reaches('running');
  await rig.finish();
  const consumed = await consumeCommitted(
    rig.bootstrap,
    new RegExp(`${rig.connector.name}\\.(?:order|payment|shipment)`),
  );
  const table = (await rig.ledger.truth()).map(({ key, payload }) => `${key} ${payload}`);
  assert.ok(
    consumed
      .map(({ key, value }) => `${key} ${value}`)
      .toSorted()
      .join('\n') === table.toSorted().join('\n'),
    `Kafka's own consumer saw ${consumed.length} records, the table holds ${table.length} rows`,
  );
});
