/** Every change of every committed transaction, in order, from any position that was ever handed out. */
import assert from 'node:assert/strict';
import type { Fragment } from '../../../src/change/fragment.ts';
import { waitFor } from '../../support/servers.ts';
import {
  type SourceSuite,
  type SourceWorld,
  claimOf,
  never,
  numbersOf,
  opened,
  readChanges,
  readUntil,
  start,
  upTo,
} from './suite.ts';

/** Resumes in a new instance and expects exactly these numbers next. */
async function resumes(world: SourceWorld, fragment: Fragment, rest: readonly number[]): Promise<readonly Fragment[]> {
  const { source, start: from } = await start(world, fragment.position);
  assert.deepEqual(from, fragment.position, 'a stored position is gone on from, not replaced');
  const fragments = await readChanges(source, from, rest.length);
  await source.close();
  const got = numbersOf(world, fragments);
  assert.deepEqual(got.slice(0, 3), rest.slice(0, 3), `the first after ${JSON.stringify(fragment.position)}`);
  assert.deepEqual(got, rest, `all after ${JSON.stringify(fragment.position)}`);
  return fragments;
}

/** Puts the cases under the suite. */
export function streamCases({ it }: SourceSuite): void {
  it('a first start streams what is committed after it: no more, no less, nothing rolled back', async (world) => {
    await world.commit(1000, 5);
    const { source, start: from } = await start(world);
    await world.commit(1, 2);
    await world.rollBack(500, 3);
    await world.unrelated();
    await world.commit(3, 1);
    const fragments = await readChanges(source, from, 3);
    assert.deepEqual(numbersOf(world, fragments), upTo(3));
    await source.close();
  });

  it('a first start that was cut off before its position was stored goes on where it stood', async (world) => {
    const first = await start(world);
    await first.source.close();
    await world.commit(1, 3);
    const source = world.create();
    const { identity } = await source.acquire(never);
    const from = await source.prepare(opened(null, claimOf(identity)), never);
    assert.deepEqual(numbersOf(world, await readChanges(source, from, 3)), upTo(3));
    await source.close();
  });

  it('pieces of one transaction begin once, end once, share their id and say nothing else', async (world) => {
    const { source, start: from } = await start(world);
    await world.commit(1, 1);
    await world.commit(2, 6000, 100);
    await world.commit(6002, 1);
    const fragments = (await readChanges(source, from, 6002)).filter(({ tx }) => tx !== null);
    await source.close();
    const byTransaction = Map.groupBy(fragments, ({ tx }) => tx?.id);
    assert.deepEqual(
      [...byTransaction.values()].map((pieces) => numbersOf(world, pieces).length).filter((count) => count > 0),
      [1, 6000, 1],
    );
    assert.ok(fragments.length > 6, `expected the big transaction in several pieces, got ${fragments.length}`);
    for (const pieces of byTransaction.values()) {
      assert.deepEqual(
        pieces.map(({ begin, end }) => [begin, end]),
        pieces.map((_, i) => [i === 0, i === pieces.length - 1]),
      );
    }
    const times = fragments.map(({ tx }) => tx?.commitTimeUs ?? 0n);
    assert.ok(times.every((time, i) => time >= (times[i - 1] ?? 0n)));
    assert.ok(Math.abs(Number(times[0]) / 1000 - Date.now()) < 60_000, 'the commit time is in microseconds since 1970');
  });

  it('every position handed out, inside a transaction too, resumes to exactly the rest', async (world) => {
    const { source, start: from } = await start(world);
    for (let n = 1; n <= 4; n++) await world.commit(n, 1);
    await world.rollBack(90_000, 2);
    await world.commit(5, 6000, 100);
    await world.unrelated();
    for (let n = 6005; n <= 6008; n++) await world.commit(n, 1);
    const fragments = await readChanges(source, from, 6008);
    await source.close();
    const all = numbersOf(world, fragments);
    assert.deepEqual(all, upTo(6008));
    let delivered = 0;
    let nested = false;
    // Upwards: streaming from a position tells the database that what lies before is stored.
    for (const fragment of fragments) {
      delivered += fragment.changes.length;
      if (delivered === all.length) break;
      const again = await resumes(world, fragment, all.slice(delivered));
      if (fragment.end || nested) continue;
      nested = true;
      // A position inside a transaction that was itself reached from a position inside it.
      const pieces = again.filter(({ end, changes }) => !end && changes.length > 0);
      const middle = pieces[Math.floor(pieces.length / 2)];
      assert.ok(middle, 'the resumed transaction came in one piece');
      const before = numbersOf(world, again.slice(0, again.indexOf(middle) + 1));
      await resumes(world, middle, all.slice(delivered + before.length));
    }
    assert.ok(nested, 'no fragment ended inside the big transaction');
  });

  it('reading nothing else still moves the position, and going on from there misses nothing', async (world) => {
    const { source, start: from } = await start(world);
    await world.unrelated();
    const fragments = await readUntil(source, from, (some) => some.length > 0);
    await source.close();
    const idle = fragments.at(-1);
    assert.ok(idle);
    // An empty transaction is idle progress too: some servers send those of other tables as empty ones.
    assert.deepEqual([idle.changes.length, idle.begin, idle.end], [0, true, true]);
    assert.notDeepEqual(idle.position, from);
    await world.commit(1, 2);
    await resumes(world, idle, [1, 2]);
  });

  it('a reader that stops reading stops the sender, and finds everything when it goes on', async (world) => {
    const rows = 60_000;
    const { source, start: from } = await start(world);
    await world.commit(1, rows, 1000);
    const controller = new AbortController();
    const reader = source.read(from, controller.signal)[Symbol.asyncIterator]();
    const got: number[] = [];
    const next = async (): Promise<boolean> => {
      const result = await reader.next();
      if (result.done === true) return false;
      got.push(...numbersOf(world, result.value));
      return true;
    };
    while (got.length === 0) assert.ok(await next());
    let last = -1;
    let unchanged = 0;
    await waitFor('the sender to stop', async () => {
      const received = world.received();
      unchanged = received === last ? unchanged + 1 : 0;
      last = received;
      return unchanged >= 25;
    });
    assert.ok(last < 24_000_000, `${last} of about 60,000,000 bytes were sent to a reader that does not read`);
    while (got.length < rows) assert.ok(await next());
    assert.deepEqual([got.length, got[0], got.at(-1)], [rows, 1, rows]);
    assert.ok(got.every((n, i) => n === i + 1));
    controller.abort();
    while (await next());
    await source.close();
  });

  it('an aborted read ends normally, idle as well as in the middle of a transaction', async (world) => {
    const { source, start: from } = await start(world);
    const controller = new AbortController();
    const ended = (async () => {
      for await (const fragments of source.read(from, controller.signal)) void fragments;
    })();
    setImmediate(() => controller.abort());
    await ended;
    await source.close();
    const again = await start(world, from);
    await world.commit(1, 6000, 100);
    const fragments = await readUntil(again.source, from, (some) => some.some(({ changes }) => changes.length > 0));
    assert.ok(numbersOf(world, fragments).length < 6000);
    await again.source.close();
  });
}
