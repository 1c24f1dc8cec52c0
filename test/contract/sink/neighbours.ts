/** Connectors side by side. */
import assert from 'node:assert/strict';
import { Records } from '../../../src/change/records.ts';
import type { Sink } from '../../../src/sink/sink.ts';
import { IDENTITY, type SinkSuite, at, failAt, numbered, signal, upTo } from './suite.ts';

/** Puts the cases under the suite. */
export function neighbourCases(suite: SinkSuite): void {
  const { driver, it, create, reopen, numbers } = suite;

  it('several connectors open at once where nothing has been created yet', async () => {
    const [a, b] = driver.neighbours();
    await Promise.all([a, b].map((name) => create(name).open(IDENTITY, signal)));
  });

  it('two connectors side by side do not disturb each other', async (_, topic) => {
    const [a, b] = driver.neighbours();
    await driver.prepare(a, [`${topic}.b`]);
    const [sinkA, sinkB] = [create(a), create(b)];
    await Promise.all([sinkA.open(IDENTITY, signal), sinkB.open({ ...IDENTITY, database: 'other' }, signal)]);
    await Promise.all([
      sinkA.commit(Records.of([numbered(topic, 1)]), at(1), true),
      sinkB.commit(Records.of([numbered(`${topic}.b`, 1)]), at(100), true),
    ]);
    await sinkA.commit(Records.of([numbered(topic, 2)]), { ...at(2), ordinal: 1 }, false);
    await sinkB.commit(Records.of([numbered(`${topic}.b`, 2)]), at(101), true);
    await sinkB.close();
    await sinkA.commit(Records.of([numbered(topic, 3)]), at(3), true);
    await sinkA.close();
    assert.deepEqual((await reopen(a)).position, at(3));
    const opened = await create(b).open({ ...IDENTITY, database: 'other' }, signal);
    assert.deepEqual(opened.position, at(101));
    assert.deepEqual([await numbers(topic), await numbers(`${topic}.b`)], [upTo(3), upTo(2)]);
  });

  it('two neighbours whose transactions are aborted in the other order still get their committed positions', async (_, topic) => {
    // The broker lists aborted transactions by their ends: a reader that expects them by their beginnings takes the
    // first one's lost position for a stored one, and goes on behind events that nobody ever saw.
    const [a, b] = driver.neighbours();
    await driver.prepare(a, []);
    const sinks = [a, b].map((name) => create(name, { failpoint: failAt('before-commit', 2) })) as [Sink, Sink];
    for (const sink of sinks) {
      await sink.open(IDENTITY, signal);
      await sink.commit(Records.of([numbered(topic, 1)]), at(1), true);
    }
    for (const sink of sinks) await assert.rejects(sink.commit(Records.of([numbered(topic, 2)]), at(2), true));
    await sinks[1].close();
    await sinks[0].close();
    assert.deepEqual((await reopen(a)).position, at(1));
    assert.deepEqual((await reopen(b)).position, at(1));
    assert.deepEqual(await numbers(topic), [1, 1]);
  });

  it("a neighbour's open transaction delays open by no more than its time-out, and the log says so", async (_, topic) => {
    const [a, b] = driver.neighbours();
    await driver.prepare(a, [`${topic}.b`]);
    const timeoutMs = 7000;
    const dead = create(a, { transactionTimeoutMs: timeoutMs, failpoint: failAt('before-commit', 2) });
    await dead.open(IDENTITY, signal);
    await dead.commit(Records.of([numbered(topic, 1)]), at(1), true);
    await assert.rejects(dead.commit(Records.of([numbered(topic, 2)]), at(2), true));
    const lines: string[] = [];
    const note = (line: string): void => void lines.push(line);
    const sink = create(b, { log: { debug: () => {}, info: note, warn: note, error: note } });
    const startedAt = Date.now();
    assert.equal((await sink.open(IDENTITY, signal)).position, null);
    const waitedMs = Date.now() - startedAt;
    // The broker looks for transactions that have timed out every ten seconds.
    assert.ok(waitedMs < timeoutMs + 10_000 + 5000, `open took ${waitedMs} ms`);
    if (waitedMs > 6000)
      assert.ok(
        lines.some((line) => /open transaction of "/.test(line) && line.includes(a)),
        lines.join('\n'),
      );
    assert.deepEqual((await reopen(a)).position, at(1));
  });
}
