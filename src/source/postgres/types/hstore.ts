/** hstore (https://www.postgresql.org/docs/current/hstore.html), as JSON text or as a map. */
import type { ColumnType } from '../../../change/column-type.ts';
import { inHashOrder, javaStringHash } from './java-hash.ts';
import { malformed } from './malformed.ts';
import type { TypeOptions } from './options.ts';
import { JSON_TEXT, STRING_MAP } from './schemas.ts';
import { madeText } from './text.ts';

type Pair = readonly [key: string, value: string | null];

export function hstoreType({ hstore }: TypeOptions): ColumnType {
  if (hstore === 'json') return madeText(JSON_TEXT, jsonText);
  return {
    schema: STRING_MAP,
    data: (bytes) => new Map(pairs(bytes.toString('utf8'))),
    json: (bytes, out) => {
      out.ascii('{');
      for (const [index, [key, value]] of pairs(bytes.toString('utf8')).entries()) {
        if (index > 0) out.ascii(',');
        out.string(Buffer.from(key));
        out.ascii(':');
        if (value === null) out.ascii('null');
        else out.string(Buffer.from(value));
      }
      out.ascii('}');
    },
  };
}

function jsonText(text: string): string {
  const members = pairs(text).map(
    ([key, value]) => `${jacksonText(key)}:${value === null ? 'null' : jacksonText(value)}`,
  );
  return `{${members.join(',')}}`;
}

/** Jackson's escapes of control characters have upper-case digits. */
function jacksonText(text: string): string {
  return JSON.stringify(text).replaceAll(/\\(?:u[0-9a-f]{4}|.)/g, (escape) =>
    escape.length === 6 ? `\\u${escape.slice(2).toUpperCase()}` : escape,
  );
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** In the order of Debezium's map. */
function pairs(text: string): readonly Pair[] {
  const found: Pair[] = [];
  for (let at = 0; at < text.length; ) {
    const key = quoted(text, at);
    if (!text.startsWith('=>', key.end)) throw wrong();
    const isNull = text.startsWith('NULL', key.end + 2);
    const value = isNull ? { text: null, end: key.end + 6 } : quoted(text, key.end + 2);
    found.push([key.text, value.text]);
    at = value.end;
    if (at === text.length) break;
    if (!text.startsWith(', "', at)) throw wrong();
    at += 2;
  }
  return inHashOrder(found, ([key]) => javaStringHash(key));
}

/** A text in quotes that begins at `start`, and where it ends. */
function quoted(text: string, start: number): { readonly text: string; readonly end: number } {
  if (text.charCodeAt(start) !== QUOTE) throw wrong();
  let hasEscapes = false;
  let end = start + 1;
  for (; text.charCodeAt(end) !== QUOTE; end++) {
    if (text.charCodeAt(end) === BACKSLASH) {
      hasEscapes = true;
      end++;
    }
    if (end >= text.length) throw wrong();
  }
  const inner = text.slice(start + 1, end);
  return { text: hasEscapes ? inner.replaceAll(/\\([^])/g, '$1') : inner, end: end + 1 };
}

const wrong = (): Error => malformed('hstore', 'pairs of keys and values');
