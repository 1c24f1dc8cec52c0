import type { ColumnForm } from '../../change/table.ts';
import type { Value } from '../../change/value.ts';

/** Type OIDs from pg_type.dat: built-in types keep theirs for ever. */
export const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
} as const;

/** What the text of a type is, for those who need no more than its bytes. */
export function formOf(typeId: number): ColumnForm {
  switch (typeId) {
    case OID.bool:
      return 'boolean';
    case OID.bytea:
      return 'binary';
    case OID.json:
    case OID.jsonb:
      return 'json';
    case OID.int2:
    case OID.int4:
    case OID.int8:
    case OID.oid:
    case OID.float4:
    case OID.float8:
      return 'number';
    default:
      return 'text';
  }
}

/** The value of a column sent in text form. Types without an exact JavaScript form stay PostgreSQL's text. */
export function decodeText(typeId: number, bytes: Buffer): Value {
  switch (typeId) {
    case OID.bool:
      return bytes[0] === 0x74;
    case OID.int2:
    case OID.int4:
    case OID.oid:
    case OID.float4:
    case OID.float8:
      return Number(bytes.toString('latin1'));
    case OID.int8:
      return BigInt(bytes.toString('latin1'));
    case OID.bytea:
      return decodeBytea(bytes);
    default:
      return bytes.toString('utf8');
  }
}

/**
 * bytea as text: `\x` and hexadecimal digits (our sessions set `bytea_output = hex`)
 * (https://www.postgresql.org/docs/current/datatype-binary.html).
 */
export function decodeBytea(text: Buffer): Buffer {
  return Buffer.from(text.toString('latin1', 2), 'hex');
}
