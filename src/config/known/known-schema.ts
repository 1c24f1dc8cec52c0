/** What the JSON Schema says of keys that are not ours: editors show why, and what to do instead, where it is written. */
import type { Field } from '../field.ts';
import { SCALAR, type Schema, formOf, literal, lowerCaseShape, wordsOf } from '../value-schema.ts';
import { type KnownKey, acceptedWords, fits } from './known-key.ts';

/**
 * `doNotSuggest` and `errorMessage` are words of VS Code's: what has no effect is not completed, and what is refused
 * says in its own words why. Other readers pass over them.
 */
export function knownSchema(known: KnownKey, ours: readonly Field<unknown>[]): Schema {
  const quiet = { doNotSuggest: true };
  switch (known.verdict) {
    case 'harmless':
      return { description: `Accepted without effect: ${known.why}.`, ...SCALAR, ...quiet };
    case 'refused': {
      const why = `Refused: ${known.why}. ${known.instead}.`;
      return { description: why, not: {}, errorMessage: why, ...quiet };
    }
    case 'fixed': {
      const { accepts } = known;
      const errorMessage = `Expected ${acceptedWords(accepts)}: ${known.otherwise}.`;
      const description = `Only ${acceptedWords(accepts)}: ${known.why}. Else: ${known.otherwise}.`;
      const value = 'expected' in accepts ? lowerCaseShape(accepts) : wordsOf(accepts);
      return { description, ...saying(value, errorMessage), ...quiet };
    }
    case 'routed': {
      const description = `Without effect where an outbox router makes every record. Of row changes only ${acceptedWords(known.accepts)}: ${known.why}. Else: ${known.otherwise}.`;
      return { description, ...SCALAR, ...quiet };
    }
    case 'mapped': {
      const field = ours.find(({ key }) => key === known.to);
      const description = `Read as ${known.to}: ${known.why}. ${field?.doc ?? ''}`.trim();
      const form = field === undefined ? SCALAR : formOf(field.form);
      const words = Object.keys(known.values ?? {});
      const value = words.length === 0 ? form : { anyOf: [wordsOf(words), form] };
      return { description, ...value, ...(field?.secret === true ? { writeOnly: true } : {}), ...quiet };
    }
  }
}

/** The message stands where a value can be wrong: in each alternative. */
function saying(value: Schema, errorMessage: string): Schema {
  const { anyOf } = value;
  if (!Array.isArray(anyOf)) return { ...value, errorMessage };
  return { ...value, anyOf: anyOf.map((each: Schema) => ({ ...each, errorMessage })) };
}

/**
 * Keys with `*` as patterns, which exclude what is looked up before them: in JSON Schema everything that matches a key
 * holds for it. `spelledOut` are the keys without `*`, `prefix` starts keys that are ours whatever follows.
 */
export function knownPatterns(
  families: readonly KnownKey[],
  { spelledOut, prefix }: { readonly spelledOut: readonly string[]; readonly prefix: string },
): (readonly [string, KnownKey])[] {
  const patterns = families.filter(({ key }) => key.includes('*'));
  return patterns.map((known, at) => {
    const before = patterns.slice(0, at).filter((other) => mayMeet(other.key, known.key));
    const excluded = [
      ...spelledOut.filter((key) => fits(known.key, key)).map((key) => `${literal(key)}$`),
      ...(mayMeet(`${prefix}*`, known.key) ? [literal(prefix)] : []),
      ...before.map(({ key }) => `${bodyOf(key)}$`),
    ];
    const unless = excluded.length === 0 ? '' : `(?!${excluded.join('|')})`;
    return [`^${unless}${bodyOf(known.key)}$`, known] as const;
  });
}

const startOf = (key: string): string => key.slice(0, key.indexOf('*'));
const mayMeet = (a: string, b: string): boolean =>
  startOf(a).startsWith(startOf(b)) || startOf(b).startsWith(startOf(a));
const bodyOf = (key: string): string => key.split('*').map(literal).join(String.raw`[\s\S]+`);
