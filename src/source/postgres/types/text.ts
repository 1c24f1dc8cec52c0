/** Types whose value is their text, or nearly. */
import type { ColumnType } from '../../../change/column-type.ts';
import type { Schema } from '../../../change/schema.ts';
import { jsonWord } from './json-word.ts';
import { malformed } from './malformed.ts';
import { logical, plain } from './schemas.ts';

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const T = 0x74;
const MINUS = 0x2d;

export const BOOLEAN: ColumnType = {
  schema: plain('boolean'),
  data: (bytes) => bytes[0] === T,
  json: (bytes, out) => out.raw(bytes[0] === T ? TRUE : FALSE),
};

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

/** An enum, and whether a label is among those of its schema: one added by ALTER TYPE is not until the catalog is read again. */
export interface EnumColumnType extends ColumnType {
  knows(bytes: Buffer): boolean;
}

export function enumType(labels: readonly string[]): EnumColumnType {
  const known = new Set(labels);
  const schema = logical('string', 'io.debezium.data.Enum', { allowed: labels.join(',') });
  return { ...textType(schema), knows: (bytes) => known.has(bytes.toString('utf8')) };
}

/** int2, int4: their digits are JSON already. */
export const smallInteger = (type: 'int16' | 'int32'): ColumnType => ({
  schema: plain(type),
  data: (bytes) => Number(digits(bytes, type)),
  json: (bytes, out) => {
    checkDigits(bytes, type);
    out.slice(bytes, 0, bytes.length);
  },
});

/** int8 and oid. */
export const INT64: ColumnType = {
  schema: plain('int64'),
  data: (bytes) => BigInt(digits(bytes, 'int64')),
  json: (bytes, out) => {
    checkDigits(bytes, 'int64');
    out.slice(bytes, 0, bytes.length);
  },
};

function digits(bytes: Buffer, type: string): string {
  checkDigits(bytes, type);
  return bytes.toString('latin1');
}

function checkDigits(bytes: Buffer, type: string): void {
  const start = bytes[0] === MINUS ? 1 : 0;
  let isNumber = bytes.length > start;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x30 || byte > 0x39) isNumber = false;
  }
  if (!isNumber) throw malformed(type, 'a whole number');
}

/** float4 and float8; their text is the shortest that gives the same number. */
export function floating(type: 'float32' | 'float64'): ColumnType {
  const read = (bytes: Buffer): number => {
    const text = bytes.toString('latin1');
    const value = Number(text);
    if (Number.isNaN(value) && text !== 'NaN') throw malformed(type, 'a number');
    return type === 'float32' ? Math.fround(value) : value;
  };
  return {
    schema: plain(type),
    data: read,
    json: (bytes, out) => out.ascii(jsonWord(read(bytes), type)),
  };
}
