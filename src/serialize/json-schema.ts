/** A schema as JSON, in the order in which `org.apache.kafka.connect.json.JsonConverter` writes it. */
import { writeJson } from '../change/json-data.ts';
import { JsonWriter } from '../change/json-writer.ts';
import type { Schema } from '../change/schema.ts';

const TYPES: Readonly<Record<string, string>> = { float32: 'float', float64: 'double' };
const known = new WeakMap<Schema, Buffer>();

/** Made once per schema object. */
export function schemaJson(schema: Schema): Buffer {
  let bytes = known.get(schema);
  if (bytes === undefined) {
    bytes = Buffer.from(textOf(schema, null));
    known.set(schema, bytes);
  }
  return bytes;
}

function textOf(schema: Schema, field: string | null): string {
  const parts = [`"type":${quoted(TYPES[schema.type] ?? schema.type)}`];
  if (schema.type === 'array') parts.push(`"items":${textOf(schema.items, null)}`);
  if (schema.type === 'map') {
    parts.push(`"keys":${textOf(schema.keys, null)}`, `"values":${textOf(schema.values, null)}`);
  }
  if (schema.type === 'struct') {
    parts.push(`"fields":[${schema.fields.map((each) => textOf(each.schema, each.name)).join(',')}]`);
  }
  parts.push(`"optional":${schema.optional}`);
  if (schema.name !== undefined) parts.push(`"name":${quoted(schema.name)}`);
  if (schema.version !== undefined) parts.push(`"version":${schema.version}`);
  if (schema.doc !== undefined) parts.push(`"doc":${quoted(schema.doc)}`);
  if (schema.parameters !== undefined) {
    const entries = Object.entries(schema.parameters).map(([name, value]) => `${quoted(name)}:${quoted(value)}`);
    parts.push(`"parameters":{${entries.join(',')}}`);
  }
  if (schema.default !== undefined) {
    const out = new JsonWriter(64);
    writeJson(schema, schema.default, out);
    parts.push(`"default":${out.view().toString('utf8')}`);
  }
  if (field !== null) parts.push(`"field":${quoted(field)}`);
  return `{${parts.join(',')}}`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
