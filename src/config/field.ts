/** A configuration key is declared once; parsing, errors and (later) help, schema and docs derive from that. */
export type Raw = string | number | boolean;

export interface Field<T> {
  readonly key: string;
  /** One sentence. */
  readonly doc: string;
  /** Without one the key is required. */
  readonly default?: T;
  readonly secret?: boolean;
  /** Gives the value, or says what was expected. */
  readonly parse: (raw: Raw) => { readonly value: T } | { readonly expected: string };
}

type Options<T> = Omit<Field<T>, 'key' | 'parse'>;

export function text(key: string, options: Options<string>): Field<string> {
  return { key, ...options, parse: (raw) => ({ value: String(raw) }) };
}

/** A text that may be absent. */
export function optional(key: string, options: Options<string | null>): Field<string | null> {
  return { key, default: null, ...options, parse: (raw) => ({ value: String(raw) === '' ? null : String(raw) }) };
}

export function integer(key: string, range: { min: number; max: number }, options: Options<number>): Field<number> {
  return {
    key,
    ...options,
    parse: (raw) => {
      const value = typeof raw === 'number' ? raw : /^[+-]?\d+$/.test(String(raw).trim()) ? Number(raw) : Number.NaN;
      if (Number.isSafeInteger(value) && value >= range.min && value <= range.max) return { value };
      return { expected: `a whole number from ${range.min} to ${range.max}` };
    },
  };
}

export function boolean(key: string, options: Options<boolean>): Field<boolean> {
  return {
    key,
    ...options,
    parse: (raw) => {
      const word = String(raw).trim().toLowerCase();
      return word === 'true' || word === 'false' ? { value: word === 'true' } : { expected: 'true or false' };
    },
  };
}

/** One of several words; `aliases` maps other spellings (class names) onto them. */
export function choice<const T extends string>(
  key: string,
  words: readonly T[],
  options: Options<T> & { readonly aliases?: Readonly<Record<string, T>> },
): Field<T> {
  return {
    key,
    ...options,
    parse: (raw) => {
      const given = String(raw).trim();
      const value = options.aliases?.[given] ?? words.find((word) => word.toLowerCase() === given.toLowerCase());
      return value === undefined ? { expected: `one of ${words.join(', ')}` } : { value };
    },
  };
}

/** A comma-separated list. */
export function list(key: string, options: Options<readonly string[]>): Field<readonly string[]> {
  const split = (raw: Raw): string[] => String(raw).split(',');
  return {
    key,
    ...options,
    parse: (raw) => ({
      value: split(raw)
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    }),
  };
}

/** Comma-separated regular expressions, each anchored and case-insensitive, as Debezium's lists. */
export function patterns(key: string, options: Options<readonly RegExp[]>): Field<readonly RegExp[]> {
  return {
    key,
    ...options,
    parse: (raw) => {
      const items = String(raw)
        .split(/(?<!\\),/)
        .map((item) => item.trim())
        .filter((item) => item !== '');
      try {
        return { value: items.map((item) => new RegExp(`^(?:${item})$`, 'iu')) };
      } catch {
        return { expected: 'comma-separated regular expressions' };
      }
    },
  };
}

/** The key of a list that is nearest to a mistyped one, or null if none is near. */
export function nearest(key: string, known: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(key.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(key.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? limit;
}
