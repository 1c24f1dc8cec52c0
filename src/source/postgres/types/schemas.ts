/** Debezium's and Kafka Connect's logical types: names, versions and parameters as their schema builders make them. */
import type { Field, Schema } from '../../../change/schema.ts';

type Primitive = 'boolean' | 'int16' | 'int32' | 'int64' | 'float32' | 'float64' | 'string' | 'bytes';

/** A type without a name. */
export const plain = (type: Primitive): Schema => Object.freeze({ type, optional: false });

/** A type with a meaning, version 1 as all of them are. */
export const logical = (type: Primitive, name: string, parameters?: Readonly<Record<string, string>>): Schema =>
  Object.freeze({ type, optional: false, name, version: 1, ...(parameters ? { parameters } : {}) });

/** `org.apache.kafka.connect.data.Decimal`. Debezium adds the precision, but not for money. */
export const decimalSchema = (scale: number, precision?: number): Schema =>
  logical('bytes', 'org.apache.kafka.connect.data.Decimal', {
    scale: String(scale),
    ...(precision === undefined ? {} : { 'connect.decimal.precision': String(precision) }),
  });

const struct = (name: string, doc: string, optional: boolean, fields: Readonly<Record<string, Schema>>): Schema =>
  Object.freeze({
    type: 'struct',
    optional,
    name,
    version: 1,
    doc,
    fields: Object.entries(fields).map(([field, schema]): Field => ({ name: field, schema })),
  });

const OPTIONAL_BYTES: Schema = Object.freeze({ type: 'bytes', optional: true });
const OPTIONAL_INT32: Schema = Object.freeze({ type: 'int32', optional: true });

export const VARIABLE_SCALE_DECIMAL = struct(
  'io.debezium.data.VariableScaleDecimal',
  'Variable scaled decimal',
  false,
  {
    scale: plain('int32'),
    value: plain('bytes'),
  },
);
export const POINT = struct('io.debezium.data.geometry.Point', 'Geometry (POINT)', false, {
  x: plain('float64'),
  y: plain('float64'),
  wkb: OPTIONAL_BYTES,
  srid: OPTIONAL_INT32,
});
/** Optional even where the column is NOT NULL, as Debezium has it. */
export const GEOMETRY = struct('io.debezium.data.geometry.Geometry', 'Geometry', true, {
  wkb: plain('bytes'),
  srid: OPTIONAL_INT32,
});
export const GEOGRAPHY = struct('io.debezium.data.geometry.Geography', 'Geography', false, {
  wkb: plain('bytes'),
  srid: OPTIONAL_INT32,
});
export const DOUBLE_VECTOR: Schema = Object.freeze({
  type: 'array',
  optional: false,
  name: 'io.debezium.data.DoubleVector',
  version: 1,
  items: plain('float64'),
});
export const FLOAT_VECTOR: Schema = Object.freeze({
  type: 'array',
  optional: false,
  name: 'io.debezium.data.FloatVector',
  version: 1,
  items: plain('float32'),
});
export const SPARSE_DOUBLE_VECTOR = struct('io.debezium.data.SparseDoubleVector', 'Sparse double vector', false, {
  dimensions: plain('int16'),
  vector: Object.freeze({ type: 'map', optional: false, keys: plain('int16'), values: plain('float64') }),
});
/** hstore: keys are never null, values may be. */
export const STRING_MAP: Schema = Object.freeze({
  type: 'map',
  optional: false,
  keys: plain('string'),
  values: Object.freeze({ type: 'string', optional: true }),
});

export const JSON_TEXT = logical('string', 'io.debezium.data.Json');
