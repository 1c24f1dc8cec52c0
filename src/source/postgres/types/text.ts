/** Types whose value is their text, or nearly. */
import type { ColumnType } from '../../../change/column-type.ts';
import type { Schema } from '../../../change/schema.ts';
import { jsonWord } from '../../../change/json-word.ts';
import { malformed } from './malformed.ts';
import { logical, plain } from './schemas.ts';

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const T = 0x74;
const F = 0x66;
const MINUS = 0x2d;

export const BOOLEAN: ColumnType = {
  schema: plain('boolean'),
  data: isTrue,
  json: (bytes, out) => out.raw(isTrue(bytes) ? TRUE : FALSE),
};

function isTrue(bytes: Buffer): boolean {
  if (bytes.length !== 1 || (bytes[0] !== T && bytes[0] !== F)) throw malformed('boolean', 't or f');
  return bytes[0] === T;
}

/** Text that passes as it is. */
export const textType = (schema: Schema): ColumnType => ({
  schema,
  data: (bytes) => bytes.toString('utf8'),
  json: (bytes, out) => out.string(bytes),
});

/** Text that is made of the received text. */
export const madeText = (schema: Schema, make: (text: string) => string): ColumnType => ({
  schema,
  data: (bytes) => make(bytes.toString('utf8')),
  json: (bytes, out) => out.string(Buffer.from(make(bytes.toString('utf8')))),
});

const LABELS = new WeakMap<ColumnType, ReadonlySet<string>>();

export function enumType(labels: readonly string[]): ColumnType {
  const type = textType(logical('string', 'io.debezium.data.Enum', { allowed: labels.join(',') }));
  LABELS.set(type, new Set(labels));
  return type;
}

/** Of an array that has the enum's labels as elements. */
export function withLabelsOf(element: ColumnType, array: ColumnType): ColumnType {
  const labels = LABELS.get(element);
  if (labels !== undefined) LABELS.set(array, labels);
  return array;
}

/**
 * The labels of an enum, or of the elements of an array; null for other types. A value with another one is newer than the catalog (ALTER TYPE … ADD
 * VALUE, which the stream does not tell): read it again, so that the schema allows for it.
 */
export function enumLabels(type: ColumnType): ReadonlySet<string> | null {
  return LABELS.get(type) ?? null;
}

/** int2, int4: their digits are JSON already. */
export function smallInteger(type: 'int16' | 'int32'): ColumnType {
  const limit = type === 'int16' ? 0x8000 : 0x8000_0000;
  const read = (bytes: Buffer): number => {
    const value = wholeNumber(bytes, type);
    if (value >= limit || value < -limit) throw malformed(type, 'in its range');
    return value;
  };
  return {
    schema: plain(type),
    data: read,
    json: (bytes, out) => {
      read(bytes);
      out.slice(bytes, 0, bytes.length);
    },
  };
}

/** int8 and oid. */
export const INT64: ColumnType = {
  schema: plain('int64'),
  data: (bytes) => {
    if (Number.isSafeInteger(wholeNumber(bytes, 'int64'))) return BigInt(bytes.toString('latin1'));
    const value = BigInt(bytes.toString('latin1'));
    if (BigInt.asIntN(64, value) !== value) throw malformed('int64', 'in its range');
    return value;
  },
  json: (bytes, out) => {
    if (!Number.isSafeInteger(wholeNumber(bytes, 'int64'))) INT64.data(bytes);
    out.slice(bytes, 0, bytes.length);
  },
};

/** The number that the digits make: exact if it is a safe integer. No zero leads, as in JSON. */
function wholeNumber(bytes: Buffer, type: string): number {
  const start = bytes[0] === MINUS ? 1 : 0;
  let value = 0;
  for (let i = start; i < bytes.length; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9 || (value === 0 && i > start)) throw malformed(type, 'a whole number');
    value = value * 10 + digit;
  }
  if (bytes.length === start || (value === 0 && start === 1)) throw malformed(type, 'a whole number');
  return start === 1 ? -value : value;
}

/** float4 and float8; their text is the shortest that gives the same number. */
export function floating(type: 'float32' | 'float64'): ColumnType {
  // That many survive in either.
  const digits = type === 'float32' ? 6 : 15;
  const read = (bytes: Buffer): number => {
    const text = bytes.toString('latin1');
    const value = Number(text);
    if (Number.isNaN(value) && text !== 'NaN') throw malformed(type, 'a number');
    return type === 'float32' ? Math.fround(value) : value;
  };
  return {
    schema: plain(type),
    data: read,
    json: (bytes, out) => {
      const written = javaDigits(bytes, digits);
      if (written === 0) out.ascii(jsonWord(read(bytes), type));
      else {
        out.slice(bytes, 0, bytes.length);
        if (written === WITHOUT_POINT) out.raw(POINT_ZERO);
      }
    },
  };
}

const POINT = 0x2e;
const POINT_ZERO = Buffer.from('.0');
const WITH_POINT = 1;
const WITHOUT_POINT = 2;

/**
 * Whether the text is what Java writes, or only lacks the `.0`: from 0.001 to 10^7, with so few digits that they are the
 * shortest in any reckoning. Else 0.
 */
function javaDigits(bytes: Buffer, digits: number): 0 | typeof WITH_POINT | typeof WITHOUT_POINT {
  const start = bytes[0] === MINUS ? 1 : 0;
  let point = -1;
  let firstNonZero = -1;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === POINT && point < 0) point = i;
    else if (byte < 0x30 || byte > 0x39) return 0;
    else if (byte > 0x30 && firstNonZero < 0) firstNonZero = i;
  }
  const whole = (point < 0 ? bytes.length : point) - start;
  // No zero leads but a single one, and none ends.
  const isOdd =
    whole === 0 || (whole > 1 && bytes[start] === 0x30) || (point >= 0 && (bytes[bytes.length - 1] as number) <= 0x30);
  const isSmall = firstNonZero < 0 ? point >= 0 : point >= 0 && firstNonZero > point + 3;
  if (isOdd || isSmall || whole > 7 || bytes.length - start > digits) return 0;
  return point < 0 ? WITHOUT_POINT : WITH_POINT;
}
