/**
 * The patterns of `java.text.SimpleDateFormat`. Weeks (`Y`, `w`, `W`, `F`) are refused by name.
 * https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/text/SimpleDateFormat.html
 */
export type DatePart = { readonly letter: string; readonly count: number } | { readonly literal: string };

const LETTERS = 'GyMLdDEuaHkKhmsSzZX';

/** The pattern's parts, or what is wrong with it. */
export function readDatePattern(pattern: string): readonly DatePart[] | { readonly problem: string } {
  const parts: DatePart[] = [];
  for (const [found, quoted, letters] of pattern.matchAll(/''|'((?:[^']|'')*)'|([A-Za-z])\2*|[^]/g)) {
    if (found === "''") parts.push({ literal: "'" });
    else if (quoted !== undefined) parts.push({ literal: quoted.replaceAll("''", "'") });
    else if (found === "'") return { problem: "a quote without its partner (a quote as such is written '')" };
    else if (letters === undefined) parts.push({ literal: found });
    else if (letters === 'Y') return { problem: 'Y, the year of the week, is not supported (the year is y)' };
    else if ('wWF'.includes(letters)) return { problem: `${letters}, which counts weeks, is not supported` };
    else if (!LETTERS.includes(letters)) return { problem: `${letters} is no letter of a pattern: quote text as 'T'` };
    else if (letters === 'X' && found.length > 3) return { problem: 'X stands at most three times' };
    else parts.push({ letter: letters, count: found.length });
  }
  return parts;
}
