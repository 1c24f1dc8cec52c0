/** One works, the others stand by; what is closed lets go. */
import assert from 'node:assert/strict';
import { MillraceError } from '../../../src/errors.ts';
import { waitFor } from '../../support/servers.ts';
import { type SourceSuite, type SourceWorld, never, readChanges, start } from './suite.ts';

/** Resolves soon, or says that nobody let go. */
async function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  let done = false;
  void promise.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  await waitFor(what, async () => done, 8000);
  return promise;
}

async function standby(world: SourceWorld, signal: AbortSignal = never) {
  let waits = false;
  const source = world.create({ onStandby: () => (waits = true) });
  const acquired = source.acquire(signal);
  acquired.catch(() => {});
  await waitFor('the second instance to stand by', async () => waits);
  return { source, acquired };
}

/** Puts the cases under the suite. */
export function leaseCases({ it }: SourceSuite): void {
  it('a second instance stands by until the first closes, and then takes over', async (world) => {
    const first = await start(world);
    const second = await standby(world);
    let resolved = false;
    void second.acquired.then(() => {
      resolved = true;
    });
    assert.equal(resolved, false);
    assert.equal(first.lost.aborted, false);
    await first.source.close();
    const { identity } = await soon('the standby to take over', second.acquired);
    // What it is about to use has come into being meanwhile.
    assert.deepEqual({ ...identity, intentExists: false }, { ...first.identity, intentExists: false });
    await second.source.close();
  });

  it('a standby that is told to stop stops, and takes nothing', async (world) => {
    const first = await start(world);
    const controller = new AbortController();
    const second = await standby(world, controller.signal);
    controller.abort();
    await assert.rejects(soon('the standby to stop', second.acquired));
    await second.source.close();
    await first.source.close();
    const third = world.create();
    await soon('the lease to be free', third.acquire(never));
    await third.close();
  });

  it('a broken lease aborts the signal with its reason, and a standby takes over', async (world) => {
    const first = await start(world);
    const second = await standby(world);
    await world.breakLease();
    await waitFor('the lost signal', async () => first.lost.aborted);
    const reason: unknown = first.lost.reason;
    assert.ok(reason instanceof MillraceError);
    assert.ok(['lease-lost', 'database-shutdown', 'database-unavailable'].includes(reason.kind), reason.kind);
    await soon('the standby to take over', second.acquired);
    await first.source.close();
    assert.equal((await second.acquired).lost.aborted, false, 'closing the loser must not touch the new holder');
    await second.source.close();
  });

  it('close is harmless before everything and more than once', async (world) => {
    const source = world.create();
    await source.close();
    await source.close();
    const { source: used } = await start(world);
    await used.close();
    await used.close();
  });

  it('a source closed after acquire, after prepare or inside read lets go of everything', async (world) => {
    const acquired = world.create();
    await acquired.acquire(never);
    await acquired.close();
    const first = await start(world);
    await first.source.close();
    const second = await start(world, first.start);
    const reader = second.source.read(second.start, never)[Symbol.asyncIterator]();
    await world.commit(1, 1);
    const one = await reader.next();
    assert.equal(one.done, false);
    const pending = reader.next().then(
      (result) => assert.ok(result.done === true || result.value.every((fragment) => fragment.changes.length === 0)),
      (error: unknown) => assert.ok(error instanceof MillraceError, String(error)),
    );
    await second.source.close();
    await soon('the reader of a closed source to end', pending);
    const third = await soon('the next instance to start', start(world, first.start));
    assert.equal((await readChanges(third.source, third.start, 1)).length > 0, true);
    await third.source.close();
  });

  it('closing a standby that still waits keeps it from ever holding the lease', async (world) => {
    const first = await start(world);
    const second = await standby(world);
    await second.source.close();
    await assert.rejects(soon('the closed standby to give up', second.acquired));
    await first.source.close();
    const third = world.create();
    await soon('the lease to be free for a third instance', third.acquire(never));
    await third.close();
  });
}
