/**
 * Dates and times in ISO style, as our sessions have them (DateStyle, TimeZone), read from their bytes
 * (https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-OUTPUT).
 */
import { malformed } from './malformed.ts';

const MINUS = 0x2d;
const PLUS = 0x2b;
const COLON = 0x3a;
const POINT = 0x2e;
const SPACE = 0x20;
const I = 0x69;
const C = 0x43;
/** Bytes of `12:34:56.789012`. */
const LONGEST = 15;

export const MICROS_PER_DAY = 86_400_000_000;

/** What the text of a date, a time or both says. One object serves all; it holds until the next call. */
export interface Moment {
  /** Astronomical: the year before 1 is 0. */
  year: number;
  month: number;
  day: number;
  /** Since midnight; 24:00:00 is a whole day. */
  micros: number;
  /** East of Greenwich. */
  offsetSeconds: number;
  /** Where the time of the day stands in the text: from its first digit to behind its last. */
  timeStart: number;
  timeEnd: number;
}

const moment: Moment = { year: 0, month: 0, day: 0, micros: 0, offsetSeconds: 0, timeStart: 0, timeEnd: 0 };

/** 1 for `infinity`, -1 for `-infinity`, else 0. */
export function infinite(bytes: Buffer): -1 | 0 | 1 {
  if (bytes[0] === I) return 1;
  return bytes[0] === MINUS ? -1 : 0;
}

/** Of `date`, `timestamp` or `timestamptz`, finite. */
export function readMoment(bytes: Buffer, type: string): Moment {
  const isBc = bytes[bytes.length - 1] === C;
  const end = isBc ? bytes.length - 3 : bytes.length;
  let at = 0;
  while (at < end && bytes[at] !== MINUS) at++;
  const year = number(bytes, 0, at, type);
  moment.year = isBc ? 1 - year : year;
  moment.month = number(bytes, at + 1, at + 3, type);
  moment.day = number(bytes, at + 4, at + 6, type);
  if (bytes[at + 3] !== MINUS || moment.month < 1 || moment.month > 12) throw wrong(type);
  at += 6;
  moment.timeStart = at + 1;
  if (at >= end) {
    moment.micros = 0;
    moment.offsetSeconds = 0;
    moment.timeEnd = at;
  } else {
    if (bytes[at] !== SPACE) throw wrong(type);
    readClock(bytes, at + 1, end, type);
    if (moment.micros >= MICROS_PER_DAY) throw wrong(type);
  }
  return moment;
}

/** Of `time` or `timetz`; the date means nothing. */
export function readTime(bytes: Buffer, type: string): Moment {
  readClock(bytes, 0, bytes.length, type);
  return moment;
}

function readClock(bytes: Buffer, start: number, end: number, type: string): void {
  if (bytes[start + 2] !== COLON || bytes[start + 5] !== COLON) throw wrong(type);
  const minutes = number(bytes, start + 3, start + 5, type);
  const seconds = number(bytes, start + 6, start + 8, type);
  if (minutes > 59 || seconds > 59) throw wrong(type);
  let at = start + 8;
  let micros = 0;
  if (at < end && bytes[at] === POINT) {
    let unit = 100_000;
    for (at++; at < end && isDigit(bytes[at]); at++) {
      micros += ((bytes[at] as number) - 0x30) * unit;
      unit /= 10;
    }
    if (at - start > LONGEST) throw wrong(type);
  }
  moment.micros = (number(bytes, start, start + 2, type) * 3600 + minutes * 60 + seconds) * 1_000_000 + micros;
  if (moment.micros > MICROS_PER_DAY) throw wrong(type);
  moment.timeStart = start;
  moment.timeEnd = at;
  moment.offsetSeconds = at === end ? 0 : offset(bytes, at, end, type);
}

/** `+00`, `-03:30`, `+05:30:15`. */
function offset(bytes: Buffer, start: number, end: number, type: string): number {
  const sign = bytes[start] === MINUS ? -1 : 1;
  if (sign === 1 && bytes[start] !== PLUS) throw wrong(type);
  let seconds = 0;
  let unit = 3600;
  for (let at = start + 1; at < end; at += 3) {
    seconds += number(bytes, at, at + 2, type) * unit;
    unit /= 60;
    if (at + 2 < end && bytes[at + 2] !== COLON) throw wrong(type);
  }
  return sign * seconds;
}

function number(bytes: Buffer, start: number, end: number, type: string): number {
  let value = 0;
  if (start >= end || end > bytes.length) throw wrong(type);
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (!isDigit(byte)) throw wrong(type);
    value = value * 10 + (byte as number) - 0x30;
  }
  return value;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const wrong = (type: string): Error => malformed(type, 'in ISO style');

/** Days since 1970-01-01 of the proleptic Gregorian calendar, by eras of 400 years that begin in March. */
export function daysOf({ year, month, day }: Pick<Moment, 'year' | 'month' | 'day'>): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

/** The date of a day since 1970-01-01. */
export function dateOf(days: number): Pick<Moment, 'year' | 'month' | 'day'> {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const index = Math.floor((5 * dayOfYear + 2) / 153);
  const month = index < 10 ? index + 3 : index - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * index + 2) / 5) + 1,
  };
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Java's way: four digits, a sign before more, and a year 0 before Christ's first. */
export function isoDate({ year, month, day }: Pick<Moment, 'year' | 'month' | 'day'>): string {
  const digits = String(Math.abs(year)).padStart(4, '0');
  return `${year < 0 ? '-' : year > 9999 ? '+' : ''}${digits}-${two(month)}-${two(day)}`;
}

/** `12:34:56.789`: as many digits of a second as it takes, or exactly so many. */
export function isoTime(micros: number, digits = 0): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = String(micros % 1_000_000).padStart(6, '0');
  const shown = digits === 0 ? fraction.replace(/0+$/, '') : fraction.slice(0, digits);
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return shown === '' ? clock : `${clock}.${shown}`;
}

const MAXIMUM = 9_223_372_036_854_775_807n;

/** `days * perDay + ofDay`, exact; a bigint where a double is not. Ends at the limits of an int64. */
export function sinceEpoch(days: number, perDay: number, ofDay: number): number | bigint {
  const sum = days * perDay + ofDay;
  if (Number.isSafeInteger(sum)) return sum;
  return saturated(BigInt(days) * BigInt(perDay) + BigInt(ofDay));
}

/** The nearest int64. */
export function saturated(value: bigint): bigint {
  if (value > MAXIMUM) return MAXIMUM;
  return value < -MAXIMUM - 1n ? -MAXIMUM - 1n : value;
}
