/** Numbers as Java reads, converts and writes them. */
import { problem } from './structs.ts';

/** `java.math.BigDecimal`: unscaled × 10^-scale. */
export interface BigDecimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

/** Two's complement, big-endian, as `BigInteger.toByteArray` and Connect's Decimal. */
export function bytesOf(unscaled: bigint): Uint8Array {
  let length = 1;
  while (BigInt.asIntN(length * 8, unscaled) !== unscaled) length++;
  const hex = BigInt.asUintN(length * 8, unscaled)
    .toString(16)
    .padStart(length * 2, '0');
  return Buffer.from(hex, 'hex');
}

export function unscaledOf(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
}

/** `Double.toString`. */
export function doubleText(value: number): string {
  return floatingText(value, value.toExponential());
}

/** `Float.toString`: the fewest digits that are that float and no other. */
export function floatText(value: number): string {
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return floatingText(value, text);
  }
  return floatingText(value, value.toExponential());
}

function floatingText(value: number, exponential: string): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa = '', exponent = '0'] = exponential.replace('-', '').replace('.', '').split(/e\+?/);
  const sign = value < 0 ? '-' : '';
  const at = Number(exponential.slice(exponential.indexOf('e') + 1));
  const digits = mantissa.replace(/0+$/, '') || exponent;
  if (at >= 7 || at < -3) return `${sign}${digits[0]}.${digits.slice(1) || '0'}E${at}`;
  if (at < 0) return `${sign}0.${'0'.repeat(-at - 1)}${digits}`;
  const whole = digits.slice(0, at + 1).padEnd(at + 1, '0');
  return `${sign}${whole}.${digits.slice(at + 1) || '0'}`;
}

/** `BigDecimal.toString`. */
export function decimalText({ unscaled, scale }: BigDecimal): string {
  const sign = unscaled < 0n ? '-' : '';
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  if (scale === 0) return sign + digits;
  const adjusted = digits.length - 1 - scale;
  if (scale > 0 && adjusted >= -6) {
    const padded = digits.padStart(scale + 1, '0');
    return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
  }
  const rest = digits.slice(1);
  return `${sign}${digits[0]}${rest === '' ? '' : `.${rest}`}E${adjusted < 0 ? '' : '+'}${adjusted}`;
}

/** `new BigDecimal(text)`; null where Java throws. */
export function readDecimal(text: string): BigDecimal | null {
  const match = /^([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:[eE]([+-]?\d{1,10}))?$/.exec(text);
  if (match === null) return null;
  const fraction = match[3] ?? match[4] ?? '';
  const unscaled = BigInt((match[2] ?? '') + fraction);
  const scale = fraction.length - Number(match[5] ?? 0);
  if (Math.abs(scale) > 0x7fff_ffff) return null;
  return { unscaled: match[1] === '-' ? -unscaled : unscaled, scale };
}

/** The whole part, as far as anybody asks: what is multiplied by 10^64 and more is 0 in its last 64 bits. */
export function wholeOf({ unscaled, scale }: BigDecimal): bigint {
  if (scale <= -64) return 0n;
  if (scale <= 0) return unscaled * 10n ** BigInt(-scale);
  if (scale > unscaled.toString().length) return 0n;
  return unscaled / 10n ** BigInt(scale);
}

export function doubleOf(decimal: BigDecimal): number {
  return Number(`${decimal.unscaled}e${-decimal.scale}`);
}

const INT_BITS = { int8: 8, int16: 16, int32: 32, int64: 64 } as const;
export type IntegerType = keyof typeof INT_BITS;

/** The low bits, as Java narrows an integer. */
export function narrowed(value: bigint, type: IntegerType): number | bigint {
  const bits = BigInt.asIntN(INT_BITS[type], value);
  return type === 'int64' ? bits : Number(bits);
}

/** A float to an integer: to an int or long that is nearest, towards zero, and from there the low bits. */
export function truncated(value: number, type: IntegerType): number | bigint {
  if (Number.isNaN(value)) return type === 'int64' ? 0n : 0;
  const [min, max] = type === 'int64' ? [-(2n ** 63n), 2n ** 63n - 1n] : [-(2n ** 31n), 2n ** 31n - 1n];
  const whole = value >= Number(max) ? max : value <= Number(min) ? min : BigInt(Math.trunc(value));
  return narrowed(whole, type);
}

/** `Byte.parseByte` and the like. Throws `data`. */
export function parseInteger(text: string, type: IntegerType): number | bigint {
  if (/^[+-]?\d+$/.test(text)) {
    const value = BigInt(text.replace(/^\+/, ''));
    if (BigInt.asIntN(INT_BITS[type], value) === value) return type === 'int64' ? value : Number(value);
  }
  throw problem(`a text is no ${type}`);
}

/** `Double.parseDouble`. Throws `data`. */
export function parseDouble(text: string): number {
  // Java trims whatever is not above the space.
  const trimmed = text.replaceAll(/^[\0- ]+|[\0- ]+$/g, '');
  const match = /^([+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))[fFdD]?$/.exec(trimmed)?.[1];
  const hexadecimal = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d{1,9})[fFdD]?$/.exec(trimmed);
  if (hexadecimal !== null && `${hexadecimal[2]}${hexadecimal[3]}` !== '') {
    const [, sign, whole = '', fraction = '', exponent = ''] = hexadecimal;
    const value = Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (Number(exponent) - 4 * fraction.length);
    return sign === '-' ? -value : value;
  }
  if (match === undefined || (/[NI]/.test(match) && /[fFdD]$/.test(trimmed))) throw problem('a text is no number');
  return Number(match.replace(/^\+/, '').replace('-NaN', 'NaN'));
}
