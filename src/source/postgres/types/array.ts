/** Arrays (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO). */
import type { ColumnType } from '../../../change/column-type.ts';
import type { Data } from '../../../change/schema.ts';
import { withOptional } from '../../../change/schema.ts';
import { malformed } from './malformed.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const EQUALS = 0x3d;
const COMMA = 0x2c;
const SPACE = 0x20;
const NULL = Buffer.from('null');

type Read = (bytes: Buffer, each: (element: Buffer | null) => void) => void;

/**
 * An array of a type. The type of an array does not say how many dimensions it has, so its schema is flat, and the
 * elements of all dimensions follow one another.
 */
export function arrayType(element: ColumnType, optional: boolean, delimiter: string): ColumnType {
  const separator = delimiter.charCodeAt(0);
  return listType(element, optional, (bytes, each) => readArray(bytes, separator, each));
}

/** int2vector and oidvector: elements with spaces between them. */
export function vectorOf(element: ColumnType): ColumnType {
  return listType(element, false, (bytes, each) => {
    let start = 0;
    for (let at = 0; at <= bytes.length; at++) {
      if (at < bytes.length && bytes[at] !== SPACE) continue;
      if (at > start) each(bytes.subarray(start, at));
      start = at + 1;
    }
  });
}

function listType(element: ColumnType, optional: boolean, read: Read): ColumnType {
  return {
    schema: Object.freeze({
      type: 'array',
      optional: false,
      items: optional ? withOptional(element.schema, true) : element.schema,
    }),
    data: (bytes) => {
      const list: Data[] = [];
      read(bytes, (each) => list.push(each === null ? null : element.data(each)));
      return list;
    },
    json: (bytes, out) => {
      let isFirst = true;
      out.byte(0x5b);
      read(bytes, (each) => {
        if (!isFirst) out.byte(COMMA);
        isFirst = false;
        if (each === null) out.raw(NULL);
        else element.json(each, out);
      });
      out.byte(0x5d);
    },
  };
}

/** Gives the elements one after the other, unquoted; null for NULL. */
export function readArray(bytes: Buffer, separator: number, each: (element: Buffer | null) => void): void {
  // Bounds that do not begin with 1 are named before the elements: [0:1]={…}
  let at = bytes[0] === OPEN ? 0 : bytes.indexOf(EQUALS) + 1;
  let depth = 0;
  do {
    const byte = bytes[at];
    if (byte === OPEN) {
      depth++;
      at++;
    } else if (byte === CLOSE) {
      depth--;
      at++;
    } else if (byte === separator) at++;
    else if (byte === QUOTE) at = quoted(bytes, at + 1, each);
    else if (byte !== undefined && depth > 0) at = bare(bytes, at, separator, each);
    else throw wrong();
  } while (depth > 0);
  if (at !== bytes.length) throw wrong();
}

function quoted(bytes: Buffer, start: number, each: (element: Buffer) => void): number {
  let escapes = 0;
  let end = start;
  for (; bytes[end] !== QUOTE; end++) {
    if (bytes[end] === BACKSLASH) {
      escapes++;
      end++;
    }
    if (end >= bytes.length) throw wrong();
  }
  each(escapes === 0 ? bytes.subarray(start, end) : unescaped(bytes, start, end, escapes));
  return end + 1;
}

function unescaped(bytes: Buffer, start: number, end: number, escapes: number): Buffer {
  const plain = Buffer.allocUnsafe(end - start - escapes);
  let to = 0;
  for (let from = start; from < end; from++) {
    if (bytes[from] === BACKSLASH) from++;
    plain[to++] = bytes[from] as number;
  }
  return plain;
}

function bare(bytes: Buffer, start: number, separator: number, each: (element: Buffer | null) => void): number {
  let end = start;
  while (bytes[end] !== separator && bytes[end] !== CLOSE) {
    if (end >= bytes.length) throw wrong();
    end++;
  }
  each(isNull(bytes, start, end) ? null : bytes.subarray(start, end));
  return end;
}

/** PostgreSQL quotes the text "NULL", and writes the absent value in capitals. */
const isNull = (bytes: Buffer, start: number, end: number): boolean =>
  end - start === 4 && bytes[start] === 0x4e && bytes.toString('latin1', start, end) === 'NULL';

const wrong = (): Error => malformed('array', 'elements in braces');
