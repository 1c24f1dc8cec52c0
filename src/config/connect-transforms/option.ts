/** Options as Connect's ConfigDef reads them where that differs from ours: lists, names with a suffix, paths. */
import { type Field, type Parsed, text } from '../field.ts';

type About = { readonly doc: string; readonly example: string };

/** ConfigDef's LIST: an empty item between commas is one. */
function itemsOf(raw: string): string[] {
  const text = raw.trim();
  return text === '' ? [] : text.split(/[ \t\n\v\f\r]*,[ \t\n\v\f\r]*/);
}

/** Names, none of them empty; `unique`: one that is there twice is there once. Without a default at least one. */
export function names(
  key: string,
  about: About & { readonly unique: boolean; readonly default?: readonly string[] },
): Field<readonly string[]> {
  const { unique, ...field } = about;
  return {
    key,
    form: { kind: 'list', some: about.default === undefined },
    ...field,
    parse: (raw) => {
      const value = itemsOf(raw);
      if (value.length === 0 && about.default === undefined) return { expected: 'a list with at least one item' };
      if (value.includes('')) return { expected: 'a list without empty items' };
      return { value: unique ? [...new Set(value)] : value };
    },
  };
}

/** A list of something else, each item read by itself. */
export function listOf<T>(
  key: string,
  about: About & { readonly default?: T; readonly read: (items: readonly string[]) => Parsed<T> },
): Field<T> {
  const { read, ...field } = about;
  return {
    key,
    form: { kind: 'list', some: about.default === undefined },
    ...field,
    parse: (raw) => read(itemsOf(raw)),
  };
}

/** A text that has to be there and may be empty. */
export function literal(key: string, about: About): Field<string> {
  return { key, form: { kind: 'text', mayBeEmpty: true, shape: null }, ...about, parse: (value) => ({ value }) };
}

/** A text that may be absent, but not empty. */
export function someText(key: string, about: About): Field<string | null> {
  return { ...text(key, about), default: null };
}

/** Java's `split`: empty pieces at the end are none. */
export function javaSplit(text: string, separator: string): string[] {
  if (text === '') return [''];
  const pieces = text.split(separator);
  while (pieces.at(-1) === '') pieces.pop();
  return pieces;
}
