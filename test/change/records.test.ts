import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Records } from '../../src/change/records.ts';
import { readVarint, varintBytes, varlongBytes, writeVarint, writeVarlong } from '../../src/change/varint.ts';
import { record } from '../support/arbitrary-record.ts';

test('records come back as they were added, in order, from shared memory that is used again', () => {
  const list = new Records();
  fc.assert(
    fc.property(fc.array(record(), { maxLength: 40 }), (given) => {
      list.clear();
      for (const each of given) list.add(each);
      assert.equal(list.length, given.length);
      assert.deepEqual(
        given.map((_, i) => list.at(i)),
        given,
      );
    }),
  );
});

test('taking the first records leaves the others', () => {
  fc.assert(
    fc.property(fc.array(record(), { maxLength: 30 }), fc.nat({ max: 30 }), (given, cut) => {
      const count = Math.min(cut, given.length);
      const list = Records.of(given);
      const bytes = list.bytes;
      const taken = list.shift(count);
      assert.deepEqual(
        Array.from({ length: taken.length }, (_, i) => taken.at(i)),
        given.slice(0, count),
      );
      assert.deepEqual(
        Array.from({ length: list.length }, (_, i) => list.at(i)),
        given.slice(count),
      );
      assert.equal(taken.bytes + list.bytes, bytes);
    }),
  );
});

test('what a list returns is a copy: the buffers given may be written again', () => {
  const key = Buffer.from('before');
  const list = Records.of([{ topic: 't', key, value: key, headers: [{ name: 'h', value: key }], timestampMs: 0 }]);
  key.fill(0);
  assert.equal(String(list.at(0).value), 'before');
});

test('a record larger than a chunk and thousands of small ones live in one list', () => {
  const big = { topic: 'big', key: null, value: Buffer.alloc(3_000_000, 7), headers: [], timestampMs: 1 };
  const small = (n: number) => ({
    topic: 'small',
    key: Buffer.from(String(n)),
    value: null,
    headers: [],
    timestampMs: n,
  });
  const given = [...Array.from({ length: 5000 }, (_, n) => small(n)), big, small(5000)];
  const list = Records.of(given);
  assert.deepEqual(list.at(5000), big);
  assert.deepEqual(list.at(4999), small(4999));
  assert.deepEqual(list.at(5001), small(5000));
});

test('numbers of 32 bits keep their value and their announced length', () => {
  const target = Buffer.alloc(16);
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (value) => {
      assert.equal(writeVarint(target, 3, value) - 3, varintBytes(value));
      assert.equal(readVarint(target, 3), value);
    }),
  );
});

test('numbers of 53 bits take the bytes they announce and agree with the 32-bit form', () => {
  const [wide, narrow] = [Buffer.alloc(16), Buffer.alloc(16)];
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const end = writeVarlong(wide, 0, value);
      assert.equal(end, varlongBytes(value));
      let decoded = 0n;
      for (let i = 0; i < end; i++) decoded |= BigInt((wide[i] ?? 0) & 0x7f) << BigInt(7 * i);
      assert.equal(Number((decoded >> 1n) ^ -(decoded & 1n)), value);
      if (Math.abs(value) >= 2 ** 30) return;
      assert.deepEqual(wide.subarray(0, end), narrow.subarray(0, writeVarint(narrow, 0, value)));
    }),
  );
});
