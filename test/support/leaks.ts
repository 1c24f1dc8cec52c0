/** Finds the passwords of the tests in what was printed. Every one of them holds one of these words. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** `pa55word` is for new ones; the others are that of our own PostgreSQL and a classic. */
export const PASSWORD_WORDS = ['pa55word', 'demo-only', 'hunter2'] as const;

export interface Leak {
  readonly file: string;
  readonly line: number;
  readonly what: string;
  /** The words around it; the password itself, and what is written together with it, is masked. */
  readonly context: string;
}

const AROUND = 60;
const MASK = '●●●●';

interface Wanted {
  readonly what: string;
  readonly pattern: RegExp;
}

/** As it is, as base64 wherever it begins (SASL PLAIN, basic authentication), as hexadecimal. */
function wantedFor(words: readonly string[]): readonly Wanted[] {
  return [
    ...words.flatMap((word) => [
      { what: 'a password', pattern: literally(word, 'gi') },
      ...inBase64(word).map((text) => ({ what: 'a password in base64', pattern: literally(text, 'g') })),
      { what: 'a password in hexadecimal', pattern: literally(Buffer.from(word).toString('hex'), 'gi') },
    ]),
    { what: 'a private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\n|\s)*[A-Za-z0-9+/]{16}/g },
  ];
}

/** A shorter one would be found in everything. */
const SHORTEST = 6;

/** Of all files of a folder. `given`: more passwords, those of servers that the user gave. */
export function leaksIn(folder: string, given: readonly string[] = []): readonly Leak[] {
  return readdirSync(folder)
    .sort()
    .flatMap((file) => leaksOf(readFileSync(join(folder, file), 'utf8'), file, given));
}

export function leaksOf(text: string, file: string, given: readonly string[] = []): readonly Leak[] {
  const wanted = wantedFor([...PASSWORD_WORDS, ...given.filter((word) => word.length >= SHORTEST)]);
  return wanted.flatMap(({ what, pattern }) =>
    Array.from(text.matchAll(pattern), ({ index, 0: found }) => ({
      file,
      line: text.slice(0, index).split('\n').length,
      what,
      context: contextOf(text, { from: index, to: index + found.length, wanted }),
    })),
  );
}

function contextOf(
  text: string,
  { from, to, wanted }: { readonly from: number; readonly to: number; readonly wanted: readonly Wanted[] },
): string {
  const before = text.slice(Math.max(0, from - AROUND), from).replace(/[^\s"'`,;=:{}()]*$/, '');
  const after = text.slice(to, to + AROUND).replace(/^[^\s"'`,;=:{}()]*/, '');
  // Another one may stand beside it.
  const masked = wanted.reduce((masking, { pattern }) => masking.replaceAll(pattern, MASK), `${before}${MASK}${after}`);
  return masked.replaceAll(/\s+/g, ' ').trim();
}

/** The characters of the middle, which do not depend on what stands around it, for each of the three ways to begin. */
export function inBase64(word: string): string[] {
  return [0, 1, 2].map((offset) => {
    const bits = Buffer.concat([Buffer.alloc(offset), Buffer.from(word)]);
    const from = Math.ceil((offset * 8) / 6);
    return bits.toString('base64').slice(from, Math.floor((bits.length * 8) / 6));
  });
}

function literally(text: string, flags: string): RegExp {
  return new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`), flags);
}
