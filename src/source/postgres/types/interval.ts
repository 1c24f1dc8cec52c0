/** interval (https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-INTERVAL-OUTPUT, style `postgres`). */
import type { ColumnType } from '../../../change/column-type.ts';
import { malformed } from './malformed.ts';
import { saturated } from './moment.ts';
import type { TypeOptions } from './options.ts';
import { logical } from './schemas.ts';

interface Interval {
  readonly years: bigint;
  readonly months: bigint;
  readonly days: bigint;
  readonly hours: bigint;
  readonly minutes: bigint;
  /** Of the seconds, fraction included. All parts of the time have the same sign. */
  readonly micros: bigint;
}

const TEXT =
  /^(?:([+-]?\d+) years?)? ?(?:([+-]?\d+) mons?)? ?(?:([+-]?\d+) days?)? ?(?:([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?$/;

/** Debezium's month: a twelfth of 365.25 days. */
const SECONDS_PER_MONTH = 2_629_800n;

/** Microseconds, or ISO 8601 with all its parts. An infinite one is the greatest or smallest number, or its name. */
export function intervalType({ interval }: TypeOptions): ColumnType {
  if (interval === 'string') {
    const read = (bytes: Buffer): string => named(bytes) ?? isoText(parse(bytes));
    return {
      schema: logical('string', 'io.debezium.time.Interval'),
      data: read,
      json: (bytes, out) => out.ascii(`"${read(bytes)}"`),
    };
  }
  const read = (bytes: Buffer): bigint => {
    const name = named(bytes);
    if (name !== null) return saturated(name === 'infinity' ? 1n << 63n : -(1n << 63n));
    return micros(parse(bytes));
  };
  return {
    schema: logical('int64', 'io.debezium.time.MicroDuration'),
    data: read,
    json: (bytes, out) => out.integer(read(bytes)),
  };
}

function named(bytes: Buffer): string | null {
  const text = bytes.length === 8 || bytes.length === 9 ? bytes.toString('latin1') : '';
  return text === 'infinity' || text === '-infinity' ? text : null;
}

function parse(bytes: Buffer): Interval {
  const match = TEXT.exec(bytes.toString('latin1'));
  if (!match || bytes.length === 0) throw malformed('interval', 'in the style "postgres"');
  const [, years, months, days, sign, hours, minutes, seconds, fraction = ''] = match;
  const part = (text = '0'): bigint => BigInt(text.replace('+', ''));
  const timed = (text: string | undefined): bigint => (sign === '-' ? -part(text) : part(text));
  return {
    years: part(years),
    months: part(months),
    days: part(days),
    hours: timed(hours),
    minutes: timed(minutes),
    micros: timed(seconds === undefined ? undefined : `${seconds}${fraction.padEnd(6, '0')}`),
  };
}

function micros({ years, months, days, hours, minutes, micros: rest }: Interval): bigint {
  const seconds = (years * 12n + months) * SECONDS_PER_MONTH + days * 86_400n + hours * 3600n + minutes * 60n;
  return saturated(seconds * 1_000_000n + rest);
}

function isoText({ years, months, days, hours, minutes, micros: rest }: Interval): string {
  const size = rest < 0n ? -rest : rest;
  const fraction = String(size % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const seconds = `${rest < 0n ? '-' : ''}${size / 1_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
  return `P${years}Y${months}M${days}DT${hours}H${minutes}M${seconds}S`;
}
