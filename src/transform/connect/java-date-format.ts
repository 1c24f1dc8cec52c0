/**
 * `java.text.SimpleDateFormat` in UTC and English. Which patterns there are is decided by the configuration.
 * https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/text/SimpleDateFormat.html
 */
import { DAY_MS, dateOf, daysOf, weekdayOf } from './java-calendar.ts';

/** A letter with how often it stands there, or text in between. */
export type DatePart = { readonly letter: string; readonly count: number } | { readonly literal: string };

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;
export const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const;
export const MONTH_NAMES: readonly string[] = MONTHS;

/** Milliseconds since 1970 as the pattern writes them. */
export function formatDate(parts: readonly DatePart[], ms: bigint): string {
  const time = Number(((ms % BigInt(DAY_MS)) + BigInt(DAY_MS)) % BigInt(DAY_MS));
  const days = Number((ms - BigInt(time)) / BigInt(DAY_MS));
  return parts.map((part) => ('literal' in part ? part.literal : write(part, days, time))).join('');
}

function write(
  { letter, count }: { readonly letter: string; readonly count: number },
  days: number,
  time: number,
): string {
  const { year, month, day } = dateOf(days);
  const hour = Math.floor(time / 3_600_000);
  const padded = (value: number): string => String(value).padStart(count, '0');
  const named = (name: string): string => (count >= 4 ? name : name.slice(0, 3));
  switch (letter) {
    case 'G':
      return year > 0 ? 'AD' : 'BC';
    case 'y': {
      const ofEra = year > 0 ? year : 1 - year;
      return count === 2 ? String(ofEra % 100).padStart(2, '0') : padded(ofEra);
    }
    case 'M':
    case 'L':
      return count >= 3 ? named(MONTHS[month - 1] ?? '') : padded(month);
    case 'd':
      return padded(day);
    case 'D':
      return padded(days - daysOf({ year, month: 1, day: 1 }) + 1);
    case 'E':
      return named(WEEKDAYS[weekdayOf(days) - 1] ?? '');
    case 'u':
      return padded(weekdayOf(days));
    case 'a':
      return hour < 12 ? 'AM' : 'PM';
    case 'H':
      return padded(hour);
    case 'k':
      return padded(hour || 24);
    case 'K':
      return padded(hour % 12);
    case 'h':
      return padded(hour % 12 || 12);
    case 'm':
      return padded(Math.floor(time / 60_000) % 60);
    case 's':
      return padded(Math.floor(time / 1000) % 60);
    case 'S':
      return padded(time % 1000);
    case 'z':
      return count >= 4 ? 'Coordinated Universal Time' : 'UTC';
    case 'Z':
      return '+0000';
    default:
      return 'Z';
  }
}

const part = (letter: string, count: number): DatePart => ({ letter, count });
const DATE: readonly DatePart[] = [part('y', 4), { literal: '-' }, part('M', 2), { literal: '-' }, part('d', 2)];
const TIME: readonly DatePart[] = [
  part('H', 2),
  { literal: ':' },
  part('m', 2),
  { literal: ':' },
  part('s', 2),
  { literal: '.' },
  part('S', 3),
  { literal: 'Z' },
];
/** The three patterns of `org.apache.kafka.connect.data.Values`. */
export const ISO_8601 = { date: DATE, time: TIME, timestamp: [...DATE, { literal: 'T' }, ...TIME] } as const;

/** A moment as Connect writes it where a text is wanted: what lies in the first day, or before it, is a time. */
export function isoText(ms: bigint): string {
  const day = BigInt(DAY_MS);
  return formatDate(ms < day ? ISO_8601.time : ms % day === 0n ? ISO_8601.date : ISO_8601.timestamp, ms);
}
