/**
 * What Debezium says of a column's type beside its value: name, length and scale as PostgreSQL's JDBC driver reckons
 * them (https://jdbc.postgresql.org), and whether it is a text to JDBC.
 */
import type { Column } from '../../../change/table.ts';
import type { TypeCatalog } from './catalog.ts';
import { OID } from './oid.ts';

export interface ColumnFacts {
  /** As in pg_type: `int4`, `_text`, a domain's own. */
  readonly typeName: string;
  /** In characters or digits; `UNLIMITED` where there is no limit, 0 where JDBC knows none. */
  readonly length: number;
  readonly scale: number;
  /** char, varchar, text, name, enums, and domains of them: what Debezium masks. */
  readonly isText: boolean;
}

/** What has no limit; Java's greatest int. */
export const UNLIMITED = 0x7fff_ffff;

type TypedColumn = Pick<Column, 'typeId' | 'typeModifier'>;

export function columnFacts({ typeId, typeModifier }: TypedColumn, catalog: TypeCatalog): ColumnFacts {
  const row = catalog.get(typeId);
  const isGiven = typeModifier !== -1;
  const measure = isGiven ? { oid: typeId, modifier: typeModifier } : innermost(typeId, catalog);
  const oid = ARRAYS.get(measure.oid) ?? measure.oid;
  return {
    typeName: row?.name ?? '',
    length: lengthOf(oid, measure.modifier),
    scale: scaleOf(oid, measure.modifier),
    isText: isText(typeId, catalog),
  };
}

/** Through domains, to the first that gives a modifier. */
function innermost(typeId: number, catalog: TypeCatalog): { readonly oid: number; readonly modifier: number } {
  const row = catalog.get(typeId);
  if (row === undefined || row.base === 0) return { oid: typeId, modifier: -1 };
  return row.modifier === -1 ? innermost(row.base, catalog) : { oid: row.base, modifier: row.modifier };
}

const TEXTS: ReadonlySet<number> = new Set([OID.char, OID.name, OID.text, OID.bpchar, OID.varchar]);

function isText(typeId: number, catalog: TypeCatalog): boolean {
  const row = catalog.get(typeId);
  if (row !== undefined && row.base !== 0) return isText(row.base, catalog);
  return TEXTS.has(typeId) || (row !== undefined && row.labels !== null);
}

/** Arrays that the driver looks into for these, by their OID in pg_type.dat. */
const ARRAYS: ReadonlyMap<number, number> = new Map([
  [1005, OID.int2],
  [1007, OID.int4],
  [1028, OID.oid],
  [1016, OID.int8],
  [1231, OID.numeric],
  [1021, OID.float4],
  [1022, OID.float8],
  [1002, OID.char],
  [1014, OID.bpchar],
  [1015, OID.varchar],
  [OID.varbitArray, OID.varbit],
  [1000, OID.bool],
  [1561, OID.bit],
  [1182, OID.date],
  [1183, OID.time],
  [1270, OID.timetz],
  [1115, OID.timestamp],
  [1185, OID.timestamptz],
]);

const DATE_LENGTH = 13;
const TIME_LENGTH = 8;
const ZONE_LENGTH = 6;

function lengthOf(oid: number, modifier: number): number {
  switch (oid) {
    case OID.int2:
      return 5;
    case OID.int4:
    case OID.oid:
      return 10;
    case OID.int8:
      return 19;
    case OID.float4:
      return 8;
    case OID.float8:
      return 17;
    case OID.numeric:
      return modifier === -1 ? 131_089 : ((modifier - 4) >> 16) & 0xffff;
    case OID.char:
    case OID.bool:
      return 1;
    case OID.bpchar:
    case OID.varchar:
      return modifier === -1 ? UNLIMITED : modifier - 4;
    case OID.date:
      return DATE_LENGTH;
    case OID.time:
      return TIME_LENGTH + secondsLength(modifier);
    case OID.timetz:
      return TIME_LENGTH + secondsLength(modifier) + ZONE_LENGTH;
    case OID.timestamp:
      return DATE_LENGTH + 1 + TIME_LENGTH + secondsLength(modifier);
    case OID.timestamptz:
      return DATE_LENGTH + 1 + TIME_LENGTH + secondsLength(modifier) + ZONE_LENGTH;
    case OID.interval:
      return 49;
    case OID.bit:
      return modifier;
    case OID.varbit:
      return modifier === -1 ? UNLIMITED : modifier;
    default:
      return UNLIMITED;
  }
}

/** The point and the digits behind it; the driver counts two for one. */
function secondsLength(modifier: number): number {
  if (modifier === -1) return 7;
  return modifier === 0 ? 0 : Math.max(modifier, 2) + 1;
}

function scaleOf(oid: number, modifier: number): number {
  switch (oid) {
    case OID.float4:
      return 8;
    case OID.float8:
      return 17;
    case OID.numeric:
      return modifier === -1 ? 0 : (modifier - 4) & 0xffff;
    case OID.time:
    case OID.timetz:
    case OID.timestamp:
    case OID.timestamptz:
      return modifier === -1 ? 6 : modifier;
    case OID.interval:
      return modifier === -1 ? 6 : modifier & 0xffff;
    default:
      return 0;
  }
}
