/**
 * What a column says as a record header: the bytes that Debezium's types (`time.precision.mode=adaptive`,
 * `decimal.handling.mode=precise`) become through Connect's SimpleHeaderConverter.
 */
import { javaDecimal, javaDouble, javaFloat } from './java-number.ts';
import { OID, decodeBytea } from './values.ts';

type HeaderEncoder = (bytes: Buffer) => Buffer;

/** The header of a value received in text form. Text, uuid, json and all that is not listed stay what they are. */
export function headerBytes(typeId: number, typeModifier: number, bytes: Buffer): Buffer {
  return headerEncoder(typeId, typeModifier)?.(bytes) ?? bytes;
}

/** How to encode a column, to be asked for once per table; null: its bytes as received. */
export function headerEncoder(typeId: number, typeModifier: number): HeaderEncoder | null {
  const text = textOf(typeId, typeModifier);
  return text === null ? null : (bytes) => Buffer.from(text(bytes.toString('latin1')), 'latin1');
}

function textOf(typeId: number, typeModifier: number): ((text: string) => string) | null {
  // The modifier of a time is its precision; without one it is 6.
  const millis = typeModifier >= 0 && typeModifier <= 3;
  switch (typeId) {
    case OID.bool:
      return (text) => (text === 't' ? 'true' : 'false');
    case OID.float4:
      return (text) => javaFloat(Number(text));
    case OID.float8:
      return (text) => javaDouble(Number(text));
    case OID.numeric:
      return typeModifier === -1 ? variableScale : javaDecimal;
    case OID.bytea:
      return (text) => decodeBytea(Buffer.from(text, 'latin1')).toString('base64');
    case OID.date:
      return (text) => instantOf(text, (micros) => String(micros / MICROS_PER_DAY));
    case OID.time:
      return (text) => String(scaled(microsOfDay(text), millis));
    case OID.timestamp:
      return (text) => INFINITE.get(text) ?? instantOf(text, (micros) => String(scaled(micros, millis)));
    case OID.timestamptz:
      return (text) => zoned(text, typeModifier === -1 ? 6 : typeModifier);
    default:
      return null;
  }
}

const MICROS_PER_DAY = 86_400_000_000n;

/** pgjdbc's numbers for the infinite timestamps, which Debezium passes on in either unit. */
const INFINITE: ReadonlyMap<string, string> = new Map([
  ['infinity', '9223372036825200000'],
  ['-infinity', '-9223372036832400000'],
]);

/** Debezium's VariableScaleDecimal, a Struct, which the converter writes as JSON; NaN and infinities have none. */
function variableScale(text: string): string {
  const match = /^(-?\d+)(?:\.(\d*?)0*)?$/.exec(text);
  if (!match) return text;
  const fraction = match[2] ?? '';
  return `{"scale":${fraction.length},"value":"${twosComplement(BigInt(`${match[1]}${fraction}`)).toString('base64')}"}`;
}

/** `BigInteger.toByteArray`: big-endian, as short as the sign allows. */
function twosComplement(value: bigint): Buffer {
  let bytes = 1;
  while (BigInt.asIntN(bytes * 8, value) !== value) bytes++;
  return Buffer.from(
    BigInt.asUintN(bytes * 8, value)
      .toString(16)
      .padStart(bytes * 2, '0'),
    'hex',
  );
}

const DATE_AND_TIME = /^(\d{4,})-(\d\d)-(\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d{1,6})?))?(?:\+00)?( BC)?$/;

/** Microseconds since 1970 of a date or timestamp in ISO style (our sessions set DateStyle and TimeZone); what has none is passed on. */
function instantOf(text: string, use: (micros: bigint) => string): string {
  const match = DATE_AND_TIME.exec(text);
  if (!match) return text;
  const [, year = '', month = '', day = '', time] = match;
  const days = daysSince1970(match[5] ? 1 - Number(year) : Number(year), Number(month), Number(day));
  return use(BigInt(days) * MICROS_PER_DAY + (time === undefined ? 0n : microsOfDay(time)));
}

function microsOfDay(time: string): bigint {
  const [hours = '0', minutes = '0', seconds = '0'] = time.split(':');
  const [whole = '0', fraction = ''] = seconds.split('.');
  return (
    BigInt(Number(hours) * 3600 + Number(minutes) * 60 + Number(whole)) * 1_000_000n + BigInt(fraction.padEnd(6, '0'))
  );
}

/** Debezium rounds towards the past when it drops digits; PostgreSQL has rounded to the column's precision before. */
function scaled(micros: bigint, toMillis: boolean): bigint {
  if (!toMillis) return micros;
  const rest = ((micros % 1000n) + 1000n) % 1000n;
  return (micros - rest) / 1000n;
}

/** ISO 8601 in UTC, with as many digits of a second as the column has; none where they would all be zero and the column has none. */
function zoned(text: string, digits: number): string {
  const match = DATE_AND_TIME.exec(text);
  if (!match) return text;
  const [, year = '', month, day, time = '00:00:00'] = match;
  const [clock = '', fraction = ''] = time.split('.');
  const part = digits === 0 ? '' : `.${fraction.padEnd(digits, '0')}`;
  return `${isoYear(match[5] ? 1 - Number(year) : Number(year))}-${month}-${day}T${clock}${part}Z`;
}

/** Java's way: four digits, a sign before more, and a year 0 before Christ's first. */
function isoYear(year: number): string {
  const digits = String(Math.abs(year)).padStart(4, '0');
  return year < 0 ? `-${digits}` : year > 9999 ? `+${digits}` : digits;
}

/** Days of the proleptic Gregorian calendar, by eras of 400 years that begin in March. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}
