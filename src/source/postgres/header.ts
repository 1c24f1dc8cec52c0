/**
 * What a column says as a record header: the bytes that Debezium's types (`time.precision.mode=adaptive`,
 * `decimal.handling.mode=precise`) become through Connect's SimpleHeaderConverter.
 */
import type { ColumnType } from '../../change/column-type.ts';
import { JsonWriter } from '../../change/json-writer.ts';
import { decodeBytea } from './types/binary.ts';
import { numericType } from './types/decimal.ts';
import { javaDecimal, javaDouble, javaFloat } from '../../change/java-number.ts';
import { OID } from './types/oid.ts';
import { DEFAULT_TYPE_OPTIONS } from './types/options.ts';
import { dateType, timeType, timestampType, zonedTimestampType } from './types/temporal.ts';

const json = new JsonWriter(64);

type HeaderEncoder = (bytes: Buffer) => Buffer;

/** The header of a value received in text form. Text, uuid, json and all that is not listed stay what they are. */
export function headerBytes(typeId: number, typeModifier: number, bytes: Buffer): Buffer {
  return headerEncoder(typeId, typeModifier)?.(bytes) ?? bytes;
}

/** How to encode a column, to be asked for once per table; null: its bytes as received. */
export function headerEncoder(typeId: number, typeModifier: number): HeaderEncoder | null {
  const text = textOf(typeId, typeModifier);
  return text === null ? null : (bytes) => Buffer.from(text(bytes), 'latin1');
}

function textOf(typeId: number, typeModifier: number): ((bytes: Buffer) => string) | null {
  // The modifier of a time is its precision; without one it is 6.
  const digits = typeModifier === -1 ? 6 : typeModifier;
  switch (typeId) {
    case OID.bool:
      return (bytes) => (bytes[0] === 0x74 ? 'true' : 'false');
    case OID.float4:
      return (bytes) => javaFloat(Number(bytes.toString('latin1')));
    case OID.float8:
      return (bytes) => javaDouble(Number(bytes.toString('latin1')));
    case OID.numeric:
      return typeModifier === -1 ? variableScale : (bytes) => javaDecimal(bytes.toString('latin1'));
    case OID.bytea:
      return (bytes) => decodeBytea(bytes).toString('base64');
    case OID.date:
      return dataText(dateType(DEFAULT_TYPE_OPTIONS));
    case OID.time:
      return dataText(timeType(DEFAULT_TYPE_OPTIONS, digits));
    case OID.timestamp:
      return dataText(timestampType(DEFAULT_TYPE_OPTIONS, digits));
    case OID.timestamptz:
      return dataText(zonedTimestampType(digits));
    default:
      return null;
  }
}

/** A number's digits, or a text without the quotes: the dates here have nothing to escape. */
const dataText =
  (type: ColumnType) =>
  (bytes: Buffer): string => {
    json.reset();
    type.json(bytes, json);
    return json.view().toString('latin1').replaceAll('"', '');
  };

const numeric = numericType(DEFAULT_TYPE_OPTIONS, -1);

/** Debezium's VariableScaleDecimal, a Struct, which the converter writes as JSON; NaN and infinities have none. */
function variableScale(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  if (/[NI]/.test(text)) return text;
  json.reset();
  numeric.json(bytes, json);
  return json.view().toString('latin1');
}
