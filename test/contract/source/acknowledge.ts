/** What the database may forget: what was acknowledged, never what was only read. */
import assert from 'node:assert/strict';
import type { Position } from '../../../src/change/position.ts';
import { MillraceError } from '../../../src/errors.ts';
import { waitFor } from '../../support/servers.ts';
import { type SourceSuite, never, numbersOf, readChanges, start, upTo } from './suite.ts';

/** Puts the cases under the suite. */
export function acknowledgeCases({ it }: SourceSuite): void {
  it('acknowledging raises the mark, an older or repeated position never lowers it', async (world) => {
    const { source, start: from } = await start(world);
    const controller = new AbortController();
    const reader = source.read(from, controller.signal)[Symbol.asyncIterator]();
    const positions: Position[] = [];
    const readOne = async (n: number): Promise<void> => {
      await world.commit(n, 1);
      for (let seen = 0; ; ) {
        const result = await reader.next();
        assert.ok(result.done !== true);
        for (const { changes, end, position } of result.value) {
          seen += changes.length;
          // The row and the end of its transaction may come in two pieces.
          if (seen > 0 && end) return void positions.push(position);
        }
      }
    };
    const position = (n: number): Position => positions[n - 1] ?? {};
    for (let n = 1; n <= 3; n++) await readOne(n);
    const before = await world.forgettable();
    source.acknowledge(position(2));
    const second = await waitFor('the mark of the second', async () => {
      const mark = await world.forgettable();
      return mark > before ? mark : null;
    });
    source.acknowledge(position(2));
    source.acknowledge(position(1));
    // Idle progress comes of an answer to a status update: the older position would have been reported by now.
    for (let idle = 0; idle < 2; ) {
      await world.unrelated();
      const result = await reader.next();
      assert.ok(result.done !== true);
      idle += result.value.filter(({ changes }) => changes.length === 0).length;
    }
    assert.equal(await world.forgettable(), second);
    source.acknowledge(position(3));
    await waitFor('the mark of the third', async () => (await world.forgettable()) > second);
    controller.abort();
    assert.equal((await reader.next()).done, true);
    await source.close();
    await world.commit(4, 1);
    const again = await start(world, position(3));
    assert.deepEqual(numbersOf(world, await readChanges(again.source, again.start, 1)), [4]);
    await again.source.close();
  });

  it('an acknowledgement right before close is not lost', async (world) => {
    const { source, start: from } = await start(world);
    await world.commit(1, 3);
    const fragments = await readChanges(source, from, 3);
    const before = await world.forgettable();
    source.acknowledge(fragments.at(-1)?.position ?? {});
    await source.close();
    await waitFor('the mark', async () => (await world.forgettable()) > before);
  });

  it('what was read and not acknowledged comes again, however long the stream was kept alive', async (world) => {
    const { source, start: from } = await start(world);
    await world.commit(1, 3);
    const before = await world.forgettable();
    const controller = new AbortController();
    const reader = source.read(from, controller.signal)[Symbol.asyncIterator]();
    let seen = 0;
    // Idle fragments come of the answers to several status updates.
    for (let idle = 0; seen < 3 || idle < 2; ) {
      await world.unrelated();
      const result = await reader.next();
      assert.ok(result.done !== true);
      for (const { changes } of result.value) {
        seen += changes.length;
        if (changes.length === 0) idle++;
      }
    }
    assert.equal(await world.forgettable(), before);
    controller.abort();
    await source.close();
    const again = await start(world, from);
    assert.deepEqual(numbersOf(world, await readChanges(again.source, again.start, 3)), upTo(3));
    await again.source.close();
  });

  it('a position that the database has forgotten is refused, not resumed with a gap', async (world) => {
    const { source, start: from } = await start(world);
    await world.commit(1, 3);
    const fragments = await readChanges(source, from, 3);
    const before = await world.forgettable();
    source.acknowledge(fragments.at(-1)?.position ?? {});
    await source.close();
    await waitFor('the mark', async () => (await world.forgettable()) > before);
    const again = world.create();
    await again.acquire(never);
    await assert.rejects(
      async () => {
        const start = await again.prepare({ position: from, earlier: null, clusterId: 'contract' }, never);
        await readChanges(again, start, 1);
      },
      (error) => error instanceof MillraceError && error.kind === 'refused',
    );
    await again.close();
  });
}
