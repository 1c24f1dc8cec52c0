import type { Data, Schema, Struct } from './schema.ts';

/**
 * Where data is not of its schema, as `value.after.id: expected int32, got a text`; null when all of it is. Says
 * kinds, never values. As `org.apache.kafka.connect.data.ConnectSchema.validateValue`.
 */
export function misfit(schema: Schema, data: Data, path: string): string | null {
  if (data === null || data === undefined) {
    return schema.optional || schema.default !== undefined ? null : `${path}: expected ${schema.type}, got null`;
  }
  const wrong = (): string => `${path}: expected ${schema.type}, got ${kindOf(data)}`;
  switch (schema.type) {
    case 'int8':
      return isIntegerOf(data, 0x80) ? null : wrong();
    case 'int16':
      return isIntegerOf(data, 0x8000) ? null : wrong();
    case 'int32':
      return isIntegerOf(data, 0x8000_0000) ? null : wrong();
    case 'int64':
      return typeof data === 'bigint' && BigInt.asIntN(64, data) === data ? null : wrong();
    case 'float32':
    case 'float64':
      return typeof data === 'number' ? null : wrong();
    case 'boolean':
      return typeof data === 'boolean' ? null : wrong();
    case 'string':
      return typeof data === 'string' ? null : wrong();
    case 'bytes':
      return data instanceof Uint8Array ? null : wrong();
    case 'array':
      return Array.isArray(data) ? first(data, (item, i) => misfit(schema.items, item, `${path}[${i}]`)) : wrong();
    case 'map':
      if (!(data instanceof Map)) return wrong();
      return first(
        [...(data as ReadonlyMap<Data, Data>)],
        ([key, value]) =>
          misfit(schema.keys, key, `${path} (a key)`) ?? misfit(schema.values, value, `${path} (a value)`),
      );
    case 'struct':
      if (!isStruct(data)) return wrong();
      return (
        first(schema.fields, (field) => misfit(field.schema, fieldOf(data, field.name), `${path}.${field.name}`)) ??
        first(Object.keys(data), (name) =>
          schema.fields.some((field) => field.name === name) ? null : `${path}.${name}: the schema has no such field`,
        )
      );
  }
}

/** A field of a struct, null where it is missing. */
export function fieldOf(struct: Struct, name: string): Data {
  return Object.hasOwn(struct, name) ? (struct[name] ?? null) : null;
}

export function isStruct(data: Data): data is Struct {
  if (typeof data !== 'object' || data === null) return false;
  return !Array.isArray(data) && !(data instanceof Map) && !(data instanceof Uint8Array);
}

/** What data of no schema may hold, or what is wrong, as above: what JavaScript has beside it is refused. */
export function schemalessMisfit(data: unknown, path: string): string | null {
  switch (typeof data) {
    case 'boolean':
    case 'number':
    case 'bigint':
    case 'string':
      return null;
    case 'object':
      if (data === null || data instanceof Uint8Array) return null;
      if (Array.isArray(data)) return first(data, (item, i) => schemalessMisfit(item, `${path}[${i}]`));
      if (data instanceof Map)
        return first([...data], ([key, value]) => schemalessMisfit(key, path) ?? schemalessMisfit(value, path));
      if (isPlain(data))
        return first(Object.entries(data), ([name, value]) => schemalessMisfit(value, `${path}.${name}`));
      return noData(data, path);
    case 'undefined':
    case 'symbol':
    case 'function':
      return noData(data, path);
  }
}

function noData(data: unknown, path: string): string {
  return `${path}: ${kindOf(data)} is no data: expected null, true, false, numbers, texts, bytes, arrays, objects`;
}

function isPlain(data: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(data);
  return prototype === null || Object.getPrototypeOf(prototype as object) === null;
}

function isIntegerOf(data: Data, limit: number): boolean {
  return typeof data === 'number' && Number.isInteger(data) && data >= -limit && data < limit;
}

function first<T>(items: readonly T[], find: (item: T, index: number) => string | null): string | null {
  for (const [index, item] of items.entries()) {
    const found = find(item, index);
    if (found !== null) return found;
  }
  return null;
}

/** In words, without the value. */
export function kindOf(data: unknown): string {
  if (data === null) return 'null';
  if (data instanceof Uint8Array) return 'bytes';
  if (Array.isArray(data)) return 'an array';
  if (data instanceof Map) return 'a Map';
  switch (typeof data) {
    case 'string':
      return 'a text';
    case 'number':
      return Number.isInteger(data) ? 'a whole number' : 'a number';
    case 'bigint':
      return 'a bigint';
    case 'object':
      return data.constructor?.name === 'Object' || data.constructor === undefined
        ? 'an object'
        : `a ${data.constructor.name}`;
    case 'boolean':
    case 'undefined':
    case 'symbol':
    case 'function':
      return data === undefined ? 'nothing' : `a ${typeof data}`;
    default:
      return 'something else';
  }
}
