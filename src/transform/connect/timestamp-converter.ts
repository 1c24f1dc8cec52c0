/** `org.apache.kafka.connect.transforms.TimestampConverter`: points in time from one form to another. */
import { fieldOf, kindOf } from '../../change/conforms.ts';
import type { Data, Schema, Struct, StructSchema } from '../../change/schema.ts';
import { OPTIONAL_STRING, STRING } from '../../change/schema.ts';
import type { Stage } from '../transform.ts';
import { DAY_MS } from './java-calendar.ts';
import { type DatePart, formatDate } from './java-date-format.ts';
import { parseDate } from './java-date-parse.ts';
import { DATE, TIME, TIMESTAMP, logical, momentOf } from './logical.ts';
import type { Side } from './side.ts';
import {
  emptyStruct,
  factsOf,
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

export type TimestampType = 'string' | 'unix' | 'Date' | 'Time' | 'Timestamp';
export type UnixPrecision = 'seconds' | 'milliseconds' | 'microseconds' | 'nanoseconds';

export interface TimestampConverterOptions {
  /** null: all of the key or value. */
  readonly field: string | null;
  readonly target: TimestampType;
  /** null: there are no texts. */
  readonly format: readonly DatePart[] | null;
  readonly precision: UnixPrecision;
  readonly nullAsDefault: boolean;
}

const INT64: Schema = Object.freeze({ type: 'int64', optional: false });
const OPTIONAL_INT64: Schema = Object.freeze({ type: 'int64', optional: true });
/** Required, optional. */
const SCHEMAS: Readonly<Record<TimestampType, readonly [Schema, Schema]>> = {
  string: [STRING, OPTIONAL_STRING],
  unix: [INT64, OPTIONAL_INT64],
  Date: [logical('int32', DATE, false), logical('int32', DATE, true)],
  Time: [logical('int32', TIME, false), logical('int32', TIME, true)],
  Timestamp: [logical('int64', TIMESTAMP, false), logical('int64', TIMESTAMP, true)],
};
const LONG = [-(2n ** 63n), 2n ** 63n - 1n] as const;

/** `now` decides the century of years that have two digits. */
export function createTimestampConverter(side: Side, options: TimestampConverterOptions, now: Date): Stage {
  const { field: name, target, nullAsDefault } = options;
  const typed = (schema: Schema): Schema => SCHEMAS[target][schema.optional ? 1 : 0];
  const convert = (type: TimestampType, schema: Schema | null, value: Data): Data => {
    if (value === null) return null;
    const moment = momentFrom(options, type, schema, value, now);
    if (schema !== null || target === 'string' || target === 'unix') return written(options, moment);
    throw problem(`a ${target} needs a schema, and there is none: use the target.type string or unix`);
  };

  const structOf = (schema: StructSchema, struct: Struct, updated: StructSchema): Struct => {
    const out = emptyStruct();
    for (const [index, field] of schema.fields.entries()) {
      const value = valueIn(struct, field, nullAsDefault);
      if (field.name !== name) keep(out, field, value);
      else put(out, updated.fields[index] ?? field, convert(typeIn(field.schema), field.schema, value));
    }
    return out;
  };
  const updatedSchema = perSchema((schema: StructSchema): StructSchema => {
    const fields = schema.fields.map((field) => (field.name === name ? { name, schema: typed(field.schema) } : field));
    const updated = structSchema({ ...factsOf(schema), optional: schema.optional }, fields);
    if (schema.default === undefined) return updated;
    return Object.freeze({ ...updated, default: structOf(schema, schema.default as Struct, updated) });
  });

  return (message) => {
    const { schema, value } = side.read(message);
    if (schema === null) {
      if (value === null || name === null) {
        return side.replace(message, {
          schema,
          value: value === null ? null : convert(inferred(value), null, value),
        });
      }
      const object = requireObject(value);
      const field = fieldOf(object, name);
      const converted = field === null ? null : convert(inferred(field), null, field);
      return side.replace(message, { schema, value: objectOf([...Object.entries(object), [name, converted]]) });
    }
    if (name === null) {
      return side.replace(message, { schema: typed(schema), value: convert(typeIn(schema), schema, value) });
    }
    if (value === null) {
      if (schema.type !== 'struct') throw problem(`expected a struct, got ${schema.type}`);
      return side.replace(message, { schema: updatedSchema(schema), value });
    }
    const struct = requireStruct(schema, value);
    const updated = updatedSchema(struct.schema);
    return side.replace(message, { schema: updated, value: structOf(struct.schema, struct.value, updated) });
  };

  function typeIn({ type, name: logicalName }: Schema): TimestampType {
    if (logicalName === TIMESTAMP) return 'Timestamp';
    if (logicalName === DATE) return 'Date';
    if (logicalName === TIME) return 'Time';
    if (type === 'string') return 'string';
    if (type === 'int64') return 'unix';
    throw problem(`${logicalName ?? type} is no point in time: expected Timestamp, Date, Time, string or int64`);
  }

  function inferred(value: Data): TimestampType {
    if (typeof value === 'bigint') return 'unix';
    if (typeof value === 'string') return 'string';
    throw problem(`${kindOf(value)} is no point in time: expected an int64 (a bigint) or a text`);
  }
}

function momentFrom(
  { format, precision }: TimestampConverterOptions,
  type: TimestampType,
  schema: Schema | null,
  value: Data,
  now: Date,
): bigint {
  if (type === 'string' && typeof value === 'string') {
    if (format === null) throw problem('texts are to be read, and the option "format" does not say how');
    const moment = parseDate(format, value, now);
    if (moment === null) throw problem('a text does not match the option "format"');
    return moment;
  }
  if (type === 'unix' && typeof value === 'bigint') {
    switch (precision) {
      case 'seconds':
        return saturated(value * 1000n);
      case 'milliseconds':
        return value;
      case 'microseconds':
        return value / 1000n;
      case 'nanoseconds':
        return value / 1_000_000n;
    }
  }
  const moment = schema === null ? null : momentOf(schema, value);
  if (moment === null) throw problem(`expected a ${type}, got ${kindOf(value)}`);
  return moment;
}

function written({ target, format, precision }: TimestampConverterOptions, ms: bigint): Data {
  const day = BigInt(DAY_MS);
  const time = ((ms % day) + day) % day;
  switch (target) {
    case 'string':
      return formatDate(format ?? [], ms);
    case 'Date':
      if (ms - time < LONG[0]) throw problem('a point in time is too early for a Date');
      return Number(BigInt.asIntN(32, (ms - time) / day));
    case 'Time':
      return Number(time);
    case 'Timestamp':
      return ms;
    case 'unix':
      switch (precision) {
        case 'seconds':
          return ms / 1000n;
        case 'milliseconds':
          return ms;
        case 'microseconds':
          return saturated(ms * 1000n);
        case 'nanoseconds':
          return saturated(ms * 1_000_000n);
      }
  }
}

/** As `java.util.concurrent.TimeUnit`. */
function saturated(value: bigint): bigint {
  return value < LONG[0] ? LONG[0] : value > LONG[1] ? LONG[1] : value;
}
