/** Data and messages from and to the JSON of test/fixtures/transforms (Oracle.java says how it is written). */
import { fieldOf, isStruct } from '../../../src/change/conforms.ts';
import type { Message } from '../../../src/change/message.ts';
import type { Data, Datum, Schema, Struct } from '../../../src/change/schema.ts';
import type { DatumJson, RecordJson } from '../../fixtures/transforms/records.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const schemas = new WeakMap<object, Schema>();

/** The same object for the same JSON object: identity is version. */
function schemaFrom(json: object): Schema {
  let schema = schemas.get(json);
  if (schema === undefined) schemas.set(json, (schema = read(json as { readonly [name: string]: Json })));
  return schema;
}

function read(json: { readonly [name: string]: Json }): Schema {
  const { fields, items, keys, values, default: byDefault, ...facts } = json;
  const schema = {
    ...facts,
    ...(fields === undefined
      ? {}
      : {
          fields: (fields as readonly { name: string; schema: object }[]).map((field) => ({
            name: field.name,
            schema: schemaFrom(field.schema),
          })),
        }),
    ...(items === undefined ? {} : { items: schemaFrom(items as object) }),
    ...(keys === undefined ? {} : { keys: schemaFrom(keys as object), values: schemaFrom(values as object) }),
  } as unknown as Schema;
  return byDefault === undefined ? schema : { ...schema, default: dataFrom(schema, byDefault) };
}

function dataFrom(schema: Schema, json: Json): Data {
  if (json === null) return null;
  switch (schema.type) {
    case 'int64':
      return BigInt(json as string);
    case 'float32':
      return Math.fround(Number(json));
    case 'float64':
      return Number(json);
    case 'bytes':
      return Buffer.from(json as string, 'base64');
    case 'array':
      return (json as readonly Json[]).map((item) => dataFrom(schema.items, item));
    case 'map':
      return new Map(
        (json as readonly (readonly [Json, Json])[]).map(([key, value]) => [
          dataFrom(schema.keys, key),
          dataFrom(schema.values, value),
        ]),
      );
    case 'struct': {
      const struct = json as { readonly [name: string]: Json };
      return Object.fromEntries(
        schema.fields.map((field) => [field.name, dataFrom(field.schema, struct[field.name] ?? null)]),
      );
    }
    case 'int8':
    case 'int16':
    case 'int32':
    case 'boolean':
    case 'string':
      return json as Data;
  }
}

function schemalessFrom(json: Json): Data {
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return (json as readonly Json[]).map(schemalessFrom);
  const object = json as { readonly [name: string]: Json };
  if (typeof object['$int64'] === 'string') return BigInt(object['$int64']);
  if (typeof object['$bytes'] === 'string') return Buffer.from(object['$bytes'], 'base64');
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, schemalessFrom(value)]));
}

function datumFrom(json: DatumJson | undefined): Datum | null {
  if (json === undefined) return null;
  if (json.schema === undefined) return { schema: null, value: schemalessFrom(json.value as Json) };
  const schema = schemaFrom(json.schema);
  return { schema, value: dataFrom(schema, json.value as Json) };
}

export function messageFrom({ topic, partition, timestampMs, key, value, headers = [] }: RecordJson): Message {
  const datum = datumFrom(value);
  return {
    topic,
    timestampMs,
    key: datumFrom(key),
    body:
      datum === null || (datum.schema === null && datum.value === null)
        ? { kind: 'tombstone' }
        : { kind: 'data', datum },
    headers: headers.map(([name, text]) => ({ name, value: text === null ? null : Buffer.from(text) })),
    ...(partition === undefined ? {} : { partition }),
  };
}

export function schemaToJson(schema: Schema): Json {
  const { optional, name, version, doc, parameters, default: byDefault } = schema;
  const facts = { name, version, doc, parameters: parameters as { readonly [name: string]: string } | undefined };
  return {
    type: schema.type,
    optional,
    ...(Object.fromEntries(Object.entries(facts).filter(([, each]) => each !== undefined)) as { [name: string]: Json }),
    ...(byDefault === undefined ? {} : { default: dataToJson(schema, byDefault) }),
    ...(schema.type === 'struct'
      ? { fields: schema.fields.map((field) => ({ name: field.name, schema: schemaToJson(field.schema) })) }
      : {}),
    ...(schema.type === 'array' ? { items: schemaToJson(schema.items) } : {}),
    ...(schema.type === 'map' ? { keys: schemaToJson(schema.keys), values: schemaToJson(schema.values) } : {}),
  };
}

export function dataToJson(schema: Schema | null, value: Data): Json {
  if (value === null) return null;
  if (typeof value === 'bigint') return schema === null ? { $int64: String(value) } : String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value instanceof Uint8Array) {
    const base64 = Buffer.from(value).toString('base64');
    return schema === null ? { $bytes: base64 } : base64;
  }
  if (Array.isArray(value)) {
    const items = schema?.type === 'array' ? schema.items : null;
    return (value as readonly Data[]).map((item) => dataToJson(items, item));
  }
  if (value instanceof Map) {
    const [keys, values] = schema?.type === 'map' ? [schema.keys, schema.values] : [null, null];
    return [...(value as ReadonlyMap<Data, Data>)].map(([key, each]) => [
      dataToJson(keys, key),
      dataToJson(values, each),
    ]);
  }
  if (!isStruct(value)) return value as boolean | string;
  return structToJson(schema, value);
}

function structToJson(schema: Schema | null, struct: Struct): Json {
  const entries =
    schema?.type === 'struct'
      ? schema.fields.map((field) => [field.name, dataToJson(field.schema, fieldOf(struct, field.name))] as const)
      : Object.entries(struct).map(([name, each]) => [name, dataToJson(null, each)] as const);
  return Object.fromEntries(entries);
}

function datumToJson(datum: Datum | null): Json {
  if (datum === null || (datum.schema === null && datum.value === null)) return null;
  const value = dataToJson(datum.schema, datum.value);
  return datum.schema === null ? { value } : { schema: schemaToJson(datum.schema), value };
}

/** As the fixtures have a result. */
export function messageToJson({ topic, partition, timestampMs, key, body, headers }: Message): Record<string, Json> {
  if (body.kind !== 'data' && body.kind !== 'tombstone') throw new Error(`a ${body.kind} is no data`);
  return {
    topic,
    ...(partition === undefined ? {} : { partition }),
    timestampMs,
    key: datumToJson(key as Datum | null),
    value: body.kind === 'data' ? datumToJson(body.datum) : null,
    headers: headers.map(({ name, value }) => [name, value?.toString('utf8') ?? null]),
  };
}
