/** numeric and money: exact decimals (https://www.postgresql.org/docs/current/datatype-numeric.html). */
import type { ColumnType } from '../../../change/column-type.ts';
import { jsonWord } from '../../../change/json-word.ts';
import { malformed } from './malformed.ts';
import type { TypeOptions } from './options.ts';
import { VARIABLE_SCALE_DECIMAL, decimalSchema, plain } from './schemas.ts';

const MINUS = 0x2d;
const POINT = 0x2e;
/** Digits that a double holds exactly. */
const EXACT_DIGITS = 15;

/** `unscaled` times ten to the power of minus `scale`. */
export interface Decimal {
  readonly unscaled: bigint | number;
  readonly scale: number;
}

/** The digits of plain decimal text, and how many of them stand behind the point. Null: it is something else. */
export function readDecimal(bytes: Buffer): Decimal | null {
  const start = bytes[0] === MINUS ? 1 : 0;
  let value = 0;
  let point = -1;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte >= 0x30 && byte <= 0x39) value = value * 10 + (byte - 0x30);
    else if (byte === POINT && point < 0) point = i;
    else return null;
  }
  if (bytes.length === start) return null;
  const scale = point < 0 ? 0 : bytes.length - point - 1;
  if (bytes.length - start <= EXACT_DIGITS) return { unscaled: start === 1 ? 0 - value : value, scale };
  return { unscaled: BigInt(bytes.toString('latin1').replace('.', '')), scale };
}

/** `BigInteger.toByteArray`: big-endian, as short as the sign allows. */
export function twosComplement(value: bigint | number): Buffer {
  if (typeof value === 'number') return ofNumber(value);
  const isNegative = value < 0n;
  // Of a negative number the bytes of its complement are turned around.
  let hex = (isNegative ? -value - 1n : value).toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  if (hex.charCodeAt(0) >= 0x38) hex = `00${hex}`;
  const bytes = Buffer.from(hex, 'hex');
  if (isNegative) for (let i = 0; i < bytes.length; i++) bytes[i] = ~(bytes[i] as number);
  return bytes;
}

function ofNumber(value: number): Buffer {
  let length = 1;
  for (let limit = 128; value >= limit || value < -limit; limit *= 256) length++;
  const bytes = Buffer.allocUnsafe(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    const next = Math.floor(rest / 256);
    bytes[i] = rest - next * 256;
    rest = next;
  }
  return bytes;
}

/** numeric. `modifier` is that of the type: precision and scale, or -1. */
export function numericType(options: TypeOptions, modifier: number): ColumnType {
  if (options.decimal === 'double') return doubleType((bytes) => plainNumber(bytes));
  if (options.decimal === 'string') return stringDecimal;
  if (modifier === -1) return variableScale;
  // The scale is the lower eleven bits, signed (numeric.c: numeric_typmod_scale).
  const scale = (((modifier - 4) & 0x7ff) ^ 0x400) - 0x400;
  const precision = (modifier - 4) >> 16;
  const read = (bytes: Buffer): Buffer => twosComplement(rescaled(exact(bytes), scale, 'numeric'));
  return {
    schema: decimalSchema(scale, precision),
    data: read,
    json: (bytes, out) => out.base64(read(bytes)),
  };
}

const SPECIAL: ReadonlyMap<string, string> = new Map([
  ['NaN', 'NAN'],
  ['Infinity', 'POSITIVE_INFINITY'],
  ['-Infinity', 'NEGATIVE_INFINITY'],
]);

const stringDecimal: ColumnType = {
  schema: plain('string'),
  data: (bytes) => (isPlain(bytes) ? bytes.toString('latin1') : special(bytes)),
  json: (bytes, out) => out.string(isPlain(bytes) ? bytes : Buffer.from(special(bytes))),
};

function isPlain(bytes: Buffer): boolean {
  for (let i = bytes[0] === MINUS ? 1 : 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if ((byte < 0x30 || byte > 0x39) && byte !== POINT) return false;
  }
  return bytes.length > 0;
}

function special(bytes: Buffer): string {
  const name = SPECIAL.get(bytes.toString('latin1'));
  if (name === undefined) throw malformed('numeric', 'a number');
  return name;
}

function plainNumber(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  const value = Number(text);
  if (Number.isNaN(value) && text !== 'NaN') throw malformed('numeric', 'a number');
  return value;
}

function doubleType(read: (bytes: Buffer) => number): ColumnType {
  return {
    schema: plain('float64'),
    data: read,
    json: (bytes, out) => out.ascii(jsonWord(read(bytes), 'float64')),
  };
}

const SCALE = Buffer.from('{"scale":');
const VALUE = Buffer.from(',"value":');
const CLOSE = 0x7d;

const variableScale: ColumnType = {
  schema: VARIABLE_SCALE_DECIMAL,
  data: (bytes) => {
    const { unscaled, scale } = withoutTrailingZeros(bytes);
    return { scale, value: twosComplement(unscaled) };
  },
  json: (bytes, out) => {
    const { unscaled, scale } = withoutTrailingZeros(bytes);
    out.raw(SCALE);
    out.integer(scale);
    out.raw(VALUE);
    out.base64(twosComplement(unscaled));
    out.byte(CLOSE);
  },
};

/** Zeros behind the point are no digits to Debezium; those before it are. */
function withoutTrailingZeros(bytes: Buffer): Decimal {
  const point = bytes.indexOf(POINT);
  if (point < 0) return exact(bytes);
  let end = bytes.length;
  while (bytes[end - 1] === 0x30) end--;
  return exact(bytes.subarray(0, end === point + 1 ? point : end));
}

function exact(bytes: Buffer): Decimal {
  const decimal = readDecimal(bytes);
  if (decimal !== null) return decimal;
  throw malformed(
    'numeric',
    'a number',
    SPECIAL.has(bytes.toString('latin1'))
      ? 'NaN and infinities have no exact form; set "decimal.handling.mode" to "string" or "double"'
      : undefined,
  );
}

/** The unscaled value at another scale. Digits that would be lost are an error. */
function rescaled({ unscaled, scale }: Decimal, target: number, type: string): bigint | number {
  if (scale === target) return unscaled;
  const value = BigInt(unscaled);
  if (target > scale) return value * 10n ** BigInt(target - scale);
  const divisor = 10n ** BigInt(scale - target);
  if (value % divisor !== 0n) throw malformed(type, `a number of scale ${target}`);
  return value / divisor;
}

/** money, which is text in the currency and style of the server's locale. */
export function moneyType(options: TypeOptions): ColumnType {
  const digits = options.moneyFractionDigits;
  const read = (bytes: Buffer): Decimal => readMoney(bytes, digits);
  if (options.decimal === 'double') return doubleType((bytes) => Number(plainText(read(bytes))));
  if (options.decimal === 'string') {
    return {
      schema: plain('string'),
      data: (bytes) => plainText(read(bytes)),
      json: (bytes, out) => out.ascii(`"${plainText(read(bytes))}"`),
    };
  }
  const unscaled = (bytes: Buffer): Buffer => twosComplement(rounded(read(bytes), digits));
  return { schema: decimalSchema(digits), data: unscaled, json: (bytes, out) => out.base64(unscaled(bytes)) };
}

/**
 * An amount in any locale: what stands between digits groups them, but for a last separator that is followed by another
 * number of digits than three, or by as many as `money.fraction.digits` says. A minus or parentheses anywhere negate.
 */
function readMoney(bytes: Buffer, fractionDigits: number): Decimal {
  const text = bytes.toString('utf8');
  const amount = /\d(?:.*\d)?/u.exec(text)?.[0];
  if (amount === undefined) throw malformed('money', 'an amount');
  const last = /[.,](\d+)$/.exec(amount)?.[1] ?? '';
  const scale = last.length === 3 && fractionDigits !== 3 ? 0 : last.length;
  const value = BigInt(amount.replaceAll(/\D/gu, ''));
  return { unscaled: /[-−(]/.test(text) ? -value : value, scale };
}

function plainText({ unscaled, scale }: Decimal): string {
  const value = BigInt(unscaled);
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${value < 0n ? '-' : ''}${whole}${scale === 0 ? '' : `.${digits.slice(digits.length - scale)}`}`;
}

/** At another scale, halves away from zero. */
function rounded({ unscaled, scale }: Decimal, target: number): bigint {
  const value = BigInt(unscaled);
  if (target >= scale) return value * 10n ** BigInt(target - scale);
  const divisor = 10n ** BigInt(scale - target);
  const half = value < 0n ? -divisor / 2n : divisor / 2n;
  return (value + half) / divisor;
}
