/** What a reader finds of a record is what was committed. */
import assert from 'node:assert/strict';
import { Records } from '../../../src/change/records.ts';
import type { Header, OutRecord } from '../../../src/change/message.ts';
import { IDENTITY, type SinkSuite, at, isError, numbered, signal } from './suite.ts';

/** Puts the cases under the suite. */
export function recordCases(suite: SinkSuite): void {
  const { driver, it, create, reopen, numbers } = suite;

  it('headers keep their order, their repetitions, their nulls and names that look like numbers', async (connector, topic) => {
    const header = (name: string, value: string | null): Header => ({
      name,
      value: value === null ? null : Buffer.from(value),
    });
    const headers = [
      header('z', '1'),
      header('10', 'ten'),
      header('2', 'two'),
      header('a', null),
      header('z', '2'),
      header('empty', ''),
      header('ü', 'ä'),
      header('a', 'again'),
    ];
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    await sink.commit(Records.of([numbered(topic, 1, { headers }), numbered(topic, 2)]), at(1), true);
    const seen = await driver.read(topic);
    assert.deepEqual(seen.find(({ value }) => String(value) === '1')?.headers, headers);
    assert.deepEqual(seen.find(({ value }) => String(value) === '2')?.headers, []);
  });

  it('null, empty and filled keys and values stay what they are', async (connector, topic) => {
    const [empty, full] = [Buffer.alloc(0), Buffer.from([0, 255, 10])];
    const pairs = [null, empty, full].flatMap((key) => [null, empty, full].map((value) => ({ key, value })));
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    await sink.commit(Records.of(pairs.map((pair, n) => numbered(topic, n, { ...pair, partition: 0 }))), at(1), true);
    const seen = (await driver.read(topic)).map(({ key, value }) => ({ key, value }));
    assert.deepEqual(seen, pairs);
  });

  it('records of a partition keep their order over commits and pieces', async (connector, topic) => {
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    const keyed = (n: number): OutRecord => numbered(topic, n, { key: Buffer.from(`key ${n % 11}`) });
    for (let n = 0; n < 3000; n += 300) {
      await sink.commit(Records.of(Array.from({ length: 300 }, (_, i) => keyed(n + i))), at(n + 1), n % 900 === 0);
    }
    await sink.commit(Records.of([]), at(3000), true);
    const last = new Map<string, number>();
    const seen = await driver.read(topic);
    for (const { partition, key, value } of seen) {
      const n = Number(value);
      assert.equal(String(key), `key ${n % 11}`);
      assert.ok(n > (last.get(String(partition)) ?? -1), `${n} after ${last.get(String(partition))}`);
      last.set(String(partition), n);
    }
    assert.equal(seen.length, 3000);
  });

  it('timestamps are kept to the millisecond, in any order', async (connector, topic) => {
    const now = Date.now();
    const times = [now, now - 86_400_000, now + 1000, now - 1];
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    await sink.commit(
      Records.of(times.map((timestampMs, n) => numbered(topic, n, { timestampMs, partition: 0 }))),
      at(1),
      true,
    );
    assert.deepEqual(
      (await driver.read(topic)).map(({ timestampMs }) => timestampMs),
      times,
    );
  });

  it('one commit takes many times the size of a batch for one partition', async (connector, topic) => {
    const padding = 'x'.repeat(1000);
    const records = Array.from({ length: 6000 }, (_, n) =>
      numbered(topic, n, { value: Buffer.from(`${n} ${padding}`), partition: 0 }),
    );
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    await sink.commit(Records.of(records), at(1), true);
    const seen = await driver.read(topic);
    assert.deepEqual(
      seen.map(({ value }) => Number.parseInt(String(value), 10)),
      records.map((_, n) => n),
    );
  });

  it('one commit reaches many topics and partitions, which are created when missing', async (connector, topic) => {
    const topics = Array.from({ length: 12 }, (_, n) => `${topic}.${n}`);
    const records = Array.from({ length: 600 }, (_, n) =>
      numbered(topics[n % 12] ?? '', n, { key: Buffer.from(String(n)) }),
    );
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    await sink.commit(Records.of(records), at(1), true);
    const seen = await Promise.all(topics.map((each) => driver.read(each)));
    assert.deepEqual(
      seen
        .flat()
        .map(({ value }) => Number(value))
        .sort((a, b) => a - b),
      records.map((_, n) => n),
    );
    for (const each of seen) assert.ok(new Set(each.map(({ partition }) => partition)).size > 1);
  });

  it('a missing topic is an error that names it when topics are not to be created', async (connector, topic) => {
    // Its own bookkeeping topic exists by now or is made; the events' topic must not be.
    await create(connector).open(IDENTITY, signal);
    const sink = create(connector, { createTopics: false });
    await sink.open(IDENTITY, signal);
    await assert.rejects(sink.commit(Records.of([numbered(topic, 1)]), at(1), true), (error) => {
      assert.ok(isError('kafka-rejected')(error) && error instanceof Error && error.message.includes(topic));
      return true;
    });
    assert.deepEqual((await reopen(connector)).position, null);
  });

  it('a record that is too large is refused before anything of its batch is sent', async (connector, topic) => {
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    await sink.commit(Records.of([numbered(topic, 1)]), at(1), true);
    assert.deepEqual(await numbers(topic), [1]);
    const before = await driver.written(topic);
    const tooLarge = numbered(topic, 3, { value: Buffer.alloc(driver.maxRecordBytes + 1, 'secret') });
    await assert.rejects(sink.commit(Records.of([numbered(topic, 2), tooLarge]), at(3), true), (error) => {
      assert.ok(isError('record-rejected')(error) && error instanceof Error);
      assert.ok(error.message.includes(topic) && !error.message.includes('secret'), error.message);
      return true;
    });
    assert.equal(await driver.written(topic), before);
    await sink.close();
    assert.deepEqual((await reopen(connector)).position, at(1));
    assert.deepEqual(await numbers(topic), [1]);
  });

  it('a record just as large as allowed passes', async (connector, topic) => {
    const sink = create(connector);
    await sink.open(IDENTITY, signal);
    const value = Buffer.alloc(driver.maxRecordBytes - 200, 7);
    await sink.commit(Records.of([1, 2, 3].map((n) => numbered(topic, n, { value, partition: 0 }))), at(1), true);
    assert.deepEqual(
      (await driver.read(topic)).map((record) => record.value?.length),
      [value.length, value.length, value.length],
    );
  });
}
