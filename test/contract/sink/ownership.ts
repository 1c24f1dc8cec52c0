/** One owner after another: positions, deaths, fencing. */
import assert from 'node:assert/strict';
import type { Position } from '../../../src/change/position.ts';
import { Records } from '../../../src/change/records.ts';
import { waitFor } from '../../support/servers.ts';
import { DEATH_MS, IDENTITY, type SinkSuite, at, failAt, isError, numbered, several, signal, upTo } from './suite.ts';

/** Puts the cases under the suite. */
export function ownershipCases(suite: SinkSuite): void {
  const { driver, it, create, reopen, numbers } = suite;

  it('open on nothing gives neither a position nor an earlier claim', async (connector) => {
    const opened = await create(connector).open(IDENTITY, signal);
    assert.equal(opened.position, null);
    assert.equal(opened.earlier, null);
    assert.ok(opened.clusterId.length > 0);
  });

  it('a reopened sink gives the last committed position and the claim before', async (connector, topic) => {
    const first = create(connector);
    await first.open(IDENTITY, signal);
    for (const n of upTo(5)) await first.commit(Records.of([numbered(topic, n)]), at(n), true);
    await first.close();
    const second = create(connector);
    const opened = await second.open({ ...IDENTITY, intent: 'slot_b' }, signal);
    assert.deepEqual(opened.position, at(5));
    assert.equal(opened.earlier?.intent, 'slot_a');
    assert.equal(opened.earlier?.number, 1);
    await second.close();
    const third = create(connector);
    const again = await third.open(IDENTITY, signal);
    assert.deepEqual([again.position, again.earlier?.intent, again.earlier?.number], [at(5), 'slot_b', 2]);
    assert.deepEqual(await numbers(topic), upTo(5));
  });

  it('progress without records is stored too', async (connector) => {
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    await sink.commit(Records.of([]), at(7), true);
    await sink.commit(Records.of([]), { ...at(8), in: '99', fingerprint: 'ffff' }, true);
    await sink.close();
    assert.deepEqual((await reopen(connector)).position, { ...at(8), in: '99', fingerprint: 'ffff' });
  });

  it('pieces stay invisible until the boundary, and then come all at once', async (connector, topic) => {
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    await sink.commit(Records.of([numbered(topic, 1)]), at(1), true);
    assert.deepEqual(await numbers(topic), [1]);
    await sink.commit(Records.of(several(topic, 2, 100)), { ...at(2), ordinal: 100 }, false);
    await sink.commit(Records.of(several(topic, 102, 100)), { ...at(2), ordinal: 200 }, false);
    assert.deepEqual(
      (await driver.readNow(topic)).map(({ value }) => String(value)),
      ['1'],
    );
    await sink.commit(Records.of(several(topic, 202, 9)), at(3), true);
    assert.deepEqual(await numbers(topic), upTo(210));
    await sink.close();
    assert.deepEqual((await reopen(connector)).position, at(3));
  });

  it('a transaction whose time runs out is split at a position inside it, and what follows is whole again', async (connector, topic) => {
    let aheadMs = 0;
    const sink = create(connector, { transactionTimeoutMs: 60_000, now: () => Date.now() + aheadMs });
    await sink.open(IDENTITY, signal);
    const inside = (ordinal: number): Position => ({ ...at(2), ordinal, in: '7', fingerprint: 'f' });
    await sink.commit(Records.of(several(topic, 1, 10)), inside(10), false);
    aheadMs = 55_000;
    await sink.commit(Records.of(several(topic, 11, 10)), inside(20), false);
    assert.deepEqual(await numbers(topic), upTo(20));
    await sink.commit(Records.of(several(topic, 21, 10)), inside(30), false);
    const next = await reopen(connector);
    assert.deepEqual(next.position, inside(20));
    await next.sink.commit(Records.of(several(topic, 21, 20)), at(3), true);
    assert.deepEqual(await numbers(topic), upTo(40));
  });

  for (const ending of ['dropped as by kill -9', 'closed']) {
    it(`a sink ${ending} inside a transaction leaves no record and no position`, async (connector, topic) => {
      const first = create(connector);
      await first.open(IDENTITY, signal);
      await first.commit(Records.of([numbered(topic, 1)]), at(1), true);
      await first.commit(Records.of(several(topic, 2, 50)), { ...at(2), ordinal: 50 }, false);
      if (ending === 'closed') await first.close();
      const second = await reopen(connector);
      assert.deepEqual(second.position, at(1));
      await second.sink.commit(Records.of([numbered(topic, 2)]), at(2), true);
      assert.deepEqual(await numbers(topic), [1, 2]);
    });
  }

  it('a sink that dies with everything sent and nothing committed leaves no record and no position', async (connector, topic) => {
    const first = create(connector, { transactionTimeoutMs: DEATH_MS, failpoint: failAt('before-commit', 2) });
    await first.open(IDENTITY, signal);
    await first.commit(Records.of([numbered(topic, 1)]), at(1), true);
    await assert.rejects(first.commit(Records.of([numbered(topic, 2)]), at(2), true));
    const second = await reopen(connector);
    assert.deepEqual(second.position, at(1));
    assert.deepEqual(await numbers(topic), [1]);
  });

  it("open does not wait for the time-out of this connector's own dead transaction", async (connector, topic) => {
    const first = create(connector, { transactionTimeoutMs: 20_000, failpoint: failAt('before-commit', 2) });
    await first.open(IDENTITY, signal);
    await first.commit(Records.of([numbered(topic, 1)]), at(1), true);
    await assert.rejects(first.commit(Records.of([numbered(topic, 2)]), at(2), true));
    const startedAt = Date.now();
    assert.deepEqual((await reopen(connector)).position, at(1));
    const tookMs = Date.now() - startedAt;
    assert.ok(tookMs < 5000, `open took ${tookMs} ms after a kill -9: expected less than 5000`);
  });

  it('however a commit is overtaken by the next owner, records and position agree', async (connector, topic) => {
    let stored = 0;
    let current = (await reopen(connector)).sink;
    for (let round = 0; round < 8; round++) {
      const next = stored + 1;
      const late = current.commit(Records.of([numbered(topic, next)]), at(next), true).then(
        () => true,
        () => false,
      );
      const successor = create(connector);
      const { position } = await successor.open(IDENTITY, signal);
      const committed = await late;
      const lsn = position === null ? 0 : Number.parseInt(JSON.stringify(position['lsn']).slice(3), 16);
      assert.ok(lsn === stored || lsn === next, `expected position ${stored} or ${next}, got ${lsn}`);
      if (committed) assert.equal(lsn, next, 'a commit that resolved is stored');
      assert.deepEqual(await numbers(topic), upTo(lsn));
      stored = lsn;
      current = successor;
    }
  });

  it('a newer owner fences an older one, whose late commit fails and leaves nothing', async (connector, topic) => {
    const older = create(connector);
    await older.open(IDENTITY, signal);
    await older.commit(Records.of([numbered(topic, 1)]), at(1), true);
    const newer = await reopen(connector);
    assert.deepEqual(newer.position, at(1));
    await assert.rejects(older.commit(Records.of([numbered(topic, 666)]), at(666), true), isError('fenced'));
    await newer.sink.commit(Records.of([numbered(topic, 2)]), at(2), true);
    await assert.rejects(older.commit(Records.of([numbered(topic, 667)]), at(667), true));
    await older.close();
    await newer.sink.commit(Records.of([numbered(topic, 3)]), at(3), true);
    assert.deepEqual(await numbers(topic), [1, 2, 3]);
    await newer.sink.close();
    assert.deepEqual((await reopen(connector)).position, at(3));
  });

  it('an owner fenced in the middle of a transaction cannot end it', async (connector, topic) => {
    const older = create(connector);
    await older.open(IDENTITY, signal);
    await older.commit(Records.of(several(topic, 600, 20)), { ...at(6), ordinal: 20 }, false);
    const newer = await reopen(connector);
    assert.equal(newer.position, null);
    await assert.rejects(older.commit(Records.of([numbered(topic, 666)]), at(7), true), isError('fenced'));
    await newer.sink.commit(Records.of([numbered(topic, 1)]), at(1), true);
    assert.deepEqual(await numbers(topic), [1]);
  });

  it('after an error a sink does nothing but close', async (connector, topic) => {
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    await sink.commit(Records.of([numbered(topic, 1)]), at(1), true);
    await reopen(connector);
    await assert.rejects(sink.commit(Records.of([numbered(topic, 2)]), at(2), true));
    await assert.rejects(sink.commit(Records.of([numbered(topic, 2)]), at(2), true));
    await sink.close();
    await sink.close();
  });

  it('close is harmless before open and more than once', async (connector) => {
    const sink = create(connector);
    await sink.close();
    await sink.close();
    const opened = create(connector);
    await opened.open(IDENTITY, signal);
    await opened.close();
    await opened.close();
    assert.equal((await reopen(connector)).position, null);
  });

  it('a name that belongs to another database is refused, and its owner is not fenced', async (connector, topic) => {
    const owner = create(connector);
    await owner.open(IDENTITY, signal);
    await owner.commit(Records.of([numbered(topic, 1)]), at(1), true);
    const stranger = create(connector);
    await assert.rejects(stranger.open({ ...IDENTITY, system: '7999999999999999999' }, signal), isError('refused'));
    await owner.commit(Records.of([numbered(topic, 2)]), at(2), true);
    assert.deepEqual(await numbers(topic), [1, 2]);
  });

  it('a transaction that the broker itself has timed out ends the run as fenced and leaves nothing', async (connector, topic) => {
    const sink = create(connector, { transactionTimeoutMs: 1000 });
    await sink.open(IDENTITY, signal);
    await sink.commit(Records.of([numbered(topic, 1)]), at(1), true);
    assert.deepEqual(await numbers(topic), [1]);
    const before = await driver.written(topic);
    await sink.commit(Records.of([numbered(topic, 2)]), { ...at(2), ordinal: 1 }, false);
    // The record and then the mark that takes it back.
    await waitFor('the broker to abort', async () => (await driver.written(topic)) >= before + 2);
    await assert.rejects(sink.commit(Records.of([numbered(topic, 3)]), at(3), true), isError('fenced'));
    assert.deepEqual((await reopen(connector)).position, at(1));
    assert.deepEqual(await numbers(topic), [1]);
  });
}
