import { JavaRegexError } from './java-regex.ts';

/**
 * A replacement as Java's `Matcher.replaceFirst` reads it (`$1`, `${name}`, `\$` for a dollar) in JavaScript's syntax,
 * for the groups of `regex`. Throws `JavaRegexError` where Java would throw, at the start and not at the first row.
 * https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/regex/Matcher.html#replaceFirst(java.lang.String)
 */
export function fromJavaReplacement(replacement: string, regex: RegExp): string {
  const { groups, names } = groupsOf(regex);
  let out = '';
  for (let at = 0; at < replacement.length; ) {
    const character = replacement[at] ?? '';
    if (character === '\\') {
      const escaped = replacement[at + 1];
      if (escaped === undefined) throw new JavaRegexError('a \\ at the end: it escapes the character behind it');
      out += plain(escaped);
      at += 2;
    } else if (character === '$') {
      const reference = readReference(replacement.slice(at + 1), groups, names);
      out += reference.text;
      at += 1 + reference.length;
    } else {
      out += character;
      at++;
    }
  }
  return out;
}

/** The text that is in a replacement whatever the groups hold. */
export function literalOf(replacement: string): string {
  return replacement.replaceAll(/\$\$|\$&|\$\d\d|\$<\w+>/g, (found) => (found === '$$' ? '$' : ''));
}

function plain(character: string): string {
  return character === '$' ? '$$' : character;
}

function readReference(
  rest: string,
  groups: number,
  names: readonly string[],
): { readonly text: string; readonly length: number } {
  const named = /^\{([a-zA-Z][a-zA-Z0-9_]*)\}/.exec(rest);
  if (named?.[1] !== undefined) {
    if (names.includes(named[1])) return { text: `$<${named[1]}>`, length: named[0].length };
    throw new JavaRegexError(`\${${named[1]}}, but the expression has no group of that name${has(names)}`);
  }
  if (!/^\d/.test(rest)) {
    throw new JavaRegexError('a $ that is neither ${name} nor $1; a dollar as such is written \\$');
  }
  let number = Number(rest[0]);
  if (number > groups) throw new JavaRegexError(`$${number}, but the expression has ${groups} groups`);
  let length = 1;
  // Java takes more digits as long as there is such a group.
  for (; /^\d$/.test(rest[length] ?? ''); length++) {
    const longer = number * 10 + Number(rest[length]);
    if (longer > groups) break;
    number = longer;
  }
  if (number > 99) throw new JavaRegexError(`$${number}: more than 99 groups`);
  // Two digits always: a literal digit may follow.
  return { text: number === 0 ? '$&' : `$${String(number).padStart(2, '0')}`, length };
}

function has(names: readonly string[]): string {
  return names.length === 0 ? '' : ` (it has ${names.join(', ')})`;
}

/** An empty alternative makes any expression match, and the match knows its groups. */
function groupsOf(regex: RegExp): { readonly groups: number; readonly names: readonly string[] } {
  const match = new RegExp(`${regex.source}|`, regex.flags).exec('');
  return { groups: (match?.length ?? 1) - 1, names: Object.keys(match?.groups ?? {}) };
}
