import { javaDouble, javaFloat } from './java-number.ts';

/** A floating-point number as Jackson writes it: what JSON has no number for is a string. */
export function jsonWord(value: number, type: 'float32' | 'float64'): string {
  const word = type === 'float32' ? javaFloat(value) : javaDouble(value);
  return Number.isFinite(value) ? word : `"${word}"`;
}
