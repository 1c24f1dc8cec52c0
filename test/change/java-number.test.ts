import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { javaDecimal, javaDouble, javaFloat } from '../../src/change/java-number.ts';

// Printed by OpenJDK; where 17 prints more digits than needed (JDK-4511638, corrected in 19), the shorter form of 19.
test('doubles are written as Double.toString does', () => {
  for (const [value, text] of [
    [1e-3, '0.001'],
    [9.99e-4, '9.99E-4'],
    [1e7, '1.0E7'],
    [9_999_999.5, '9999999.5'],
    [123_456.789, '123456.789'],
    [1e23, '1.0E23'],
    [4.9e-324, '4.9E-324'],
    [1 / 3, '0.3333333333333333'],
    [-0, '-0.0'],
    [0, '0.0'],
    [100, '100.0'],
    [-0.5, '-0.5'],
    [1e21, '1.0E21'],
    [12_345_678, '1.2345678E7'],
    [2e-5, '2.0E-5'],
    [Number.MAX_VALUE, '1.7976931348623157E308'],
    [Number.NaN, 'NaN'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
  ] as const) {
    assert.equal(javaDouble(value), text);
  }
});

test('floats are written as Float.toString does', () => {
  for (const [value, text] of [
    [0.1, '0.1'],
    [1e-45, '1.4E-45'],
    [3.4028235e38, '3.4028235E38'],
    [16_777_216, '1.6777216E7'],
    [0.001, '0.001'],
    [33_554_432, '3.3554432E7'],
    [123.456, '123.456'],
    [1e10, '1.0E10'],
    [-7, '-7.0'],
  ] as const) {
    assert.equal(javaFloat(Math.fround(value)), text);
  }
});

test('decimals are written as BigDecimal.toString does', () => {
  for (const [text, written] of [
    ['0.0000001', '1E-7'],
    ['0.000001', '0.000001'],
    ['0.0000000', '0E-7'],
    ['-0.00000012', '-1.2E-7'],
    ['123.4500', '123.4500'],
    ['12345678901234567890.00', '12345678901234567890.00'],
    ['0.00', '0.00'],
    ['5', '5'],
    ['NaN', 'NaN'],
  ] as const) {
    assert.equal(javaDecimal(text), written);
  }
});

test('every double and every float comes back from its text', () => {
  const back = (text: string): number => Number(text);
  fc.assert(fc.property(fc.double({ noNaN: true }), (value) => Object.is(back(javaDouble(value)), value)));
  fc.assert(fc.property(fc.float({ noNaN: true }), (value) => Object.is(Math.fround(back(javaFloat(value))), value)));
});
