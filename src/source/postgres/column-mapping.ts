/**
 * Masked, hashed and cut columns, and the source type in a column's schema: as Debezium's `column.mask.*`,
 * `column.truncate.*` and `*.propagate.source.type`.
 * https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-connector-properties
 */
import { createHash } from 'node:crypto';
import type { ColumnType } from '../../change/column-type.ts';
import { writeJson } from '../../change/json-data.ts';
import type { Data, Schema } from '../../change/schema.ts';
import type { ColumnFacts } from './types/column-facts.ts';
import { UNLIMITED } from './types/column-facts.ts';
import { serializedString } from './types/java-serialized.ts';

export type ColumnMapping =
  /** That many asterisks, also for a null. */
  | { readonly kind: 'mask'; readonly length: number }
  | { readonly kind: 'truncate'; readonly length: number }
  | {
      readonly kind: 'hash';
      /** What is hashed behind the salt: in version 1 Java's serialized form, in version 2 the text. */
      readonly version: 1 | 2;
      /** Of node:crypto. */
      readonly algorithm: string;
      readonly salt: string;
    }
  | { readonly kind: 'source-type' };

export interface MappedType {
  readonly type: ColumnType;
  /** What becomes of a value, a null and the placeholder of an unchanged large value; null: it stays. */
  readonly map: ((value: Data) => Data) | null;
}

/** The type of a column under a mapping, with what Debezium adds to its schema. */
export function mapType(type: ColumnType, mapping: ColumnMapping, facts: ColumnFacts, name: string): MappedType {
  const schema = withParameters(type.schema, parametersOf(mapping, facts, name));
  const map = mapOf(mapping, facts, type.schema);
  if (map === null) return { type: { ...type, schema }, map };
  return {
    map,
    type: {
      schema,
      data: (bytes) => map(type.data(bytes)),
      json: (bytes, out) => writeJson(type.schema, map(type.data(bytes)), out),
    },
  };
}

function parametersOf(mapping: ColumnMapping, facts: ColumnFacts, name: string): Readonly<Record<string, string>> {
  switch (mapping.kind) {
    case 'mask':
    case 'hash':
      return { masked: 'true' };
    case 'truncate':
      return isLonger(facts, mapping.length) ? { truncateLength: String(mapping.length) } : {};
    case 'source-type':
      return {
        '__debezium.source.column.type': facts.typeName.toUpperCase(),
        ...(facts.length === -1 ? {} : { '__debezium.source.column.length': String(facts.length) }),
        '__debezium.source.column.scale': String(facts.scale),
        '__debezium.source.column.name': name,
      };
  }
}

function mapOf(mapping: ColumnMapping, facts: ColumnFacts, schema: Schema): ((value: Data) => Data) | null {
  switch (mapping.kind) {
    case 'mask': {
      const mask = '*'.repeat(mapping.length);
      return facts.isText ? () => mask : null;
    }
    case 'hash': {
      const { version, algorithm, salt } = mapping;
      const limit = facts.length > 0 ? facts.length : UNLIMITED;
      const hash = (text: string): string =>
        createHash(algorithm)
          .update(salt)
          .update(version === 1 ? serializedString(text) : text)
          .digest('hex')
          .slice(0, limit);
      return facts.isText ? (value) => (typeof value === 'string' ? hash(value) : null) : null;
    }
    case 'truncate': {
      const { length } = mapping;
      // Of binary data Debezium cuts what has no name: bytea, not decimals nor bits.
      const isCut = schema.type === 'string' || (schema.type === 'bytes' && schema.name === undefined);
      return isCut && isLonger(facts, length) ? (value) => cut(value, length) : null;
    }
    case 'source-type':
      return null;
  }
}

function isLonger({ length }: ColumnFacts, limit: number): boolean {
  return length < 0 || length > limit;
}

/** To so many UTF-16 units, as Java counts; half a character is left out, which no JSON could hold. */
function cut(value: Data, length: number): Data {
  if (value instanceof Uint8Array) return value.subarray(0, length);
  if (typeof value !== 'string' || value.length <= length) return value;
  const last = value.charCodeAt(length - 1);
  return value.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}

function withParameters(schema: Schema, added: Readonly<Record<string, string>>): Schema {
  if (Object.keys(added).length === 0) return schema;
  return Object.freeze({ ...schema, parameters: Object.freeze({ ...schema.parameters, ...added }) });
}
