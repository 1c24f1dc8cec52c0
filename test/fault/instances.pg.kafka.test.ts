/** Several instances of one connector are started at once, as replicas or by mistake, and die at random. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Millrace } from '../support/process.ts';
import { type Rig, isAlive, kill, rigFor, stateOf, tail } from '../support/rig.ts';
import { seededRandom } from '../support/random.ts';
import { waitFor } from '../support/servers.ts';

const SEEDS = 20;
const FRESH_EVERY = 5;

/** The one that works, once there is one. Two at a time fail the test. */
async function owner(rig: Rig): Promise<Millrace> {
  return waitFor('one instance to work', async () => {
    const alive = rig.instances.filter(isAlive);
    const states = await Promise.all(alive.map((each) => stateOf(each)));
    const working = alive.filter((_, i) => states[i] === 'running');
    assert.ok(working.length <= 1, `${working.length} instances work at once`);
    return working[0] ?? null;
  });
}

/** Starts two or three at once, kills owners and standbys at random under load, and leaves none alive. */
async function round(rig: Rig, seed: number): Promise<number> {
  const random = seededRandom(seed);
  const count = random.between(2, 3);
  const started = await Promise.all(Array.from({ length: count }, () => rig.start()));
  let kills = 0;
  for (const victim of [random.pick(started), null]) {
    // The first is anybody, perhaps in the middle of its start; the second is the one that works.
    if (victim && random.chance(0.5)) await new Promise((resolve) => setTimeout(resolve, random.between(0, 800)));
    else await owner(rig);
    await kill(victim ?? (await owner(rig)));
    kills++;
    if (started.every((each) => !isAlive(each))) break;
    await rig.delivers(rig.check.delivered + random.between(1, 100));
  }
  for (const each of started.filter(isAlive)) {
    await kill(each);
    kills++;
  }
  await rig.isWhole();
  return kills;
}

for (let first = 1; first <= SEEDS; first += FRESH_EVERY) {
  const seeds = Array.from({ length: FRESH_EVERY }, (_, i) => first + i);
  test(`two or three instances at once, killed at random, seeds ${first} to ${first + FRESH_EVERY - 1}: one owner at a time, the ledger is exact`, {
    timeout: 180_000,
  }, async (t) => {
    const rig = await rigFor(t);
    let kills = 0;
    // The first round is a first start, of all at once.
    const early = rig.start();
    const late = rig.start();
    await owner(rig);
    rig.ledger.start();
    for (const each of [await early, await late]) {
      await kill(each);
      kills++;
    }
    for (const seed of seeds) kills += await round(rig, rig.random.seed + seed);
    const last = await rig.start();
    await last.reaches('running');
    await rig.finish();
    const { claims, positions } = await rig.history();
    t.diagnostic(`${kills} kills, ${claims.length} owners`);
    // A claim that knew nothing of another one would repeat its number.
    assert.deepEqual(
      claims,
      claims.map((_, i) => i + 1),
      tail(last),
    ); // prettier-ignore
    assertForward(positions);
  });
}

/** An owner that did not know what another one had committed would set the position back. */
function assertForward(positions: readonly { readonly lsn: string; readonly ordinal: number }[]): void {
  const lsn = (text: string): bigint => {
    const [high, low] = text.split('/');
    return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
  };
  for (const [i, { lsn: text, ordinal }] of positions.entries()) {
    const before = positions[i - 1];
    if (!before) continue;
    const forward = lsn(text) > lsn(before.lsn) || (text === before.lsn && ordinal >= before.ordinal);
    assert.ok(forward, `position ${text}:${ordinal} was stored after ${before.lsn}:${before.ordinal}`);
  }
}
