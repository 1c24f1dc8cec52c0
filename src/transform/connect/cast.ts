/** `org.apache.kafka.connect.transforms.Cast`: fields, or all of a key or value, as another primitive type. */
import { isStruct, kindOf } from '../../change/conforms.ts';
import type { Data, Field, PrimitiveType, Schema } from '../../change/schema.ts';
import type { Stage } from '../transform.ts';
import { numberText } from './header-text.ts';
import { isoText } from './java-date-format.ts';
import {
  type IntegerType,
  decimalText,
  doubleOf,
  narrowed,
  parseDouble,
  parseInteger,
  truncated,
  wholeOf,
} from './java-number.ts';
import { DATE, DECIMAL, TIME, TIMESTAMP, decimalOf, momentOf } from './logical.ts';
import type { Side } from './side.ts';
import {
  emptyStruct,
  factsOf,
  objectOf,
  perSchema,
  problem,
  put,
  requireObject,
  requireStruct,
  structSchema,
  valueIn,
} from './structs.ts';

export type CastType = Exclude<PrimitiveType, 'bytes'>;

export interface CastOptions {
  /** All of the key or value; null: fields. */
  readonly whole: CastType | null;
  readonly fields: ReadonlyMap<string, CastType>;
  readonly nullAsDefault: boolean;
}

const CONNECT_LOGICAL: readonly (string | undefined)[] = [DATE, TIME, TIMESTAMP, DECIMAL];

export function createCast(side: Side, { whole, fields, nullAsDefault }: CastOptions): Stage {
  const wholeSchema = perSchema((schema: Schema): Schema => {
    const { optional } = schema;
    if (schema.default !== undefined && CONNECT_LOGICAL.includes(schema.name)) {
      throw problem("a default of one of Connect's logical types cannot be cast, because the schema keeps its name");
    }
    const cast = castDefault(schema, whole ?? 'string');
    return Object.freeze({ type: whole ?? 'string', ...factsOf(schema), optional, ...cast });
  });
  const fieldsSchema = perSchema((schema: Schema): Schema => {
    if (schema.type !== 'struct') throw problem(`expected a struct, got ${schema.type}`);
    const cast = schema.fields.map((field): Field => {
      const type = fields.get(field.name);
      if (type === undefined) return field;
      const { optional } = field.schema;
      return { name: field.name, schema: Object.freeze({ type, optional, ...castDefault(field.schema, type) }) };
    });
    if (schema.default !== undefined) throw problem('a default of a whole struct cannot be cast');
    return structSchema({ ...factsOf(schema), optional: schema.optional }, cast);
  });

  return (message) => {
    const { schema, value } = side.read(message);
    if (value === null) return message;
    if (schema === null) {
      if (whole !== null) return side.replace(message, { schema: null, value: castTo(null, value, whole) });
      const object = requireObject(value);
      const cast = Array.from(fields, ([name, type]) => [name, castTo(null, object[name] ?? null, type)] as const);
      return side.replace(message, { schema: null, value: objectOf([...Object.entries(object), ...cast]) });
    }
    if (whole !== null) {
      return side.replace(message, { schema: wholeSchema(schema), value: castTo(schema, value, whole) });
    }
    const updated = fieldsSchema(schema);
    const struct = requireStruct(schema, value);
    const out = emptyStruct();
    for (const [index, field] of struct.schema.fields.entries()) {
      const before = valueIn(struct.value, field, nullAsDefault);
      const type = fields.get(field.name);
      const target = (updated.type === 'struct' ? updated.fields[index] : undefined) ?? field;
      put(out, target, type === undefined ? before : castTo(field.schema, before, type));
    }
    return side.replace(message, { schema: updated, value: out });
  };
}

function castDefault(schema: Schema, type: CastType): { readonly default?: Data } {
  return schema.default === undefined ? {} : { default: castTo(schema, schema.default, type) };
}

/** One value. Throws `data` for what has no such form, never with the value in the message. */
function castTo(schema: Schema | null, value: Data, type: CastType): Data {
  if (value === null) return null;
  if (Array.isArray(value) || value instanceof Map || isStruct(value)) {
    throw problem(`${kindOf(value)} cannot be cast to ${type}`);
  }
  switch (type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      return integerOf(schema, value, type);
    case 'float32':
      return Math.fround(floatOf(schema, value, type));
    case 'float64':
      return floatOf(schema, value, type);
    case 'boolean':
      if (typeof value === 'boolean') return value;
      if (typeof value === 'string') return value.toLowerCase() === 'true';
      return integerOf(schema, value, 'int64') !== 0n;
    case 'string':
      return textOf(schema, value);
  }
}

function integerOf(schema: Schema | null, value: Data, type: IntegerType): number | bigint {
  if (typeof value === 'bigint') return narrowed(value, type);
  if (typeof value === 'boolean') return narrowed(value ? 1n : 0n, type);
  if (typeof value === 'string') return parseInteger(value, type);
  if (typeof value === 'number') return isFloat(schema, value) ? truncated(value, type) : narrowed(BigInt(value), type);
  const decimal = schema === null ? null : decimalOf(schema, value);
  if (decimal !== null) return narrowed(wholeOf(decimal), type);
  throw problem(`${kindOf(value)} cannot be cast to ${type}`);
}

function floatOf(schema: Schema | null, value: Data, type: CastType): number {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  if (typeof value === 'string') return parseDouble(value);
  const decimal = schema === null ? null : decimalOf(schema, value);
  if (decimal !== null) return doubleOf(decimal);
  throw problem(`${kindOf(value)} cannot be cast to ${type}`);
}

function textOf(schema: Schema | null, value: Data): string {
  const moment = schema === null ? null : momentOf(schema, value);
  if (moment !== null) return isoText(moment);
  if (typeof value === 'number') return numberText(schema, value);
  if (typeof value === 'bigint' || typeof value === 'boolean' || typeof value === 'string') return String(value);
  if (!(value instanceof Uint8Array)) throw problem(`${kindOf(value)} cannot be cast to string`);
  const decimal = schema === null ? null : decimalOf(schema, value);
  return decimal === null ? Buffer.from(value).toString('base64') : decimalText(decimal);
}

function isFloat(schema: Schema | null, value: number): boolean {
  return schema === null ? !Number.isSafeInteger(value) : schema.type === 'float32' || schema.type === 'float64';
}
