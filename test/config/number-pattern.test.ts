import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { wholeNumbers } from '../../src/config/number-pattern.ts';

test('property: the pattern of a range matches the texts of its numbers and no others', () => {
  const number = fc.oneof(fc.integer({ min: -3000, max: 3000 }), fc.integer(), fc.constantFrom(2 ** 40, 2 ** 31 - 1));
  const spelling = fc.record({ zeros: fc.nat(3), plus: fc.boolean() });
  fc.assert(
    fc.property(number, number, fc.array(fc.integer({ min: -3, max: 3 })), number, spelling, (a, b, near, far, how) => {
      const [min, max] = [Math.min(a, b), Math.max(a, b)];
      const pattern = new RegExp(`^(?:${wholeNumbers(min, max)})$`, 'u');
      for (const value of [far, ...near.flatMap((step) => [min + step, max + step])]) {
        const sign = value < 0 ? '-' : how.plus ? '+' : '';
        const text = `${sign}${'0'.repeat(how.zeros)}${Math.abs(value)}`;
        assert.equal(pattern.test(text), value >= min && value <= max, `${text} in ${min} to ${max}`);
      }
      for (const text of ['', '+', '-', '1.5', '1e3', ' 1']) assert.ok(!pattern.test(text), text);
    }),
    { numRuns: 1000 },
  );
});
