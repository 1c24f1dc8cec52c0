/** Transforms of Connect's that take fields out of a struct, put some in, or make a struct: one value in, one out. */
import type { Datum, Field, Schema, StructSchema } from '../../change/schema.ts';
import { OPTIONAL_STRING, STRING } from '../../change/schema.ts';
import type { Message } from '../../change/message.ts';
import type { Stage } from '../transform.ts';
import { type FieldPath, fieldAt, objectValueAt, structValueAt } from './field-path.ts';
import { DATE, DECIMAL, TIME, TIMESTAMP, logical } from './logical.ts';
import type { Side } from './side.ts';
import {
  emptyStruct,
  factsOf,
  fieldNamed,
  keep,
  objectOf,
  perSchema,
  problem,
  put,
  requireObject,
  requireStruct,
  structSchema,
  valueIn,
} from './structs.ts';

export interface ExtractFieldOptions {
  readonly path: FieldPath;
  readonly nullAsDefault: boolean;
}

/** `ExtractField`: a field takes the place of the struct that holds it. */
export function createExtractField(side: Side, options: ExtractFieldOptions): Stage {
  return (message) => side.replace(message, extracted(side.read(message), options));
}

export function extracted({ schema, value }: Datum, { path, nullAsDefault }: ExtractFieldOptions): Datum {
  if (schema === null) return { schema, value: value === null ? null : objectValueAt(requireObject(value), path) };
  if (value !== null) requireStruct(schema, value);
  const field = fieldAt(schema, path);
  if (field === null) throw problem(`there is no field "${path.join('.')}"`);
  if (value === null) return { schema: field.schema, value };
  return {
    schema: field.schema,
    value: structValueAt(schema, requireStruct(schema, value).value, path, nullAsDefault),
  };
}

/** `HoistField`: the value becomes the one field of a struct. */
export function createHoistField(side: Side, { field: name }: { readonly field: string }): Stage {
  const hoisted = perSchema((schema: Schema) => structSchema({}, [{ name, schema }]));
  return (message) => {
    const { schema, value } = side.read(message);
    if (schema === null) return side.replace(message, { schema, value: objectOf([[name, value]]) });
    const out = emptyStruct();
    keep(out, { name, schema }, value);
    return side.replace(message, { schema: hoisted(schema), value: out });
  };
}

export interface ReplaceFieldOptions {
  readonly exclude: readonly string[];
  /** Empty: all. */
  readonly include: readonly string[];
  readonly renames: ReadonlyMap<string, string>;
  readonly nullAsDefault: boolean;
}

/** `ReplaceField`: leaves fields out and renames them. */
export function createReplaceField(side: Side, options: ReplaceFieldOptions): Stage {
  const replace = createFieldReplacement(options);
  return (message) => {
    const datum = side.read(message);
    return datum.value === null ? message : side.replace(message, replace(datum));
  };
}

/** Whether Java holds both in the same class: what fits here does not always fit there. */
function isSameClass(a: Schema, b: Schema): boolean {
  const isMoment = ({ name }: Schema): boolean => name === DATE || name === TIME || name === TIMESTAMP;
  return a === b || (a.type === b.type && isMoment(a) === isMoment(b) && (a.name === DECIMAL) === (b.name === DECIMAL));
}

/** The order of these keys in a `java.util.HashMap`. */
function hashOrder(keys: readonly string[]): readonly string[] {
  let capacity = 16;
  while (keys.length > capacity * 0.75) capacity *= 2;
  const bucket = (key: string): number => {
    let hash = 0;
    for (let at = 0; at < key.length; at++) hash = (Math.imul(31, hash) + key.charCodeAt(at)) | 0;
    return (hash ^ (hash >>> 16)) & (capacity - 1);
  };
  return keys.toSorted((a, b) => bucket(a) - bucket(b));
}

export function createFieldReplacement({
  exclude,
  include,
  renames,
  nullAsDefault,
}: ReplaceFieldOptions): (datum: Datum) => Datum {
  const stays = (name: string): boolean => !exclude.includes(name) && (include.length === 0 || include.includes(name));
  const renamed = (name: string): string => renames.get(name) ?? name;
  // Of several fields that get the same name, the one that comes last in Java's map.
  const before = new Map(hashOrder([...renames.keys()]).map((from) => [renamed(from), from]));
  const updated = perSchema(
    (schema: StructSchema): StructSchema =>
      structSchema(
        factsOf(schema),
        schema.fields.filter(({ name }) => stays(name)).map((field) => ({ ...field, name: renamed(field.name) })),
      ),
  );
  return ({ schema, value }) => {
    if (schema === null) {
      const entries = Object.entries(requireObject(value)).filter(([name]) => stays(name));
      return { schema, value: objectOf(entries.map(([name, each]) => [renamed(name), each])) };
    }
    const struct = requireStruct(schema, value);
    const target = updated(struct.schema);
    const out = emptyStruct();
    for (const field of target.fields) {
      const from = before.get(field.name) ?? field.name;
      const source = fieldNamed(struct.schema, from);
      if (source === undefined) throw problem(`"renames" makes "${field.name}" of "${from}", which is no field`);
      const each = valueIn(struct.value, source, nullAsDefault);
      if (each !== null && !isSameClass(source.schema, field.schema)) {
        throw problem(`"renames" makes "${field.name}" of "${from}", which has another type`);
      }
      put(out, field, each);
    }
    return { schema: target, value: out };
  };
}

export interface Insertion {
  readonly name: string;
  readonly optional: boolean;
}
export interface InsertFieldOptions {
  readonly topic: Insertion | null;
  readonly partition: Insertion | null;
  readonly timestamp: Insertion | null;
  readonly fixed: (Insertion & { readonly value: string }) | null;
  readonly nullAsDefault: boolean;
}

const INT32: Schema = Object.freeze({ type: 'int32', optional: false });
const OPTIONAL_INT32: Schema = Object.freeze({ type: 'int32', optional: true });
const MOMENT = logical('int64', TIMESTAMP, false);
const OPTIONAL_MOMENT = logical('int64', TIMESTAMP, true);

/** `InsertField`: topic, partition, time or a text of one's own as fields. */
export function createInsertField(side: Side, options: InsertFieldOptions): Stage {
  const insert = createInsertion(options);
  return (message) => {
    const datum = side.read(message);
    return datum.value === null ? message : side.replace(message, insert(datum, message));
  };
}

export function createInsertion(options: InsertFieldOptions): (datum: Datum, message: Message) => Datum {
  const { topic, partition, timestamp, fixed, nullAsDefault } = options;
  const field = (of: Insertion | null, [required, optional]: readonly [Schema, Schema]): Field[] =>
    of === null ? [] : [{ name: of.name, schema: of.optional ? optional : required }];
  const updated = perSchema(
    (schema: StructSchema): StructSchema =>
      structSchema(factsOf(schema), [
        ...schema.fields,
        ...field(topic, [STRING, OPTIONAL_STRING]),
        ...field(partition, [INT32, OPTIONAL_INT32]),
        ...field(timestamp, [MOMENT, OPTIONAL_MOMENT]),
        ...field(fixed, [STRING, OPTIONAL_STRING]),
      ]),
  );
  return ({ schema, value }, message) => {
    const inserted = objectOf([
      ...(topic === null ? [] : [[topic.name, message.topic] as const]),
      ...(partition === null ? [] : [[partition.name, message.partition ?? null] as const]),
      ...(timestamp === null ? [] : [[timestamp.name, BigInt(message.timestampMs)] as const]),
      ...(fixed === null ? [] : [[fixed.name, fixed.value] as const]),
    ]);
    if (schema === null) {
      const some = Object.entries(inserted).filter(([, each]) => each !== null);
      return { schema, value: objectOf([...Object.entries(requireObject(value)), ...some]) };
    }
    const struct = requireStruct(schema, value);
    const target = updated(struct.schema);
    const out = emptyStruct();
    const old = struct.schema.fields.length;
    for (const [index, each] of target.fields.entries()) {
      const source = index < old ? valueIn(struct.value, each, nullAsDefault) : (inserted[each.name] ?? null);
      keep(out, each, source);
    }
    return { schema: target, value: out };
  };
}

export interface ValueToKeyOptions {
  readonly fields: readonly string[];
  readonly nullAsDefault: boolean;
}

/** `ValueToKey`: fields of the value become the key. */
export function createValueToKey(
  { key, value: from }: { readonly key: Side; readonly value: Side },
  { fields, nullAsDefault }: ValueToKeyOptions,
): Stage {
  const keySchema = perSchema(
    (schema: StructSchema): StructSchema =>
      structSchema(
        {},
        fields.map((name) => {
          const field = fieldNamed(schema, name);
          if (field === undefined) throw problem(`the value has no field "${name}"`);
          return field;
        }),
      ),
  );
  return (message) => {
    const { schema, value } = from.read(message);
    if (schema === null) {
      const object = requireObject(value);
      return key.replace(message, { schema, value: objectOf(fields.map((name) => [name, object[name] ?? null])) });
    }
    const struct = requireStruct(schema, value);
    const target = keySchema(struct.schema);
    const out = emptyStruct();
    for (const field of target.fields) keep(out, field, valueIn(struct.value, field, nullAsDefault));
    return key.replace(message, { schema: target, value: out });
  };
}

export interface SetSchemaMetadataOptions {
  readonly name: string | null;
  readonly version: number | null;
  readonly nullAsDefault: boolean;
}

/** `SetSchemaMetadata`: the schema gets another name or version. */
export function createSetSchemaMetadata(side: Side, { name, version, nullAsDefault }: SetSchemaMetadataOptions): Stage {
  const renamed = perSchema(
    (schema: Schema): Schema =>
      Object.freeze({ ...schema, ...(name === null ? {} : { name }), ...(version === null ? {} : { version }) }),
  );
  return (message) => {
    const { schema, value } = side.read(message);
    if (schema === null) {
      if (value === null) return message;
      throw problem('there is no schema that could get a name or a version');
    }
    if (schema.type !== 'struct') throw problem(`expected a struct, got ${schema.type}`);
    if (value === null) return side.replace(message, { schema: renamed(schema), value });
    const struct = requireStruct(schema, value);
    const out = emptyStruct();
    for (const field of struct.schema.fields) keep(out, field, valueIn(struct.value, field, nullAsDefault));
    return side.replace(message, { schema: renamed(schema), value: out });
  };
}
