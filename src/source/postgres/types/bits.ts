/** bit and bit varying. */
import type { ColumnType } from '../../../change/column-type.ts';
import { malformed } from './malformed.ts';
import { BOOLEAN } from './text.ts';
import { logical } from './schemas.ts';

const ZERO = 0x30;
const ONE = 0x31;
/** What pgjdbc calls the length of a type without one. */
const NO_LENGTH = 2_147_483_647;

/**
 * A single bit is a boolean, more of them are little-endian bytes up to the highest that is set. `length` is the type's
 * modifier; -1: bit varying of any length.
 */
export function bitsType(length: number): ColumnType {
  const bits = length === -1 ? NO_LENGTH : length;
  if (bits <= 1) {
    const isSet = (bytes: Buffer): boolean => littleEndian(bytes).length > 0;
    return {
      schema: BOOLEAN.schema,
      data: isSet,
      json: (bytes, out) => out.ascii(isSet(bytes) ? 'true' : 'false'),
    };
  }
  return {
    schema: logical('bytes', 'io.debezium.data.Bits', { length: String(bits) }),
    data: littleEndian,
    json: (bytes, out) => out.base64(littleEndian(bytes)),
  };
}

function littleEndian(text: Buffer): Buffer {
  let first = 0;
  while (text[first] === ZERO) first++;
  const bits = text.length - first;
  const bytes = Buffer.alloc(Math.ceil(bits / 8));
  for (let bit = 0; bit < bits; bit++) {
    const digit = text[text.length - 1 - bit];
    if (digit === ONE) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
    else if (digit !== ZERO) throw malformed('bit', 'a string of bits');
  }
  return bytes;
}
