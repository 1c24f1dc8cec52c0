/** `org.apache.kafka.connect.transforms.MaskField`: fields get the empty value of their type, or a replacement. */
import { fieldOf, kindOf } from '../../change/conforms.ts';
import type { Data, Schema } from '../../change/schema.ts';
import type { Stage } from '../transform.ts';
import { type IntegerType, bytesOf, doubleOf, narrowed, readDecimal, wholeOf } from './java-number.ts';
import { DATE, DECIMAL, TIME, TIMESTAMP, scaleOf } from './logical.ts';
import type { Side } from './side.ts';
import { emptyStruct, keep, objectOf, problem, put, requireObject, requireStruct, valueIn } from './structs.ts';

export interface MaskFieldOptions {
  readonly fields: readonly string[];
  /** null: the empty value of the type. */
  readonly replacement: string | null;
  readonly nullAsDefault: boolean;
}

export function createMaskField(side: Side, { fields, replacement, nullAsDefault }: MaskFieldOptions): Stage {
  const names = new Set(fields);
  const masked = (schema: Schema | null, value: Data): Data => {
    if (value === null) return null;
    return replacement === null ? emptyOf(schema, value) : replacementOf(schema, value, replacement);
  };
  return (message) => {
    const { schema, value } = side.read(message);
    if (schema === null) {
      const object = requireObject(value);
      const entries = fields.map((name) => [name, masked(null, fieldOf(object, name))] as const);
      return side.replace(message, { schema, value: objectOf([...Object.entries(object), ...entries]) });
    }
    const struct = requireStruct(schema, value);
    const out = emptyStruct();
    for (const field of struct.schema.fields) {
      const before = valueIn(struct.value, field, nullAsDefault);
      if (names.has(field.name)) put(out, field, masked(field.schema, before));
      else keep(out, field, before);
    }
    return side.replace(message, { schema, value: out });
  };
}

const MOMENTS: readonly (string | undefined)[] = [DATE, TIME, TIMESTAMP];

function emptyOf(schema: Schema | null, value: Data): Data {
  if (typeof value === 'boolean') return false;
  if (typeof value === 'number') return 0;
  if (typeof value === 'bigint') return 0n;
  if (typeof value === 'string') return '';
  if (Array.isArray(value)) return [];
  if (value instanceof Map) return new Map();
  if (value instanceof Uint8Array) {
    if (schema?.name === DECIMAL) return zero(schema);
  } else if (schema === null) return {};
  throw problem(`${kindOf(value)} cannot be masked`);
}

/** Zero has no digits behind the point, which Connect does not take for a Decimal that has some. */
function zero(schema: Schema): Uint8Array {
  if (scaleOf(schema) === 0) return bytesOf(0n);
  throw problem(
    `a Decimal with the scale ${scaleOf(schema)} cannot be masked with 0: give a "replacement" of that scale`,
  );
}

function replacementOf(schema: Schema | null, value: Data, replacement: string): Data {
  const wrong = (what: string): Error => problem(`the "replacement" is no ${what}, which the field is`);
  if (typeof value === 'string') return replacement;
  const decimal = readDecimal(replacement);
  if (schema !== null && MOMENTS.includes(schema.name)) throw problem('a date or time cannot get a "replacement"');
  if (value instanceof Uint8Array && schema?.name === DECIMAL) {
    if (decimal === null || decimal.scale !== scaleOf(schema)) throw wrong(`Decimal with the scale ${scaleOf(schema)}`);
    return bytesOf(decimal.unscaled);
  }
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw problem(`${kindOf(value)} cannot get a "replacement"`);
  }
  if (decimal === null) throw wrong('number');
  const type = numberType(schema, value);
  if (type === 'float32') return Math.fround(doubleOf(decimal));
  if (type === 'float64') return doubleOf(decimal);
  return narrowed(BigInt.asIntN(64, wholeOf(decimal)), type);
}

/** Without a schema a whole number is an int32. */
function numberType(schema: Schema | null, value: number | bigint): IntegerType | 'float32' | 'float64' {
  if (schema !== null) return schema.type as IntegerType;
  return typeof value === 'bigint' ? 'int64' : Number.isInteger(value) ? 'int32' : 'float64';
}
