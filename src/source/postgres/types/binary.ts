/** bytea, and types that nobody knows, in `binary.handling.mode` (https://www.postgresql.org/docs/current/datatype-binary.html). */
import type { ColumnType } from '../../../change/column-type.ts';
import { javaDouble } from '../../../change/java-number.ts';
import { malformed } from './malformed.ts';
import type { TypeOptions } from './options.ts';
import { plain } from './schemas.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const X = 0x78;

/** The bytes that bytea's text stands for: `\x` and hexadecimal digits (our sessions set `bytea_output = hex`). */
export function decodeBytea(text: Buffer): Buffer {
  const bytes = Buffer.from(text.toString('latin1', 2), 'hex');
  // Buffer.from stops at what is no digit.
  if (text[0] !== BACKSLASH || text[1] !== X || bytes.length * 2 !== text.length - 2) {
    throw malformed('bytea', 'hexadecimal');
  }
  return bytes;
}

/** A binary column in one of Debezium's four forms; `decode` gives the bytes that are meant. */
export function binaryType(mode: TypeOptions['binary'], decode: (text: Buffer) => Buffer): ColumnType {
  if (mode === 'bytes') {
    return { schema: plain('bytes'), data: decode, json: (bytes, out) => out.base64(decode(bytes)) };
  }
  const text = (bytes: Buffer): string => inMode(decode(bytes), mode);
  return {
    schema: plain('string'),
    data: text,
    json: (bytes, out) => {
      out.byte(QUOTE);
      out.ascii(text(bytes));
      out.byte(QUOTE);
    },
  };
}

function inMode(bytes: Buffer, mode: 'base64' | 'base64-url-safe' | 'hex'): string {
  if (mode !== 'base64-url-safe') return bytes.toString(mode);
  // Java's encoder pads, Node's does not.
  const text = bytes.toString('base64url');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

/** A type that nobody knows: the bytes of its text. */
export const unknownType = (options: TypeOptions): ColumnType => binaryType(options.binary, (text) => text);

const NUMBER = /-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Infinity)|NaN/g;

/** box, circle, line, lseg, path, polygon: the text that pgjdbc's objects make of them, with Java's numbers. */
export const geometricType = (options: TypeOptions): ColumnType =>
  binaryType(options.binary, (text) =>
    Buffer.from(
      text.toString('latin1').replaceAll(NUMBER, (number) => javaDouble(Number(number))),
      'latin1',
    ),
  );
