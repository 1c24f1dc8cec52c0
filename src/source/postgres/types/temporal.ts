/** date, time and timestamp in every `time.precision.mode`; the zoned types, which are text in all of them. */
import type { ColumnType } from '../../../change/column-type.ts';
import type { JsonWriter } from '../../../change/json-writer.ts';
import type { Schema } from '../../../change/schema.ts';
import {
  MICROS_PER_DAY,
  type Moment,
  dateOf,
  daysOf,
  infinite,
  isoDate,
  isoTime,
  readMoment,
  readTime,
  saturated,
  sinceEpoch,
} from './moment.ts';
import type { TypeOptions } from './options.ts';
import { logical } from './schemas.ts';

const QUOTE = 0x22;
const T = 0x54;
const Z = 0x5a;
const ZERO = 0x30;
const POINT = 0x2e;

const DEBEZIUM = 'io.debezium.time';
const CONNECT = 'org.apache.kafka.connect.data';

type Unit = 'millis' | 'micros' | 'nanos';
const PER_MILLI: Readonly<Record<Unit, number>> = { millis: 1, micros: 1000, nanos: 1_000_000 };
const MILLIS_PER_DAY = 86_400_000;

function ofDay(micros: number, unit: Unit): number {
  if (unit === 'micros') return micros;
  return unit === 'nanos' ? micros * 1000 : Math.floor(micros / 1000);
}

/** An int32 or int64 made of the text. */
function numberType(schema: Schema, read: (bytes: Buffer) => number | bigint): ColumnType {
  return {
    schema,
    data: schema.type === 'int64' ? (bytes) => BigInt(read(bytes)) : read,
    json: (bytes, out) => out.integer(read(bytes)),
  };
}

/** ASCII made of the text. */
function isoType(schema: Schema, read: (bytes: Buffer) => string): ColumnType {
  return { schema, data: read, json: (bytes, out) => quoted(out, read(bytes)) };
}

function quoted(out: JsonWriter, ascii: string): void {
  out.byte(QUOTE);
  out.ascii(ascii);
  out.byte(QUOTE);
}

/** What Debezium makes of pgjdbc's infinite dates; that the later is the smaller is its own. */
const INFINITE_DAYS = { 1: -2_147_472_692, '-1': -2_147_472_691 } as const;
const INFINITE_DATES = { 1: '-5877611-06-21Z', '-1': '-5877611-06-22Z' } as const;

export function dateType({ time }: TypeOptions): ColumnType {
  if (time === 'isostring') {
    return isoType(logical('string', `${DEBEZIUM}.IsoDate`), (bytes) => {
      const sign = infinite(bytes);
      return sign === 0 ? `${isoDate(readMoment(bytes, 'date'))}Z` : INFINITE_DATES[sign];
    });
  }
  const schema = logical('int32', time === 'connect' ? `${CONNECT}.Date` : `${DEBEZIUM}.Date`);
  return numberType(schema, (bytes) => {
    const sign = infinite(bytes);
    return sign === 0 ? daysOf(readMoment(bytes, 'date')) : INFINITE_DAYS[sign];
  });
}

/** `digits` of a second that the column has. */
export function timeType({ time }: TypeOptions, digits: number): ColumnType {
  if (time === 'isostring') {
    return isoType(
      logical('string', `${DEBEZIUM}.IsoTime`),
      (bytes) => `${isoTime(readTime(bytes, 'time').micros % MICROS_PER_DAY)}Z`,
    );
  }
  const unit = timeUnit(time, digits);
  return numberType(timeSchema(time, unit), (bytes) => ofDay(readTime(bytes, 'time').micros, unit));
}

function timeUnit(mode: Exclude<TypeOptions['time'], 'isostring'>, digits: number): Unit {
  if (mode === 'nanoseconds') return 'nanos';
  if (mode === 'connect') return 'millis';
  return mode === 'adaptive' && digits <= 3 ? 'millis' : 'micros';
}

function timeSchema(mode: TypeOptions['time'], unit: Unit): Schema {
  if (mode === 'connect') return logical('int32', `${CONNECT}.Time`);
  if (unit === 'millis') return logical('int32', `${DEBEZIUM}.Time`);
  return logical('int64', unit === 'micros' ? `${DEBEZIUM}.MicroTime` : `${DEBEZIUM}.NanoTime`);
}

/** pgjdbc's infinite timestamps: milliseconds to Debezium, whatever the unit of the column. */
const INFINITE_MILLIS = { 1: 9_223_372_036_825_200n, '-1': -9_223_372_036_832_400n } as const;
const INFINITE_TIMESTAMPS = { 1: '+294247-01-10T04:00:25.2Z', '-1': '-290308-12-21T19:59:27.6Z' } as const;

export function timestampType({ time }: TypeOptions, digits: number): ColumnType {
  if (time === 'isostring') {
    return isoType(logical('string', `${DEBEZIUM}.IsoTimestamp`), (bytes) => {
      const sign = infinite(bytes);
      if (sign !== 0) return INFINITE_TIMESTAMPS[sign];
      const moment = readMoment(bytes, 'timestamp');
      return `${isoDate(moment)}T${isoTime(moment.micros)}Z`;
    });
  }
  const unit = timestampUnit(time, digits);
  const perMilli = PER_MILLI[unit];
  return numberType(timestampSchema(time, unit), (bytes) => {
    const sign = infinite(bytes);
    if (sign !== 0) return saturated(INFINITE_MILLIS[sign] * BigInt(perMilli));
    const moment = readMoment(bytes, 'timestamp');
    return sinceEpoch(daysOf(moment), MILLIS_PER_DAY * perMilli, ofDay(moment.micros, unit));
  });
}

function timestampUnit(mode: Exclude<TypeOptions['time'], 'isostring'>, digits: number): Unit {
  if (mode === 'nanoseconds') return 'nanos';
  if (mode === 'connect') return 'millis';
  return mode !== 'microseconds' && digits <= 3 ? 'millis' : 'micros';
}

function timestampSchema(mode: TypeOptions['time'], unit: Unit): Schema {
  if (mode === 'connect') return logical('int64', `${CONNECT}.Timestamp`);
  const prefix = { millis: '', micros: 'Micro', nanos: 'Nano' }[unit];
  return logical('int64', `${DEBEZIUM}.${prefix}Timestamp`);
}

/** timestamptz: ISO 8601 in UTC with exactly `digits` of a second; with 0 there are none to show. */
export function zonedTimestampType(digits: number): ColumnType {
  return {
    schema: logical('string', `${DEBEZIUM}.ZonedTimestamp`),
    data: (bytes) => zonedText(bytes, digits),
    json: (bytes, out) => {
      if (infinite(bytes) !== 0) {
        quoted(out, zonedText(bytes, digits));
        return;
      }
      const moment = readMoment(bytes, 'timestamptz');
      if (moment.timeStart === 11 && moment.year > 0 && moment.offsetSeconds === 0)
        copyZoned(bytes, moment, digits, out);
      else quoted(out, shifted(moment, digits));
    },
  };
}

/** A common timestamp is there already, but for the T, zeros to fill up and the Z. */
function copyZoned(bytes: Buffer, { timeStart, timeEnd }: Moment, digits: number, out: JsonWriter): void {
  out.byte(QUOTE);
  out.slice(bytes, 0, timeStart - 1);
  out.byte(T);
  const seconds = timeStart + 8;
  if (digits === 0) out.slice(bytes, timeStart, seconds);
  else {
    out.slice(bytes, timeStart, timeEnd);
    if (timeEnd === seconds) out.byte(POINT);
    const written = timeEnd === seconds ? 0 : timeEnd - seconds - 1;
    for (let i = written; i < digits; i++) out.byte(ZERO);
  }
  out.byte(Z);
  out.byte(QUOTE);
}

function zonedText(bytes: Buffer, digits: number): string {
  const sign = infinite(bytes);
  if (sign !== 0) return sign === 1 ? 'infinity' : '-infinity';
  return shifted(readMoment(bytes, 'timestamptz'), digits);
}

function shifted(moment: Moment, digits: number): string {
  const micros = moment.micros - moment.offsetSeconds * 1_000_000;
  const days = Math.floor(micros / MICROS_PER_DAY);
  const date = days === 0 ? moment : dateOf(daysOf(moment) + days);
  return `${isoDate(date)}T${isoTime(micros - days * MICROS_PER_DAY, digits)}Z`;
}

/** timetz: ISO 8601 in UTC with as many digits of a second as it takes. */
export function zonedTimeType(): ColumnType {
  return isoType(logical('string', `${DEBEZIUM}.ZonedTime`), (bytes) => {
    const { micros, offsetSeconds } = readTime(bytes, 'timetz');
    const utc = (micros - offsetSeconds * 1_000_000) % MICROS_PER_DAY;
    return `${isoTime(utc < 0 ? utc + MICROS_PER_DAY : utc)}Z`;
  });
}
