/** What Connect's transforms do to structs and their schemas: copying, checking, and refusing what is none. */
import { fieldOf, isStruct, kindOf, misfit } from '../../change/conforms.ts';
import type { Data, Field, Schema, SchemaFacts, Struct, StructSchema } from '../../change/schema.ts';
import { MillraceError } from '../../errors.ts';

export function problem(text: string): MillraceError {
  return new MillraceError('data', text);
}

/** A struct's schema and value. Throws `data` for anything else, null too. */
export function requireStruct(schema: Schema, value: Data): { readonly schema: StructSchema; readonly value: Struct } {
  if (schema.type === 'struct' && isStruct(value)) return { schema, value };
  throw problem(`expected a struct, got ${value === null ? 'null' : schema.type}`);
}

/** Of data without a schema an object, or a map whose keys are texts. Throws `data` for anything else, null too. */
export function requireObject(value: Data): Struct {
  if (isStruct(value)) return value;
  if (value instanceof Map && [...value.keys()].every((key) => typeof key === 'string')) {
    return objectOf([...(value as ReadonlyMap<string, Data>)]);
  }
  throw problem(`expected an object, for there is no schema, got ${kindOf(value)}`);
}

/** An object that may have any names; of two that are the same the last wins. */
export function objectOf(entries: Iterable<readonly [string, Data]>): Struct {
  const out = emptyStruct();
  for (const [name, value] of entries) out[name] = value;
  return out;
}

export function emptyStruct(): Record<string, Data> {
  return Object.create(null) as Record<string, Data>;
}

/** A field's value, or its default if that is wanted and it is null. */
export function valueIn(struct: Struct, { name, schema }: Field, nullAsDefault: boolean): Data {
  const value = fieldOf(struct, name);
  return value === null && nullAsDefault && schema.default !== undefined ? schema.default : value;
}

/** Copies a value that was of its schema already. A null that the schema does not allow throws `data`. */
export function keep(out: Record<string, Data>, { name, schema }: Field, value: Data): void {
  if (value === null && !schema.optional) throw problem(`field "${name}" is required, and is null`);
  out[name] = value;
}

/** Sets a value that is new. Throws `data` if it is not of the schema. */
export function put(out: Record<string, Data>, field: Field, value: Data): void {
  const wrong = misfit(field.schema, value, `field "${field.name}"`);
  if (wrong !== null) throw problem(wrong);
  keep(out, field, value);
}

export function fieldNamed(schema: StructSchema, name: string): Field | undefined {
  return schema.fields.find((field) => field.name === name);
}

/** What a schema made of another one takes over: not whether it is optional, and no default. */
export function factsOf({ name, version, doc, parameters }: Schema): Omit<SchemaFacts, 'optional' | 'default'> {
  return {
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(doc === undefined ? {} : { doc }),
    ...(parameters === undefined ? {} : { parameters }),
  };
}

/** Throws `data` for a name that is there twice, or empty. */
export function structSchema(facts: Partial<SchemaFacts>, fields: readonly Field[]): StructSchema {
  const names = new Set<string>();
  for (const { name } of fields) {
    if (name === '') throw problem('a field has the empty name');
    if (names.has(name)) throw problem(`there would be two fields "${name}"`);
    names.add(name);
  }
  return Object.freeze({ type: 'struct', optional: false, ...facts, fields: Object.freeze([...fields]) });
}

/** Remembers what was made of a schema: identity is version. */
export function perSchema<S extends Schema, T>(make: (schema: S) => T): (schema: S) => T {
  const made = new WeakMap<S, T>();
  return (schema) => {
    let result = made.get(schema);
    if (result === undefined) made.set(schema, (result = make(schema)));
    return result;
  };
}
