/** JSON Schema (draft-07) of a value, from its declared form: what is not wrong by it need not be right, but never the reverse. */
import type { Form, Shape } from './field.ts';
import { wholeNumbers } from './number-pattern.ts';

export type Schema = { readonly [key: string]: unknown };

/** Where a reference stands in a value, anything may come of it. */
const REFERENCE = String.raw`\$\{\w+:[^}]*\}`;
/** The path of a module of one's own. */
export const MODULE = String.raw`\.[cm]?[jt]s\s*$`;
/** Connect's files hold texts; numbers and booleans are taken as their text. */
export const SCALAR = { type: ['string', 'number', 'boolean'] } as const;

export function formOf(form: Form): Schema {
  switch (form.kind) {
    case 'text':
      return textOf(form);
    case 'list':
      return { ...SCALAR, ...(form.some ? { pattern: String.raw`[^\s,]` } : {}) };
    case 'patterns':
      return SCALAR;
    case 'integer': {
      const { min, max, also } = form;
      const ranges = [[min, max], ...(also === null ? [] : [[also, also]])] as const;
      const digits = ranges.map(([from = 0, to = 0]) => wholeNumbers(from, to)).join('|');
      const numbers = ranges.map(([minimum, maximum]) => ({ type: 'integer', minimum, maximum }));
      return { anyOf: [...numbers, matching(String.raw`^\s*(?:${digits})\s*$`)] };
    }
    case 'boolean':
      return wordsOf(['true', 'false']);
    case 'choice':
      return wordsOf(form.words, form.aliases, form.modules);
  }
}

function textOf({ mayBeEmpty, shape }: { readonly mayBeEmpty: boolean; readonly shape: Shape | null }): Schema {
  if (shape === null) return { ...SCALAR, ...(mayBeEmpty ? {} : { minLength: 1 }) };
  const alternatives = [shape.matches.source, REFERENCE, ...(mayBeEmpty ? ['^$'] : [])];
  return { ...SCALAR, pattern: alternatives.map((each) => `(?:${each})`).join('|') };
}

/**
 * `enum` for completion; beside it what is also taken: words in any case with space around them, references, and the
 * number or boolean that a word spells.
 */
export function wordsOf(words: readonly string[], aliases: readonly string[] = [], modules = false): Schema {
  const anyCaseWords = words.map((word) => anyCase(literal(word)));
  const spelled = String.raw`^\s*(?:${[...anyCaseWords, ...aliases.map(literal)].join('|')})\s*$`;
  const path = modules ? [matching(MODULE)] : [];
  return { anyOf: [{ enum: [...words, ...aliases, ...words.flatMap(scalarsOf)] }, matching(spelled), ...path] };
}

/** A list of words: what matches in lower case without the space around it, in any case and with it. */
export function lowerCaseShape({ matches }: Shape): Schema {
  const [, source] = /^\^(.*)\$$/.exec(matches.source) ?? [null, '.*'];
  return matching(String.raw`^\s*(?:${anyCase(source ?? '')})\s*$`);
}

/** `word` as a JSON number or boolean, where it is the text of one. */
function scalarsOf(word: string): (number | boolean)[] {
  if (word === 'true' || word === 'false') return [word === 'true'];
  return String(Number(word)) === word ? [Number(word)] : [];
}

/** Of a regular expression without flags, escapes and brackets understood. */
function anyCase(source: string): string {
  let isInClass = false;
  return source.replaceAll(/\\.|\[|\]|[a-z]/gi, (part) => {
    if (part === '[') isInClass = true;
    else if (part === ']') isInClass = false;
    else if (part.length === 1) {
      const both = part.toLowerCase() + part.toUpperCase();
      return isInClass ? both : `[${both}]`;
    }
    return part;
  });
}

const matching = (pattern: string): Schema => ({ type: 'string', pattern: `${pattern}|${REFERENCE}` });

/** As a regular expression that means the text itself. */
export const literal = (text: string): string => text.replaceAll(/[.\\^$*+?()[\]{}|/]/g, String.raw`\$&`);
