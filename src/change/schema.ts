/**
 * Kafka Connect's data: a schema, and values in the form of its physical type. Names and meaning are those of
 * `org.apache.kafka.connect.data` (https://kafka.apache.org/documentation/#connect_development).
 */

/**
 * A value. int8 to int32 and floats are `number`, int64 is `bigint`, bytes are a `Uint8Array`. A logical type stays in
 * its physical form: a Decimal is the bytes of its unscaled value, a Timestamp an int64, as Kafka Connect stores them.
 * A struct is an object with one property per field; a map has a `Map`, or without a schema an object.
 */
export type Data =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Data[]
  | ReadonlyMap<Data, Data>
  | Struct;
export type Struct = { readonly [field: string]: Data };

export type PrimitiveType =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float32'
  | 'float64'
  | 'boolean'
  | 'string'
  | 'bytes';

/** What every schema has. */
export interface SchemaFacts {
  /** Null is a value. */
  readonly optional: boolean;
  /** The logical type, or the name of a struct: `io.debezium.time.Date`, `shop.public.orders.Value`. */
  readonly name?: string;
  readonly version?: number;
  readonly doc?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly default?: Data;
}
export interface PrimitiveSchema extends SchemaFacts {
  readonly type: PrimitiveType;
}
export interface Field {
  readonly name: string;
  readonly schema: Schema;
}
export interface StructSchema extends SchemaFacts {
  readonly type: 'struct';
  readonly fields: readonly Field[];
}
export interface ArraySchema extends SchemaFacts {
  readonly type: 'array';
  readonly items: Schema;
}
export interface MapSchema extends SchemaFacts {
  readonly type: 'map';
  readonly keys: Schema;
  readonly values: Schema;
}
/** Frozen by whoever makes it: identity is version, and encoders are cached by it. */
export type Schema = PrimitiveSchema | StructSchema | ArraySchema | MapSchema;

/** A value with its schema; without one it is what JSON can say. */
export interface Datum {
  readonly schema: Schema | null;
  readonly value: Data;
}

export const STRING: Schema = Object.freeze({ type: 'string', optional: false });
export const OPTIONAL_STRING: Schema = Object.freeze({ type: 'string', optional: true });

/** The same schema, nullable or not; the same object when it is so already. */
export function withOptional(schema: Schema, optional: boolean): Schema {
  return schema.optional === optional ? schema : Object.freeze({ ...schema, optional });
}
