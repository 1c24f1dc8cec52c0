/**
 * What a text in a header or an option means to Connect (`org.apache.kafka.connect.data.Values.parseString`): `1.0` is
 * the number 1, `[1,2.5]` a list of floats, `2024-01-31` a date, and what cannot be read is the text itself.
 */
import { DAY_MS } from './java-calendar.ts';
import { ISO_8601, isoText } from './java-date-format.ts';
import { parseDate } from './java-date-parse.ts';
import { quoted } from './header-text.ts';
import { type BigDecimal, decimalText, doubleOf, doubleText, floatText, readDecimal, wholeOf } from './java-number.ts';

type Moment = 'date' | 'time' | 'timestamp';
type Kind = 'string' | 'boolean' | 'int8' | 'int16' | 'int32' | 'int64' | 'float32' | 'float64' | 'decimal' | Moment;
export type Literal =
  | { readonly kind: 'null' }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'int8' | 'int16' | 'int32' | 'int64'; readonly value: bigint }
  | { readonly kind: 'float32' | 'float64'; readonly value: number }
  | { readonly kind: 'decimal'; readonly value: BigDecimal }
  | { readonly kind: Moment; readonly value: bigint }
  | { readonly kind: 'array'; readonly value: readonly Literal[] }
  | { readonly kind: 'map'; readonly value: readonly (readonly [Literal, Literal])[] };

const NULL: Literal = { kind: 'null' };
/** Of Java's, which takes the text as it is where it cannot be read. */
class Unreadable extends Error {}

export function readLiteral(text: string): Literal {
  return text === '' ? { kind: 'string', value: '' } : new Reader(text).read(false);
}

/** As SimpleHeaderConverter writes it; null for null. */
export function literalText(literal: Literal): string | null {
  return literal.kind === 'null' ? null : textOf(literal, false);
}

function textOf(literal: Literal, embedded: boolean): string {
  switch (literal.kind) {
    case 'null':
      return 'null';
    case 'string':
      return embedded ? quoted(literal.value) : literal.value;
    case 'boolean':
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      return String(literal.value);
    case 'float32':
      return floatText(literal.value);
    case 'float64':
      return doubleText(literal.value);
    case 'decimal':
      return decimalText(literal.value);
    case 'date':
    case 'time':
    case 'timestamp':
      return isoText(literal.value);
    case 'array':
      return `[${literal.value.map((item) => textOf(item, true)).join(',')}]`;
    case 'map':
      return `{${literal.value.map(([key, value]) => `${textOf(key, true)}:${textOf(value, true)}`).join(',')}}`;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;
  /** A token that was looked at. */
  #next: string | null = null;
  #previous: string | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  read(embedded: boolean): Literal {
    if (!this.#more()) return NULL;
    if (embedded && this.#takes('"')) return this.#quoted();
    if (this.#word(embedded, 'null')) return NULL;
    if (this.#word(embedded, 'true')) return { kind: 'boolean', value: true };
    if (this.#word(embedded, 'false')) return { kind: 'boolean', value: false };
    const start = this.#mark();
    try {
      if (this.#takes('[')) return this.#array();
      if (this.#takes('{')) return this.#map();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#back(start);
    }
    const token = this.#token();
    return token.trim() === '' ? { kind: 'string', value: token } : this.#single(embedded, token.trim());
  }

  #single(embedded: boolean, token: string): Literal {
    if (/^\p{Nd}/u.test(token)) {
      const position = this.#mark();
      const rest = this.#tokens(4);
      const moment = rest === null ? null : readMoment(token + rest);
      if (moment !== null) return moment;
      this.#back(position);
      const alone = readMoment(token);
      if (alone !== null) return alone;
    }
    const number = /^[\d+-]/.test(token) ? readNumber(token) : null;
    if (number !== null) return number;
    if (embedded) throw new Unreadable();
    return { kind: 'string', value: this.#text };
  }

  #quoted(): Literal {
    let content = '';
    while (this.#more() && !this.#takes('"')) content += this.#token();
    return readMoment(content) ?? { kind: 'string', value: content };
  }

  #array(): Literal {
    const items: Literal[] = [];
    while (this.#more()) {
      if (this.#takes(']')) return { kind: 'array', value: aligned(items) };
      if (this.#takes(',')) throw new Unreadable();
      items.push(this.read(true));
      const position = this.#mark();
      if (this.#takes(']')) this.#back(position);
      else if (!this.#takes(',')) throw new Unreadable();
    }
    throw new Unreadable();
  }

  #map(): Literal {
    const entries = new Map<string, readonly [Literal, Literal]>();
    while (this.#more()) {
      if (this.#takes('}')) return { kind: 'map', value: alignedMap([...entries.values()]) };
      if (this.#takes(',')) throw new Unreadable();
      const key = this.read(true);
      if (key.kind === 'null' || !this.#takes(':')) throw new Unreadable();
      const value = this.read(true);
      const same = `${key.kind} ${textOf(key, true)}`;
      entries.set(same, [entries.get(same)?.[0] ?? key, value]);
      this.#takes(',');
    }
    throw new Unreadable();
  }

  #word(embedded: boolean, word: string): boolean {
    const start = this.#mark();
    if (this.#takes(word) && (embedded || !this.#more())) return true;
    this.#back(start);
    return false;
  }

  #mark(): number {
    return this.#at - (this.#next?.length ?? 0);
  }

  #back(position: number): void {
    this.#at = position;
    this.#next = null;
    this.#previous = null;
  }

  #more(): boolean {
    return this.#next !== null || this.#at < this.#text.length;
  }

  #token(): string {
    this.#previous = this.#next ?? this.#consume();
    this.#next = null;
    return this.#previous;
  }

  #tokens(count: number): string | null {
    const start = this.#mark();
    for (let i = 0; i < count; i++) {
      if (!this.#more()) {
        this.#back(start);
        return null;
      }
      this.#token();
    }
    return this.#text.slice(start, this.#at);
  }

  #takes(expected: string): boolean {
    if (this.#next === null) {
      if (!this.#more()) return false;
      this.#next = this.#consume();
    }
    while (this.#next.trim() === '' && this.#at < this.#text.length) this.#next = this.#consume();
    if (this.#next.trim() !== expected) return false;
    this.#next = null;
    return true;
  }

  /** A delimiter, or what stands before the next one. */
  #consume(): string {
    const start = this.#at;
    let escaped = false;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at] ?? '';
      if (!escaped && ':,{}[]"'.includes(character)) {
        if (start === this.#at) this.#at++;
        break;
      }
      escaped = character === '\\' && !escaped;
    }
    return this.#text.slice(start, this.#at);
  }
}

const LENGTHS: Readonly<Record<number, Moment>> = { 10: 'date', 13: 'time', 24: 'timestamp' };
/** Nothing that a pattern of four-digit years depends on. */
const NOW = new Date(0);

function readMoment(token: string): Literal | null {
  const text = token.replaceAll('\\:', ':');
  const kind = LENGTHS[text.length];
  const value = kind === undefined ? null : parseDate(ISO_8601[kind], text, NOW);
  return kind === undefined || value === null ? null : { kind, value };
}

function readNumber(token: string): Literal | null {
  const decimal = readDecimal(token);
  if (decimal === null) return null;
  const whole = wholeNumber(decimal);
  if (whole !== null) {
    const kind = (['int8', 'int16', 'int32', 'int64'] as const).find(
      (each, index) => BigInt.asIntN(8 << index, whole) === whole,
    );
    if (kind !== undefined) return { kind, value: whole };
  }
  const double = doubleOf(decimal);
  const float = Math.fround(double);
  if (decimal.scale !== 0 && Number.isFinite(float)) return { kind: 'float32', value: float };
  if (decimal.scale !== 0 && Number.isFinite(double)) return { kind: 'float64', value: double };
  return { kind: 'decimal', value: decimal };
}

/** null: not whole, or too large for a long. */
function wholeNumber(decimal: BigDecimal): bigint | null {
  if (decimal.unscaled === 0n) return 0n;
  if (Math.abs(doubleOf(decimal)) > 1e19 || decimal.scale < -64) return null;
  const whole = wholeOf(decimal);
  const exact = decimal.scale <= 0 || (whole !== 0n && whole * 10n ** BigInt(decimal.scale) === decimal.unscaled);
  return exact ? whole : null;
}

const PHYSICAL: Partial<Record<Literal['kind'], string>> = { date: 'int32', time: 'int32', timestamp: 'int64' };
const NUMBERS = ['int8', 'int16', 'int32', 'int64', 'float32', 'float64'];

/** The kind that all of them can have, or null: what is not a number has to be the same throughout. */
function commonKind(items: readonly Literal[]): Literal['kind'] | null {
  let common: Literal['kind'] | null = null;
  for (const { kind } of items) {
    if (kind === 'null') continue;
    if (common === null) common = kind;
    else {
      const before: string = PHYSICAL[common] ?? common;
      const now: string = PHYSICAL[kind] ?? kind;
      const [a, b] = [NUMBERS.indexOf(before), NUMBERS.indexOf(now)] as const;
      if (before === now) common = kind;
      else if (a < 0 || b < 0) return null;
      else common = a > b ? common : kind;
    }
  }
  return common;
}

function aligned(items: readonly Literal[]): readonly Literal[] {
  const common = commonKind(items);
  return common === null ? items : items.map((item) => converted(item, common));
}

function alignedMap(entries: readonly (readonly [Literal, Literal])[]): readonly (readonly [Literal, Literal])[] {
  const [keys, values] = [entries.map(([key]) => key), entries.map(([, value]) => value)];
  const newKeys = commonKind(keys) === null ? null : aligned(keys);
  if (newKeys === null) return entries;
  const newValues = aligned(values);
  return newKeys.map((key, index) => [key, newValues[index] ?? NULL] as const);
}

function converted(item: Literal, kind: Kind | 'array' | 'map' | 'null'): Literal {
  if (item.kind === kind) return item;
  if (item.kind === 'null') throw new Unreadable();
  if (typeof item.value === 'bigint' && isInteger(item.kind)) {
    if (kind === 'float32') return { kind, value: Math.fround(Number(item.value)) };
    if (kind === 'float64') return { kind, value: Number(item.value) };
    if (isInteger(kind)) return { kind, value: item.value };
    if (kind === 'date') return { kind, value: item.value * BigInt(DAY_MS) };
    if (kind === 'time' || kind === 'timestamp') return { kind, value: item.value };
  }
  if (item.kind === 'float32' && kind === 'float64') return { kind, value: item.value };
  if ((item.kind === 'date' && kind === 'time') || (item.kind === 'time' && kind === 'date')) {
    return { kind, value: item.value };
  }
  throw new Unreadable();
}

function isInteger(kind: Literal['kind']): kind is 'int8' | 'int16' | 'int32' | 'int64' {
  return kind === 'int8' || kind === 'int16' || kind === 'int32' || kind === 'int64';
}
