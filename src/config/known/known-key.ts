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
      /** Has no effect beside our own key, which wins, as in Debezium. */
      readonly yields?: true;
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
  /** Harmless with any value where an outbox router makes every record; of row changes as `fixed`. */
  | {
      readonly verdict: 'routed';
      readonly key: string;
      readonly accepts: readonly string[] | Shape;
      readonly why: string;
      readonly otherwise: string;
    }
  /** Refused with any value. */
  | { readonly verdict: 'refused'; readonly key: string; readonly why: string; readonly instead: string };

export type Judgement =
  /** `anyway`: the value says what is done with or without the key. */
  | { readonly kind: 'harmless'; readonly anyway: boolean; readonly why: string }
  | {
      readonly kind: 'mapped';
      readonly to: string;
      readonly text: string;
      readonly why: string;
      readonly yields: boolean;
    }
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

export function routed(
  accepts: readonly string[] | Shape,
  why: string,
  otherwise: string,
  ...keys: readonly string[]
): KnownKey[] {
  return keys.map((key) => ({ verdict: 'routed', key, accepts, why, otherwise }));
}

/** What a key is judged by, besides itself. */
export interface Value {
  /** null: not known here. */
  readonly text: string | null;
  /** Not to be repeated. */
  readonly hidden: boolean;
  /** An outbox router makes every record: there are no row changes. */
  readonly routed: boolean;
}

/** What becomes of a key with this value. */
export function judge(known: KnownKey, { text, hidden, routed: isRouted }: Value): Judgement {
  switch (known.verdict) {
    case 'routed':
      if (isRouted) return { kind: 'harmless', anyway: false, why: OF_ROWS_ALONE };
      return judge({ ...known, verdict: 'fixed' }, { text, hidden, routed: false });
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
      const { to, why, values = {}, yields = false } = known;
      if (text === null) return { kind: 'mapped', to, text: '', why, yields };
      const word = text.trim().toLowerCase();
      return { kind: 'mapped', to, text: Object.hasOwn(values, word) ? (values[word] ?? text) : text, why, yields };
    }
  }
}

export const OF_ROWS_ALONE = 'it is about row changes, and the outbox router makes every record';

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
