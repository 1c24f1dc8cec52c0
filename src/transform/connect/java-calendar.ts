/**
 * Dates of `java.util.GregorianCalendar` in UTC: Julian before 15 October 1582. Days are counted from 1970-01-01, years
 * from 1, with 0 for 1 BC; months from 1.
 */
export interface CalendarDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

export const DAY_MS = 86_400_000;
/** 15 October 1582. */
const CUTOVER = -141_427;
/** Of 1970-01-01 in the Julian count of days. */
const EPOCH = 2_440_588;
const floor = Math.floor;

export function dateOf(days: number): CalendarDate {
  const jdn = days + EPOCH;
  let shifted = jdn + 32_082;
  let century = 0;
  if (days >= CUTOVER) {
    const a = jdn + 32_044;
    century = floor((4 * a + 3) / 146_097);
    shifted = a - floor((146_097 * century) / 4);
  }
  const d = floor((4 * shifted + 3) / 1461);
  const e = shifted - floor((1461 * d) / 4);
  const m = floor((5 * e + 2) / 153);
  return {
    year: 100 * century + d - 4800 + floor(m / 10),
    month: m + 3 - 12 * floor(m / 10),
    day: e - floor((153 * m + 2) / 5) + 1,
  };
}

/**
 * Leniently: month 13 is January of the next year, day 0 the last of the month before. So many days later, which may
 * make it a day of the other calendar.
 */
export function daysOf({ year, month, day }: CalendarDate, later = 0): number {
  const whole = year + floor((month - 1) / 12);
  const normal = month - 12 * floor((month - 1) / 12);
  const a = floor((14 - normal) / 12);
  const y = whole + 4800 - a;
  const base = day + floor((153 * (normal + 12 * a - 3) + 2) / 5) + 365 * y + floor(y / 4);
  const gregorian = base - floor(y / 100) + floor(y / 400) - 32_045 - EPOCH + later;
  // Which calendar counts is said by the year that is given, not by the one that too many months lead to.
  return year >= 1582 && gregorian >= CUTOVER ? gregorian : base - 32_083 - EPOCH + later;
}

/** From 1 for Monday to 7 for Sunday. */
export function weekdayOf(days: number): number {
  return ((((days + 3) % 7) + 7) % 7) + 1;
}
