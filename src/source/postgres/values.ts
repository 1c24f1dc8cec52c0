import type { ColumnForm } from '../../change/table.ts';
import type { Value } from '../../change/value.ts';
import { decodeBytea } from './types/binary.ts';
import { OID } from './types/oid.ts';

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
