/**
 * A small model of `org.apache.kafka.connect.json.JsonConverter`, written from its documentation and from what it was
 * seen to write, and not from ours: what it makes of a schema, and of data of that schema.
 */
import type { Data, Schema, Struct } from '../../../../src/change/schema.ts';
import { javaDouble, javaFloat } from '../../../../src/change/java-number.ts';

const NAMES: Readonly<Record<string, string>> = { float32: 'float', float64: 'double' };

/** The schema as the converter writes it, as an object. */
export function converterSchema(schema: Schema): object {
  const { type, optional, name, version, doc, parameters } = schema;
  return {
    type: NAMES[type] ?? type,
    ...(schema.type === 'struct'
      ? { fields: schema.fields.map((field) => ({ ...converterSchema(field.schema), field: field.name })) }
      : {}),
    ...(schema.type === 'array' ? { items: converterSchema(schema.items) } : {}),
    ...(schema.type === 'map' ? { keys: converterSchema(schema.keys), values: converterSchema(schema.values) } : {}),
    optional,
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(doc === undefined ? {} : { doc }),
    ...(parameters === undefined ? {} : { parameters }),
  };
}

/** The JSON text of data. Throws where the data is not of the schema. */
export function converterJson(schema: Schema, data: Data): string {
  if (data === null) return 'null';
  switch (schema.type) {
    case 'boolean':
      return String(typed<boolean>(data, 'boolean'));
    case 'int8':
    case 'int16':
    case 'int32': {
      const value = typed<number>(data, 'number');
      const limit = { int8: 7, int16: 15, int32: 31 }[schema.type];
      if (!Number.isInteger(value) || value >= 2 ** limit || value < -(2 ** limit))
        throw new Error(`no ${schema.type}: ${value}`);
      return String(value);
    }
    case 'int64': {
      const value = typed<bigint>(data, 'bigint');
      if (BigInt.asIntN(64, value) !== value) throw new Error(`no int64: ${value}`);
      return String(value);
    }
    case 'float32':
    case 'float64': {
      const value = typed<number>(data, 'number');
      if (schema.type === 'float32' && !Object.is(Math.fround(value), value)) throw new Error(`no float32: ${value}`);
      const text = schema.type === 'float32' ? javaFloat(value) : javaDouble(value);
      return Number.isFinite(value) ? text : `"${text}"`;
    }
    case 'string':
      return jacksonString(typed<string>(data, 'string'));
    case 'bytes':
      if (!(data instanceof Uint8Array)) throw new Error('no bytes');
      return `"${Buffer.from(data).toString('base64')}"`;
    case 'array':
      if (!Array.isArray(data)) throw new Error('no array');
      return `[${data.map((each: Data) => converterJson(schema.items, each)).join(',')}]`;
    case 'map': {
      if (!(data instanceof Map)) throw new Error('no map');
      const entries = Array.from(data as ReadonlyMap<Data, Data>, ([key, value]) => [
        converterJson(schema.keys, key),
        converterJson(schema.values, value),
      ]);
      return schema.keys.type === 'string'
        ? `{${entries.map(([key, value]) => `${key}:${value}`).join(',')}}`
        : `[${entries.map(([key, value]) => `[${key},${value}]`).join(',')}]`;
    }
    case 'struct':
      return `{${schema.fields
        .map(
          ({ name, schema: field }) => `${jacksonString(name)}:${converterJson(field, (data as Struct)[name] ?? null)}`,
        )
        .join(',')}}`;
  }
}

function typed<T>(data: Data, type: string): T {
  if (typeof data !== type) throw new Error(`${typeof data} instead of ${type}`);
  return data as T;
}

/** Jackson: upper-case digits, and surrogates where UTF-8 has four bytes. */
function jacksonString(text: string): string {
  const unit = (value: number): string => `\\u${value.toString(16).toUpperCase().padStart(4, '0')}`;
  const SHORT: Readonly<Record<string, string>> = {
    '\b': '\\b',
    '\t': '\\t',
    '\n': '\\n',
    '\f': '\\f',
    '\r': '\\r',
    '"': '\\"',
    '\\': '\\\\',
  };
  let json = '';
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    const value = text.charCodeAt(i);
    json += SHORT[char] ?? (value < 0x20 || (value >= 0xd800 && value < 0xe000) ? unit(value) : char);
  }
  return `"${json}"`;
}
