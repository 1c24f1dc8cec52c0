/** A key that is not ours but that a Debezium user may bring: what becomes of it, declared once. */
import type { Shape } from '../field.ts';

/** `*` in a key stands for one or more characters. */
export type KnownKey =
  /** Accepted with any value, and said once at info. */
  | { readonly verdict: 'harmless'; readonly key: string; readonly why: string }
  /** Read as a key of ours. */
  | {
      readonly verdict: 'mapped';
      readonly key: string;
      readonly to: string;
      readonly why: string;
      /** From its values, in lower case, to ours; without it the value stays. */
      readonly values?: Readonly<Record<string, string>>;
    }
  /** Harmless with the values that say what we do anyway, refused with any other. */
  | {
      readonly verdict: 'fixed';
      readonly key: string;
      readonly accepts: readonly string[] | Shape;
      readonly why: string;
      /** Why another value is refused, and what to do instead. */
      readonly otherwise: string;
    }
  /** Refused with any value. */
  | { readonly verdict: 'refused'; readonly key: string; readonly why: string; readonly instead: string };

export type Judgement =
  /** `anyway`: the value says what is done with or without the key. */
  | { readonly kind: 'harmless'; readonly anyway: boolean; readonly why: string }
  | { readonly kind: 'mapped'; readonly to: string; readonly text: string; readonly why: string }
  /** What a mistake says after the key. */
  | { readonly kind: 'refused'; readonly text: string }
  /** The value decides, and is not known here. */
  | { readonly kind: 'open' };

export interface Family {
  /** The heading in docs/debezium-compatibility.md. */
  readonly title: string;
  /** One sentence under it. */
  readonly about: string;
  readonly keys: readonly KnownKey[];
}

export function harmless(why: string, ...keys: readonly string[]): KnownKey[] {
  return keys.map((key) => ({ verdict: 'harmless', key, why }));
}

export function refused(why: string, instead: string, ...keys: readonly string[]): KnownKey[] {
  return keys.map((key) => ({ verdict: 'refused', key, why, instead }));
}

export function mapped(
  key: string,
  to: string,
  why: string,
  values?: Readonly<Record<string, string>>,
): readonly KnownKey[] {
  return [{ verdict: 'mapped', key, to, why, ...(values === undefined ? {} : { values }) }];
}

export function fixed(
  key: string,
  accepts: readonly string[] | Shape,
  why: string,
  otherwise: string,
): readonly KnownKey[] {
  return [{ verdict: 'fixed', key, accepts, why, otherwise }];
}

/** What becomes of a key with this value; `hidden` values are not repeated. null: a value that is not known here. */
export function judge(known: KnownKey, text: string | null, hidden: boolean): Judgement {
  switch (known.verdict) {
    case 'harmless':
      return { kind: 'harmless', anyway: false, why: known.why };
    case 'refused':
      return { kind: 'refused', text: `is refused: ${known.why}. ${known.instead}` };
    case 'fixed': {
      if (text === null) return { kind: 'open' };
      if (isAccepted(known.accepts, text)) return { kind: 'harmless', anyway: true, why: known.why };
      // What is to be empty may hold anything, a password too.
      if (acceptedWords(known.accepts) === 'nothing') {
        return { kind: 'refused', text: `expected no value: ${known.otherwise}` };
      }
      const got = hidden ? 'something else' : JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
      return { kind: 'refused', text: `expected ${acceptedWords(known.accepts)}, got ${got}: ${known.otherwise}` };
    }
    case 'mapped': {
      if (text === null) return { kind: 'mapped', to: known.to, text: '', why: known.why };
      const word = text.trim().toLowerCase();
      const { values = {} } = known;
      return {
        kind: 'mapped',
        to: known.to,
        text: Object.hasOwn(values, word) ? (values[word] ?? text) : text,
        why: known.why,
      };
    }
  }
}

/** As an error message and the page say it. */
export function acceptedWords(accepts: readonly string[] | Shape): string {
  if ('expected' in accepts) return accepts.expected;
  const words = accepts.map((word) => (word === '' ? 'nothing' : `"${word}"`));
  return words.join(' or ');
}

function isAccepted(accepts: readonly string[] | Shape, text: string): boolean {
  const word = text.trim().toLowerCase();
  if ('expected' in accepts) return accepts.matches.test(word);
  return accepts.some((each) => each.toLowerCase() === word);
}

/** Whether a declared key, `*` included, is this key. */
export function fits(declared: string, key: string): boolean {
  const [start = '', ...others] = declared.split('*');
  if (others.length === 0) return declared === key;
  const end = others.pop() ?? '';
  if (!key.startsWith(start)) return false;
  let at = start.length;
  for (const middle of others) {
    const found = key.indexOf(middle, at + 1);
    if (found < 0) return false;
    at = found + middle.length;
  }
  return key.endsWith(end) && key.length - end.length > at;
}
