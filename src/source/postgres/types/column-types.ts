/**
 * What each PostgreSQL type is in Debezium's events. What Debezium 3.4 does with a type, quirks included, is captured in
 * test/fixtures/debezium; where this differs on purpose the test beside it says why.
 */
import type { ColumnType } from '../../../change/column-type.ts';
import type { Column } from '../../../change/table.ts';
import { arrayType, vectorOf } from './array.ts';
import { binaryType, decodeBytea, geometricType, unknownType } from './binary.ts';
import { bitsType } from './bits.ts';
import type { CatalogRow, TypeCatalog } from './catalog.ts';
import { moneyType, numericType } from './decimal.ts';
import { geographyType, geometryType, pointType } from './geometry.ts';
import { hstoreType } from './hstore.ts';
import { intervalType } from './interval.ts';
import { OID } from './oid.ts';
import type { TypeOptions } from './options.ts';
import { halfvecType, sparsevecType, vectorType } from './pgvector.ts';
import { JSON_TEXT, logical, plain } from './schemas.ts';
import { dateType, timeType, timestampType, zonedTimeType, zonedTimestampType } from './temporal.ts';
import { BOOLEAN, INT64, enumType, floating, smallInteger, textType, withLabelsOf } from './text.ts';

export type ColumnTypes = (column: Pick<Column, 'typeId' | 'typeModifier'>) => ColumnType | null;

/**
 * The types of columns. Null: a type that Debezium has no form for, and `include.unknown.datatypes` is off, so the
 * column is left out. Make it once per `Table`, after `missingTypes` of its columns has been seen to.
 */
export function createColumnTypes(options: TypeOptions, catalog: TypeCatalog): ColumnTypes {
  const types = new Types(options, catalog);
  return ({ typeId, typeModifier }) => types.of(typeId, typeModifier) ?? types.unknown;
}

/**
 * The types of columns that the catalog does not know, because they are newer: read it again (`loadTypeCatalog`) before
 * the table is used. What is missing then, too, has been dropped since, and is treated as text.
 */
export function missingTypes(catalog: TypeCatalog, columns: readonly Pick<Column, 'typeId'>[]): readonly number[] {
  return columns.map(({ typeId }) => typeId).filter((typeId) => catalog.get(typeId) === undefined);
}

/** The modifier of a time is its digits of a second; without one it has six. */
const digitsOf = (modifier: number): number => (modifier === -1 ? 6 : modifier);

const TEXT = textType(plain('string'));
const JSON_TYPE = textType(JSON_TEXT);
const UUID = textType(logical('string', 'io.debezium.data.Uuid'));
const XML = textType(logical('string', 'io.debezium.data.Xml'));
const TSVECTOR = textType(logical('string', 'io.debezium.data.Tsvector'));
const LTREE = textType(logical('string', 'io.debezium.data.Ltree'));

const FIXED: ReadonlyMap<number, ColumnType> = new Map([
  [OID.bool, BOOLEAN],
  [OID.int2, smallInteger('int16')],
  [OID.int4, smallInteger('int32')],
  [OID.int8, INT64],
  [OID.oid, INT64],
  [OID.float4, floating('float32')],
  [OID.float8, floating('float64')],
  ...[OID.char, OID.name, OID.text, OID.bpchar, OID.varchar, OID.inet, OID.cidr, OID.macaddr, OID.macaddr8].map(
    (oid): [number, ColumnType] => [oid, TEXT],
  ),
  ...[OID.int4range, OID.int8range, OID.numrange, OID.tsrange, OID.tstzrange, OID.daterange].map(
    (oid): [number, ColumnType] => [oid, TEXT],
  ),
  [OID.json, JSON_TYPE],
  [OID.jsonb, JSON_TYPE],
  [OID.uuid, UUID],
  [OID.xml, XML],
  [OID.tsvector, TSVECTOR],
  [OID.point, pointType],
  [OID.timetz, zonedTimeType()],
  [OID.int2vector, vectorOf(smallInteger('int16'))],
  [OID.oidvector, vectorOf(INT64)],
]);

/** Of extensions, in whatever schema they are; Debezium, too, knows them by name. */
const BY_NAME: ReadonlyMap<string, ColumnType> = new Map([
  ['citext', TEXT],
  ['isbn', TEXT],
  ['ltree', LTREE],
  ['geometry', geometryType],
  ['geography', geographyType],
  ['vector', vectorType],
  ['halfvec', halfvecType],
  ['sparsevec', sparsevecType],
]);

/** What has no form of its own in Debezium, but is an object of pgjdbc's on its way to binary data. */
const GEOMETRIC: ReadonlySet<number> = new Set([OID.box, OID.circle, OID.line, OID.lseg, OID.path, OID.polygon]);

/** Arrays of types that Debezium knows, but for which it has no array. */
const LEFT_OUT: ReadonlySet<number> = new Set([
  OID.moneyArray,
  OID.nameArray,
  OID.intervalArray,
  OID.varbitArray,
  OID.xmlArray,
  OID.pointArray,
  OID.refcursorArray,
]);

/** Of these elements an array's schema says that they are never null, whatever the array says. */
const NEVER_NULL: ReadonlySet<string> = new Set(['isbn', 'vector', 'halfvec', 'sparsevec', 'tsvector']);

class Types {
  readonly #options: TypeOptions;
  readonly #catalog: TypeCatalog;
  /** Null: left out. */
  readonly unknown: ColumnType | null;

  constructor(options: TypeOptions, catalog: TypeCatalog) {
    this.#options = options;
    this.#catalog = catalog;
    this.unknown = options.includeUnknown ? unknownType(options) : null;
  }

  /** Null: nobody knows the type. */
  of(typeId: number, modifier: number): ColumnType | null {
    const fixed = FIXED.get(typeId) ?? this.#withModifier(typeId, modifier);
    if (fixed !== null) return fixed;
    const row = this.#catalog.get(typeId);
    // Dropped, most likely an enum or a domain: its text is what is left, and better than a column that vanishes.
    if (row === undefined) return TEXT;
    // A column of a domain has no modifier of its own; the innermost one that is given counts.
    if (row.base !== 0) return this.of(row.base, modifier === -1 ? row.modifier : modifier);
    if (row.labels !== null) return enumType(row.labels);
    if (row.element !== 0) return this.#array(row, modifier);
    if (row.name === 'hstore') return hstoreType(this.#options);
    return BY_NAME.get(row.name) ?? null;
  }

  #withModifier(typeId: number, modifier: number): ColumnType | null {
    const options = this.#options;
    switch (typeId) {
      case OID.numeric:
        return numericType(options, modifier);
      case OID.money:
        return moneyType(options);
      case OID.date:
        return dateType(options);
      case OID.time:
        return timeType(options, digitsOf(modifier));
      case OID.timestamp:
        return timestampType(options, digitsOf(modifier));
      case OID.timestamptz:
        return zonedTimestampType(digitsOf(modifier));
      case OID.interval:
        return intervalType(options);
      case OID.bytea:
        return binaryType(options.binary, decodeBytea);
      case OID.bit:
        return bitsType(modifier === -1 ? 1 : modifier);
      case OID.varbit:
        return bitsType(modifier);
      default:
        return GEOMETRIC.has(typeId) && options.includeUnknown ? geometricType(options) : null;
    }
  }

  #array({ oid, element, delimiter }: CatalogRow, modifier: number): ColumnType | null {
    if (LEFT_OUT.has(oid) && this.unknown === null) return null;
    const row = this.#catalog.get(element);
    // Debezium does not look through a domain here.
    const type = row !== undefined && row.base !== 0 ? null : this.of(element, modifier);
    if (type === null) return this.unknown === null ? null : arrayType(this.unknown, false, delimiter);
    const isOptional = row?.labels === null && !NEVER_NULL.has(row.name) && !GEOMETRIC.has(element);
    return withLabelsOf(type, arrayType(type, isOptional, delimiter));
  }
}
