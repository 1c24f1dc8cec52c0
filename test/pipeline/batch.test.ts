import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Fragment } from '../../src/change/fragment.ts';
import type { OutRecord } from '../../src/change/message.ts';
import { Batch } from '../../src/pipeline/batch.ts';

const LIMITS = { maxBytes: 256 * 1024, maxRecords: 1000 };
const record = (n: number, bytes = 10): OutRecord => ({
  topic: 't',
  key: Buffer.from(String(n)),
  value: Buffer.alloc(bytes),
  headers: [],
  timestampMs: 0,
});
const fragment = (n: number, end = true): Fragment => ({
  tx: { id: String(n), commitTimeUs: 0n, commitLsn: '' },
  changes: [],
  begin: true,
  end,
  position: { n, end },
});

test('a commit ends at the last source transaction boundary and leaves the begun one', () => {
  const batch = new Batch(LIMITS, () => 0);
  batch.add(record(1));
  batch.mark(fragment(1));
  batch.add(record(2));
  batch.mark(fragment(2));
  batch.add(record(3));
  batch.mark(fragment(3, false));
  const work = batch.take();
  assert.deepEqual([work?.records.length, work?.position, work?.atBoundary], [2, { n: 2, end: true }, true]);
  assert.equal(batch.take(), null);
  batch.mark(fragment(3));
  assert.deepEqual([batch.take()?.records.length, batch.bytes], [1, 0]);
});

test('an oversized transaction goes out in pieces and its Kafka transaction ends with it', () => {
  const batch = new Batch(LIMITS, () => 0);
  batch.add(record(1, 70_000));
  batch.mark(fragment(1, false));
  assert.equal(batch.take()?.atBoundary, false);
  batch.mark(fragment(1));
  batch.add(record(2));
  batch.mark(fragment(2));
  const end = batch.take();
  assert.deepEqual([end?.records.length, end?.position, end?.atBoundary], [0, { n: 1, end: true }, true]);
  assert.deepEqual(batch.take()?.position, { n: 2, end: true });
});

test('progress without records is committed at most once a second, and at once when final', () => {
  let now = 10_000;
  const batch = new Batch(LIMITS, () => now);
  batch.mark(fragment(1));
  assert.deepEqual(batch.take()?.position, { n: 1, end: true });
  batch.mark(fragment(2));
  assert.equal(batch.take(), null);
  assert.deepEqual([batch.idle, batch.dueInMs()], [true, 1000]);
  now += 1000;
  assert.deepEqual(batch.take()?.position, { n: 2, end: true });
  batch.mark(fragment(3));
  assert.deepEqual(batch.take(true)?.position, { n: 3, end: true });
});

test('whatever the sizes and the moments of commits, every record is committed once, in order, on boundaries', () => {
  const step = fc.record({ rows: fc.nat(5), size: fc.constantFrom(1, 40_000), end: fc.boolean(), take: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const batch = new Batch(LIMITS, () => 0);
      const committed: string[] = [];
      let pieces: string[] = [];
      let sent = 0;
      let boundary = 0;
      const boundaries = new Set([0]);
      const commit = (final: boolean): void => {
        const work = batch.take(final);
        if (!work) return;
        for (let i = 0; i < work.records.length; i++) pieces.push(String(work.records.at(i).key));
        if (!work.atBoundary) return;
        committed.push(...pieces);
        pieces = [];
        assert.ok(boundaries.has(committed.length), `commit after ${committed.length} is no boundary`);
        assert.equal(work.position.n, committed.length);
      };
      for (const { rows, size, end, take } of steps) {
        for (let i = 0; i < rows; i++) batch.add(record(sent++, size));
        if (end) {
          boundary = sent;
          boundaries.add(boundary);
        }
        batch.mark(fragment(sent, end));
        if (take) commit(false);
      }
      for (let i = 0; i < steps.length + 1; i++) commit(true);
      assert.deepEqual(
        committed,
        Array.from({ length: boundary }, (_, i) => String(i)),
      );
    }),
  );
});

test('progress without records does not hold back a transaction that has begun behind it', () => {
  const batch = new Batch(LIMITS, () => 10_000);
  batch.mark(fragment(1));
  batch.take();
  batch.mark(fragment(2));
  batch.add(record(1, 10));
  batch.mark(fragment(3, false));
  assert.equal(batch.take(), null);
  batch.add(record(2, 300_000));
  batch.mark(fragment(3, false));
  // Full, with no commit under way: were nothing taken now, reading would go on without a bound.
  assert.ok(batch.isFull(0));
  assert.deepEqual(batch.take()?.position, { n: 2, end: true });
  assert.deepEqual([batch.take()?.records.length, batch.bytes], [2, 0]);
});

test('of a transaction in pieces that goes on slowly, or not at all, the sink hears all the same', () => {
  let now = 10_000;
  const batch = new Batch(LIMITS, () => now);
  batch.add(record(1, 70_000));
  batch.mark(fragment(1, false));
  assert.equal(batch.take()?.atBoundary, false);
  batch.add(record(2));
  batch.mark(fragment(2, false));
  assert.deepEqual([batch.take(), batch.waits, batch.dueInMs()], [null, true, 200]);
  now += 200;
  const slow = batch.take();
  assert.deepEqual([slow?.records.length, slow?.position, slow?.atBoundary], [1, { n: 2, end: false }, false]);
  assert.equal(batch.take(), null);
  now += 200;
  const silent = batch.take();
  assert.deepEqual([silent?.records.length, silent?.position, silent?.atBoundary], [0, { n: 2, end: false }, false]);
  now += 200;
  assert.equal(batch.take(true), null, 'a stop takes no piece');
});

test('records of a fragment that broke off go with no piece: its position does not cover them', () => {
  const batch = new Batch(LIMITS, () => 0);
  batch.add(record(1));
  batch.mark(fragment(1, false));
  batch.add(record(2, 70_000));
  assert.equal(batch.take(), null);
});

test('a clock that is set back makes nobody wait until it has caught up', () => {
  let now = 10_000_000;
  const batch = new Batch(LIMITS, () => now);
  batch.mark(fragment(1));
  batch.take();
  now -= 3_600_000;
  batch.mark(fragment(2));
  assert.deepEqual(batch.take()?.position, { n: 2, end: true });
});
