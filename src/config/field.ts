/** A configuration key is declared once; parsing, errors, help, JSON Schema and docs derive from that. */
import { JavaRegexError, fromJavaRegex } from './java-regex.ts';

export type Parsed<T> = { readonly value: T } | { readonly expected: string };

/** What values look like, for whoever has to describe them without parsing any. */
export type Form =
  | { readonly kind: 'text'; readonly mayBeEmpty: boolean; readonly shape: Shape | null }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number; readonly also: number | null }
  | { readonly kind: 'boolean' }
  | {
      readonly kind: 'choice';
      readonly words: readonly string[];
      readonly aliases: readonly string[];
      /** The path of a module of one's own is taken, too. */
      readonly modules: boolean;
    }
  | { readonly kind: 'list'; readonly some: boolean }
  | { readonly kind: 'patterns' };

export interface Field<T> {
  readonly key: string;
  /** One sentence. */
  readonly doc: string;
  /** A value that is right, as it stands in a file. */
  readonly example: string;
  readonly form: Form;
  /** Without one the key is required. */
  readonly default?: T;
  readonly secret?: boolean;
  /** Gives the value, or says what was expected. JSON numbers and booleans come as their text. */
  readonly parse: (text: string) => Parsed<T>;
}

type Options<T> = Omit<Field<T>, 'key' | 'parse' | 'form'>;
/** Where the declaration itself holds a value that is right. */
type Plain<T> = Omit<Options<T>, 'example'> & { readonly example?: string };

/** What a text has to look like, for `text` and `optional`. */
export interface Shape {
  readonly matches: RegExp;
  /** After "expected". */
  readonly expected: string;
}

export function text(key: string, options: Options<string> & { readonly shape?: Shape }): Field<string> {
  const { shape, ...field } = options;
  return {
    key,
    form: { kind: 'text', mayBeEmpty: false, shape: shape ?? null },
    ...field,
    parse: (raw) => (raw === '' ? { expected: 'a text that is not empty' } : shaped(raw, shape)),
  };
}

/** A text that may be absent; the empty text counts as absent. */
export function optional(
  key: string,
  options: Options<string | null> & { readonly shape?: Shape },
): Field<string | null> {
  const { shape, ...field } = options;
  return {
    key,
    default: null,
    form: { kind: 'text', mayBeEmpty: true, shape: shape ?? null },
    ...field,
    parse: (raw) => (raw === '' ? { value: null } : shaped(raw, shape)),
  };
}

function shaped(raw: string, shape: Shape | undefined): Parsed<string> {
  return shape === undefined || shape.matches.test(raw) ? { value: raw } : { expected: shape.expected };
}

export function integer(
  key: string,
  range: { readonly min: number; readonly max: number; readonly also?: number },
  options: Plain<number>,
): Field<number> {
  const { min, max, also } = range;
  return {
    key,
    example: String(options.default ?? min),
    form: { kind: 'integer', min, max, also: also ?? null },
    ...options,
    parse: (raw) => {
      const value = /^[+-]?\d+$/.test(raw.trim()) ? Number(raw) : Number.NaN;
      if (Number.isSafeInteger(value) && ((value >= min && value <= max) || value === also)) return { value };
      return { expected: `a whole number from ${min} to ${max}${also === undefined ? '' : `, or ${also}`}` };
    },
  };
}

export function boolean(key: string, options: Plain<boolean>): Field<boolean> {
  return {
    key,
    example: String(options.default ?? true),
    form: { kind: 'boolean' },
    ...options,
    parse: (raw) => {
      const word = raw.trim().toLowerCase();
      return word === 'true' || word === 'false' ? { value: word === 'true' } : { expected: 'true or false' };
    },
  };
}

/** One of several words; `aliases` maps other spellings (class names) onto them. */
export function choice<const T extends string>(
  key: string,
  words: readonly T[],
  options: Plain<T> & {
    readonly aliases?: Readonly<Record<string, T>>;
    /** What is known and not taken: why, and what to do instead. */
    readonly refused?: Readonly<Record<string, string>>;
    /** The path of a module may stand there; who reads the key looks for it first (`isModulePath`). */
    readonly modules?: boolean;
    /** Said of every other value, in brackets. */
    readonly otherwise?: string;
  },
): Field<T> {
  const { aliases = {}, refused = {}, modules = false, otherwise, ...field } = options;
  return {
    key,
    example: options.default ?? words[0] ?? '',
    form: { kind: 'choice', words, aliases: Object.keys(aliases), modules },
    ...field,
    parse: (raw) => {
      const given = raw.trim();
      const value = Object.hasOwn(aliases, given)
        ? aliases[given]
        : words.find((word) => word.toLowerCase() === given.toLowerCase());
      if (value !== undefined) return { value };
      const why = Object.hasOwn(refused, given.toLowerCase()) ? refused[given.toLowerCase()] : otherwise;
      const reason = why === undefined ? '' : ` (${why})`;
      const list = words.length === 1 ? `"${words[0] ?? ''}"` : `one of ${words.join(', ')}`;
      return { expected: `${list}${modules ? ', or the path of a module' : ''}${reason}` };
    },
  };
}

/** A comma-separated list; an empty item is none. */
export function list(
  key: string,
  options: Options<readonly string[]> & { readonly shape?: Shape; readonly some?: boolean },
): Field<readonly string[]> {
  const { shape, some, ...field } = options;
  return {
    key,
    form: { kind: 'list', some: some === true },
    ...field,
    parse: (raw) => {
      const value = items(raw, ',');
      if (some === true && value.length === 0) return { expected: 'a list with at least one item' };
      const wrong = shape === undefined ? undefined : value.find((item) => !shape.matches.test(item));
      return wrong === undefined ? { value } : { expected: shape?.expected ?? '' };
    },
  };
}

/** Comma-separated regular expressions, each anchored and case-insensitive, as Debezium's lists; `\,` is a comma. */
export function patterns(key: string, options: Options<readonly RegExp[]>): Field<readonly RegExp[]> {
  return {
    key,
    form: { kind: 'patterns' },
    ...options,
    parse: (raw) => {
      try {
        return {
          value: items(raw, /(?<!\\),/).map((item) => fromJavaRegex(item.replaceAll('\\,', ','), { ignoreCase: true })),
        };
      } catch (error) {
        if (!(error instanceof JavaRegexError)) throw error;
        return {
          expected: `comma-separated regular expressions that mean the same in Java and here (not: ${error.message})`,
        };
      }
    },
  };
}

function items(raw: string, separator: string | RegExp): string[] {
  return raw
    .split(separator)
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
