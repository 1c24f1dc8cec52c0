/**
 * `java.text.SimpleDateFormat.parse`, lenient as that is: 31 February is a day in March, what follows the pattern is
 * not looked at, and `SSS` takes all digits there are.
 */
import { DAY_MS, daysOf, weekdayOf } from './java-calendar.ts';
import { type DatePart, MONTH_NAMES, WEEKDAYS } from './java-date-format.ts';

type Name =
  | 'era'
  | 'year'
  | 'month'
  | 'day'
  | 'dayOfYear'
  | 'weekday'
  | 'ampm'
  | 'hour12'
  | 'hour'
  | 'minute'
  | 'second'
  | 'ms';

const HOUR_MS = 3_600_000;
const NUMERIC = 'yMLdDHkKhmsSu';

/** Milliseconds since 1970, or null where Java throws. `now` decides the century of two-digit years. */
export function parseDate(parts: readonly DatePart[], text: string, now: Date): bigint | null {
  return new Parse(text, now).run(parts);
}

class Parse {
  readonly #text: string;
  readonly #centuryStart: number;
  /** In the order in which they were set: the later wins over what says the same. */
  readonly #fields = new Map<Name, number>();
  #at = 0;
  #offsetMs = 0;
  #ambiguous = false;

  constructor(text: string, now: Date) {
    this.#text = text;
    this.#centuryStart = Date.UTC(
      now.getUTCFullYear() - 80,
      now.getUTCMonth(),
      now.getUTCDate(),
      now.getUTCHours(),
      now.getUTCMinutes(),
      now.getUTCSeconds(),
      now.getUTCMilliseconds(),
    );
  }

  run(parts: readonly DatePart[]): bigint | null {
    for (const [index, part] of parts.entries()) {
      if ('literal' in part) {
        if (!this.#text.startsWith(part.literal, this.#at)) return null;
        this.#at += part.literal.length;
        continue;
      }
      const next = parts[index + 1];
      // Where another number follows at once, the letters say how many digits belong to this one.
      const exact = next !== undefined && 'letter' in next && isNumeric(next.letter, next.count);
      if (!this.#field(part.letter, part.count, exact)) return null;
    }
    if (this.#at === 0) return null;
    const ms = this.#ms(0);
    return this.#ambiguous && ms < BigInt(this.#centuryStart) ? this.#ms(100) : ms;
  }

  #field(letter: string, count: number, exact: boolean): boolean {
    const start = this.#at;
    while (/^[ \t]$/.test(this.#text[this.#at] ?? '')) this.#at++;
    if (this.#at >= this.#text.length) return false;
    if (isNumeric(letter, count)) {
      const digits = this.#number(exact ? start + count : null);
      return digits !== null && this.#numeric(letter, count, digits);
    }
    // Before a name Java takes no space, after all.
    if ('MLEGa'.includes(letter)) this.#at = start;
    switch (letter) {
      case 'M':
      case 'L':
        return this.#named('month', MONTH_NAMES);
      case 'E':
        return this.#named('weekday', WEEKDAYS);
      case 'G':
        return this.#named('era', ['BC', 'AD'], ['Before Christ', 'Anno Domini']);
      case 'a':
        return this.#named('ampm', ['AM', 'PM']);
      case 'X':
        return this.#isoZone(count);
      default:
        return this.#zone();
    }
  }

  #number(end: number | null): string | null {
    if (end !== null && end > this.#text.length) return null;
    const found = /^-?\d+/.exec(this.#text.slice(this.#at, end ?? undefined))?.[0];
    if (found === undefined) return null;
    this.#at += found.length;
    return found;
  }

  #numeric(letter: string, count: number, digits: string): boolean {
    // Number.intValue of a long.
    const exact = BigInt(digits);
    const long = exact > 2n ** 63n - 1n ? 2n ** 31n - 1n : exact;
    const value = Number(BigInt.asIntN(32, long));
    switch (letter) {
      case 'y':
        return this.#year(count, digits, value);
      case 'M':
      case 'L':
        return this.#set('month', value - 1);
      case 'd':
        return this.#set('day', value);
      case 'D':
        return this.#set('dayOfYear', value);
      case 'H':
        return this.#set('hour', value);
      case 'k':
        return this.#set('hour', value === 24 ? 0 : value);
      case 'K':
        return this.#set('hour12', value);
      case 'h':
        return this.#set('hour12', value === 12 ? 0 : value);
      case 'm':
        return this.#set('minute', value);
      case 's':
        return this.#set('second', value);
      case 'S':
        return this.#set('ms', value);
      default:
        // From 1 for Monday to 7; other numbers count from 1 for Sunday.
        return this.#set('weekday', value >= 1 && value <= 7 ? value - 1 : (((value + 5) % 7) + 7) % 7);
    }
  }

  #year(count: number, digits: string, value: number): boolean {
    if (count > 2 || !/^\d\d$/.test(digits)) return this.#set('year', value);
    const first = new Date(this.#centuryStart).getUTCFullYear();
    this.#ambiguous = value === first % 100;
    return this.#set('year', value + Math.floor(first / 100) * 100 + (value < first % 100 ? 100 : 0));
  }

  /** The longest of the names, whole or of three letters, in any case. */
  #named(field: Name, names: readonly string[], longer: readonly string[] = names): boolean {
    let best = { length: 0, index: -1 };
    for (const [index, name] of names.entries()) {
      for (const each of [
        longer[index] ?? name,
        name,
        field === 'month' || field === 'weekday' ? name.slice(0, 3) : name,
      ]) {
        const found = this.#text.slice(this.#at, this.#at + each.length);
        if (each.length > best.length && found.toLowerCase() === each.toLowerCase())
          best = { length: each.length, index };
      }
    }
    if (best.index < 0) return false;
    this.#at += best.length;
    return this.#set(field, best.index);
  }

  #isoZone(count: number): boolean {
    const rest = this.#text.slice(this.#at);
    if (rest.startsWith('Z')) {
      this.#at++;
      return true;
    }
    return this.#offset([/^([+-])(\d\d)()/, /^([+-])(\d\d)(\d\d)/, /^([+-])(\d\d):(\d\d)/][count - 1] ?? /$^/);
  }

  #zone(): boolean {
    const rest = this.#text.slice(this.#at);
    if (/^[+-]/.test(rest)) return this.#offset(/^([+-])(\d\d)(\d\d)/);
    const name = /^(?:GMT|UTC|Coordinated Universal Time|Greenwich Mean Time)/i.exec(rest)?.[0];
    if (name === undefined) return false;
    this.#at += name.length;
    if (name.toUpperCase() !== 'GMT' || !/^[+-]/.test(rest.slice(name.length))) return true;
    return this.#offset(/^([+-])(\d\d?):(\d\d)/);
  }

  #offset(pattern: RegExp): boolean {
    const match = pattern.exec(this.#text.slice(this.#at));
    const [hours, minutes] = [Number(match?.[2]), Number(match?.[3] ?? '')];
    if (match === null || hours > 23 || minutes > 59) return false;
    this.#at += match[0].length;
    this.#offsetMs = (match[1] === '-' ? -1 : 1) * (hours * HOUR_MS + minutes * 60_000);
    return true;
  }

  #set(name: Name, value: number): true {
    this.#fields.delete(name);
    this.#fields.set(name, value);
    return true;
  }

  #ms(moreYears: number): bigint {
    const given = (name: Name): number | undefined => this.#fields.get(name);
    const order = [...this.#fields.keys()];
    const later = (a: Name, b: Name): boolean => order.indexOf(a) > order.indexOf(b);
    const ofEra = given('year') ?? 1970;
    const year = (given('era') === 0 ? 1 - ofEra : ofEra) + moreYears;
    const dayOfYear = given('dayOfYear');
    const half = given('hour12') !== undefined && given('ampm') !== undefined;
    const halfLater = half && (later('hour12', 'hour') || later('ampm', 'hour'));
    const whole = given('hour');
    const hour = whole !== undefined && !halfLater ? whole : (given('hour12') ?? 0) + 12 * (given('ampm') ?? 0);
    const time = hour * HOUR_MS + (given('minute') ?? 0) * 60_000 + (given('second') ?? 0) * 1000 + (given('ms') ?? 0);
    const more = Math.floor(time / DAY_MS);
    const month = (given('month') ?? 0) + 1;
    const weekday = given('weekday');
    let days: number;
    if (dayOfYear !== undefined && later('dayOfYear', 'day')) days = daysOf({ year, month: 1, day: dayOfYear }, more);
    else if (weekday === undefined || given('day') !== undefined) {
      days = daysOf({ year, month, day: given('day') ?? 1 }, more);
    } else {
      // A day of the week alone is the first of its kind in the month; beside a date it says nothing.
      const first = weekdayOf(daysOf({ year, month, day: 1 }));
      days = daysOf({ year, month, day: 1 + ((weekday + 8 - first) % 7) }, more);
    }
    const ms = BigInt(days) * BigInt(DAY_MS) + BigInt(time - more * DAY_MS) - BigInt(this.#offsetMs);
    // A long, which begins anew behind its last number.
    return BigInt.asIntN(64, ms);
  }
}

function isNumeric(letter: string, count: number): boolean {
  return letter === 'M' || letter === 'L' ? count <= 2 : NUMERIC.includes(letter);
}
