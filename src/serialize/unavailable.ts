/**
 * What stands for a value that the log does not carry, because it is large and has not changed: the placeholder in the
 * form of the column's type, as Debezium's `unavailable.value.placeholder`.
 */
import type { Data, Schema } from '../change/schema.ts';

export function unavailableOf(schema: Schema, placeholder: Buffer): Data {
  switch (schema.type) {
    case 'string':
      return placeholder.toString('utf8');
    case 'bytes':
      return placeholder;
    case 'array':
      return schema.items.type === 'string' || schema.items.type === 'bytes'
        ? [unavailableOf(schema.items, placeholder)]
        : Array.from(placeholder, (byte) => numberOf(schema.items, byte));
    case 'map':
      return new Map([[placeholder.toString('utf8'), placeholder.toString('utf8')]]);
    case 'struct':
    case 'boolean':
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'float32':
    case 'float64':
      // Of these no value is ever stored outside of its row.
      return null;
  }
}

/** Debezium writes the placeholder's bytes into arrays of numbers. */
function numberOf(items: Schema, byte: number): Data {
  return items.type === 'int64' ? BigInt(byte) : items.type === 'boolean' ? byte !== 0 : byte;
}

/**
 * What stands for a column that must not be null in an old row of which the log carries the key alone, as Debezium's
 * converters fall back.
 */
export function zeroOf(schema: Schema): Data {
  switch (schema.type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'float32':
    case 'float64':
      return 0;
    case 'int64':
      return 0n;
    case 'boolean':
      return false;
    case 'string':
      return schema.name === 'io.debezium.time.ZonedTimestamp' ? '1970-01-01T00:00:00Z' : '';
    case 'bytes':
      return schema.name === 'org.apache.kafka.connect.data.Decimal' ? ZERO : NOTHING;
    case 'array':
      return [];
    case 'map':
      return new Map();
    case 'struct':
      return Object.fromEntries(
        schema.fields.map((field) => [field.name, field.schema.optional ? null : zeroOf(field.schema)]),
      );
  }
}

const ZERO = Buffer.from([0]);
const NOTHING = Buffer.alloc(0);
