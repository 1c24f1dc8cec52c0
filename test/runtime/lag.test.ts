import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LogPoint, LogReading } from '../../src/ports.ts';
import { Lag } from '../../src/runtime/lag.ts';

const S = 1000;
const point = (bytes: number): LogPoint => ({ bytes: BigInt(bytes), text: `0/${bytes}` });
const reading = (head: number, confirmed: number | null): LogReading => ({
  head: point(head),
  confirmed: confirmed === null ? null : point(confirmed),
  retainedBytes: 7,
  decoding: false,
});

test('nothing is known before the first reading; without one for 30 s the lag is the time since then', () => {
  const lag = new Lag(0);
  assert.deepEqual([lag.seconds(5 * S, false), lag.bytes(5 * S)], [null, null]);
  assert.equal(lag.seconds(40 * S, false), 40);
});

test('with everything delivered the lag is 0, and in hand it is the age of the oldest commit', () => {
  const lag = new Lag(0);
  lag.read(reading(100, 100), 10 * S, true);
  assert.deepEqual([lag.seconds(12 * S, false), lag.bytes(12 * S)], [0, 0]);
  lag.pending(11_000_000n);
  assert.equal(lag.seconds(15 * S, false), 4);
  lag.pending(null);
  lag.deliver(point(130));
  // Ahead of the last reading: not a negative number.
  assert.deepEqual([lag.seconds(16 * S, false), lag.bytes(16 * S)], [0, 0]);
});

test('while nothing is delivered the lag grows from the first reading beyond the position, and falls when it moves', () => {
  const lag = new Lag(0);
  lag.read(reading(100, 100), 0, true);
  for (let at = 10; at <= 100; at += 10) lag.read(reading(100 + at, 100), at * S, false);
  assert.deepEqual([lag.seconds(105 * S, false), lag.bytes(105 * S)], [95, 100]);
  lag.deliver(point(155));
  assert.deepEqual([lag.seconds(105 * S, false), lag.bytes(105 * S)], [45, 45]);
  lag.deliver(point(200));
  assert.deepEqual([lag.seconds(105 * S, false), lag.bytes(105 * S)], [0, 0]);
});

test('when the database cannot be asked any more, bytes are not shown and seconds go on', () => {
  const lag = new Lag(0);
  lag.read(reading(100, 100), 10 * S, true);
  assert.deepEqual([lag.seconds(40 * S, false), lag.bytes(40 * S), lag.fresh(40 * S)?.retainedBytes], [0, 0, 7]);
  assert.deepEqual([lag.seconds(41 * S, false), lag.bytes(41 * S), lag.fresh(41 * S)], [31, null, null]);
});

test('a standby shows the lag of the one that works, as of the last reading, and the time since when there is none', () => {
  const lag = new Lag(0);
  for (let at = 10; at <= 50; at += 10) lag.read(reading(100 * at, 100 * at - 1), at * S, false);
  // The worker is never more than a reading behind.
  assert.equal(lag.seconds(59 * S, true), 0);
  for (let at = 60; at <= 90; at += 10) lag.read(reading(100 * at, 4999), at * S, false);
  assert.equal(lag.seconds(95 * S, true), 40);
  assert.equal(lag.seconds(125 * S, true), 75);
});

test('a log that ends before our position is another log', () => {
  const lag = new Lag(0);
  lag.read(reading(1000, 1000), 0, true);
  lag.read(reading(990, 900), 10 * S, true);
  assert.equal(lag.delivered?.text, '0/1000', 'while streaming a reading may be older than the acknowledgement');
  lag.read(reading(500, 400), 20 * S, false);
  assert.deepEqual([lag.delivered?.text, lag.bytes(20 * S)], ['0/400', 100]);
});

test('before the first start there is no position, and so no lag in bytes', () => {
  const lag = new Lag(0);
  lag.read(reading(1000, null), 0, false);
  assert.deepEqual([lag.bytes(S), lag.seconds(S, false), lag.behindSince], [null, 0, null]);
});

test('a whole year of outage takes no more memory, and the oldest mark stays', () => {
  const lag = new Lag(0);
  lag.read(reading(1, 1), 0, true);
  for (let at = 1; at <= 10_000; at++) lag.read(reading(1 + at, 1), at * 10 * S, false);
  assert.equal(lag.behindSince, 10 * S);
  assert.equal(lag.seconds(100_000 * S, false), 99_990);
});

test('the lag is never negative, and 0 exactly when the position has reached every reading', () => {
  const step = fc.record({ head: fc.nat(50), deliver: fc.nat(60) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      const lag = new Lag(0);
      let [now, head, delivered] = [0, 0, 0];
      lag.read(reading(0, 0), 0, true);
      for (const each of steps) {
        now += S;
        head += each.head;
        lag.read(reading(head, 0), now, true);
        delivered = Math.min(head, delivered + each.deliver);
        lag.deliver(point(delivered));
        const seconds = lag.seconds(now + 1, false);
        assert.equal(lag.bytes(now), head - delivered);
        assert.ok(seconds !== null && seconds >= 0 && (seconds === 0) === (delivered === head));
      }
    }),
  );
});
