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

const QUOTED = '"((?:[^"\\\\]|\\\\[^])*)"';

/** In the order of Debezium's map. */
function pairs(text: string): readonly Pair[] {
  const pattern = new RegExp(`${QUOTED}=>(?:${QUOTED}|NULL)(?:, |$)`, 'y');
  const found: Pair[] = [];
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (!match) throw malformed('hstore', 'pairs of keys and values');
    found.push([unescaped(match[1] ?? ''), match[2] === undefined ? null : unescaped(match[2])]);
  }
  return inHashOrder(found, ([key]) => javaStringHash(key));
}

const unescaped = (text: string): string => text.replaceAll(/\\([^])/g, '$1');
