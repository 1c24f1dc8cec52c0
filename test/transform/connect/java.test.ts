/** Numbers, dates and literals as Java writes and reads them, beyond the cases that were asked of Java itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dateOf, daysOf, weekdayOf } from '../../../src/transform/connect/java-calendar.ts';
import { ISO_8601, formatDate } from '../../../src/transform/connect/java-date-format.ts';
import { parseDate } from '../../../src/transform/connect/java-date-parse.ts';
import {
  bytesOf,
  decimalText,
  doubleText,
  floatText,
  readDecimal,
  unscaledOf,
} from '../../../src/transform/connect/java-number.ts';
import { literalText, readLiteral } from '../../../src/transform/connect/literal.ts';

const NOW = new Date('2026-01-01T00:00:00Z');

test('a day is the same as in JavaScript from 1582 on, and Julian before', () => {
  fc.assert(
    fc.property(fc.integer({ min: -141_427, max: 50_000_000 }), (days) => {
      const date = new Date(days * 86_400_000);
      const expected = { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
      assert.deepEqual(dateOf(days), expected);
      assert.equal(weekdayOf(days) % 7, date.getUTCDay());
    }),
  );
  assert.deepEqual(dateOf(-141_428), { year: 1582, month: 10, day: 4 });
  fc.assert(fc.property(fc.integer({ min: -2_000_000, max: 2_000_000 }), (days) => daysOf(dateOf(days)) === days));
});

test('what is formatted is read again', () => {
  const ms = fc.bigInt({ min: -62_135_769_600_000n, max: 253_402_300_799_999n });
  fc.assert(
    fc.property(ms, (each) => {
      assert.equal(parseDate(ISO_8601.timestamp, formatDate(ISO_8601.timestamp, each), NOW), each);
    }),
  );
});

test('numbers are written so that they are read as the same', () => {
  fc.assert(fc.property(fc.double({ noNaN: true }), (each) => Object.is(Number(doubleText(each)), each)));
  fc.assert(fc.property(fc.float({ noNaN: true }), (each) => Object.is(Math.fround(Number(floatText(each))), each)));
  fc.assert(
    fc.property(fc.bigInt(), fc.integer({ min: -20, max: 40 }), (unscaled, scale) => {
      assert.deepEqual(readDecimal(decimalText({ unscaled, scale })), { unscaled, scale });
      assert.equal(unscaledOf(bytesOf(unscaled)), unscaled);
    }),
  );
  assert.deepEqual([1e7, 1e-3, 9.99e-4, 100, -0, 1.0e21].map(doubleText), [
    '1.0E7',
    '0.001',
    '9.99E-4',
    '100.0',
    '-0.0',
    '1.0E21',
  ]);
});

test('a literal as it is written says the same again, whatever the text', () => {
  const text = fc.oneof(
    fc.string(),
    fc
      .array(
        fc.constantFrom('[', ']', '{', '}', ',', ':', '"', '\\', '1', '2.5', 'a', ' ', 'null', 'true', '2024-02-29'),
      )
      .map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, (each) => {
      const once = literalText(readLiteral(each));
      assert.ok(once === null || typeof once === 'string');
    }),
    { numRuns: 3000 },
  );
});
