/**
 * Data as JSON, as `org.apache.kafka.connect.json.JsonConverter` writes it with `schemas.enable=false`: bytes in base64,
 * a Decimal as the bytes that it is, maps with texts for keys as objects and other maps as arrays of pairs.
 */
import { fieldOf } from './conforms.ts';
import { jsonWord } from './json-word.ts';
import type { JsonWriter } from './json-writer.ts';
import type { Data, Schema, Struct } from './schema.ts';

/**
 * Appends a value that is of its schema; without a schema it is written by what it is. `nullAsDefault`: a null whose
 * schema has a default is written as that (`replace.null.with.default`).
 */
export function writeJson(schema: Schema | null, data: Data, out: JsonWriter, nullAsDefault = true): void {
  const value = data === null && nullAsDefault && schema?.default !== undefined ? schema.default : data;
  if (value === null) out.ascii('null');
  else if (typeof value === 'string') out.string(Buffer.from(value));
  else if (typeof value === 'bigint' || typeof value === 'boolean') out.ascii(String(value));
  else if (typeof value === 'number') out.ascii(numberText(schema, value));
  else if (value instanceof Uint8Array) out.base64(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  else if (Array.isArray(value)) writeArray(schema, value as readonly Data[], out, nullAsDefault);
  else if (value instanceof Map) writeMap(schema, value as ReadonlyMap<Data, Data>, out, nullAsDefault);
  else writeStruct(schema, value as Struct, out, nullAsDefault);
}

/** Floating-point numbers as Java writes them; without a schema a number is as JavaScript has it. */
function numberText(schema: Schema | null, value: number): string {
  if (schema?.type === 'float32' || schema?.type === 'float64') return jsonWord(value, schema.type);
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

function writeArray(schema: Schema | null, items: readonly Data[], out: JsonWriter, nullAsDefault: boolean): void {
  const of = schema?.type === 'array' ? schema.items : null;
  out.ascii('[');
  for (const [index, item] of items.entries()) {
    if (index > 0) out.ascii(',');
    writeJson(of, item, out, nullAsDefault);
  }
  out.ascii(']');
}

function writeMap(schema: Schema | null, map: ReadonlyMap<Data, Data>, out: JsonWriter, nullAsDefault: boolean): void {
  const [keys, values] = schema?.type === 'map' ? [schema.keys, schema.values] : [null, null];
  const texts = keys === null ? [...map.keys()].every((key) => typeof key === 'string') : keys.type === 'string';
  let first = true;
  out.ascii(texts ? '{' : '[');
  for (const [key, value] of map) {
    if (!first) out.ascii(',');
    first = false;
    if (!texts) out.ascii('[');
    writeJson(keys, key, out, nullAsDefault);
    out.ascii(texts ? ':' : ',');
    writeJson(values, value, out, nullAsDefault);
    if (!texts) out.ascii(']');
  }
  out.ascii(texts ? '}' : ']');
}

function writeStruct(schema: Schema | null, struct: Struct, out: JsonWriter, nullAsDefault: boolean): void {
  const fields =
    schema?.type === 'struct'
      ? schema.fields
      : Object.keys(struct).map((name) => ({ name, schema: null as Schema | null }));
  out.ascii('{');
  for (const [index, field] of fields.entries()) {
    if (index > 0) out.ascii(',');
    out.string(Buffer.from(field.name));
    out.ascii(':');
    writeJson(field.schema, fieldOf(struct, field.name), out, nullAsDefault);
  }
  out.ascii('}');
}
