/** Connect's own logical types, which this project holds in their physical form. */
import type { Data, Schema } from '../../change/schema.ts';
import { type BigDecimal, unscaledOf } from './java-number.ts';
import { DAY_MS } from './java-calendar.ts';

export const DECIMAL = 'org.apache.kafka.connect.data.Decimal';
export const DATE = 'org.apache.kafka.connect.data.Date';
export const TIME = 'org.apache.kafka.connect.data.Time';
export const TIMESTAMP = 'org.apache.kafka.connect.data.Timestamp';

export const logical = (type: 'int32' | 'int64', name: string, optional: boolean): Schema =>
  Object.freeze({ type, optional, name, version: 1 });

/** The moment that a Date, Time or Timestamp is, in milliseconds since 1970; null for any other value. */
export function momentOf(schema: Schema, value: Data): bigint | null {
  if (schema.name === DATE && typeof value === 'number') return BigInt(value) * BigInt(DAY_MS);
  if (schema.name === TIME && typeof value === 'number') return BigInt(value);
  return schema.name === TIMESTAMP && typeof value === 'bigint' ? value : null;
}

/** A Decimal as the number that it is; null for any other value. */
export function decimalOf(schema: Schema, value: Data): BigDecimal | null {
  if (schema.name !== DECIMAL || !(value instanceof Uint8Array)) return null;
  return { unscaled: unscaledOf(value), scale: scaleOf(schema) };
}

export function scaleOf(schema: Schema): number {
  return Number(schema.parameters?.['scale'] ?? 0);
}
