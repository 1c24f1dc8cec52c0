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
const WANTED: readonly Wanted[] = [
  ...PASSWORD_WORDS.flatMap((word) => [
    { what: 'a password', pattern: literally(word, 'gi') },
    ...inBase64(word).map((text) => ({ what: 'a password in base64', pattern: literally(text, 'g') })),
    { what: 'a password in hexadecimal', pattern: literally(Buffer.from(word).toString('hex'), 'gi') },
  ]),
  { what: 'a private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\n|\s)*[A-Za-z0-9+/]{16}/g },
];

/** Of all files of a folder. */
export function leaksIn(folder: string): readonly Leak[] {
  return readdirSync(folder)
    .sort()
    .flatMap((file) => leaksOf(readFileSync(join(folder, file), 'utf8'), file));
}

export function leaksOf(text: string, file: string): readonly Leak[] {
  return WANTED.flatMap(({ what, pattern }) =>
    Array.from(text.matchAll(pattern), ({ index, 0: found }) => ({
      file,
      line: text.slice(0, index).split('\n').length,
      what,
      context: contextOf(text, index, index + found.length),
    })),
  );
}

function contextOf(text: string, from: number, to: number): string {
  const before = text.slice(Math.max(0, from - AROUND), from).replace(/[^\s"'`,;=:{}()]*$/, '');
  const after = text.slice(to, to + AROUND).replace(/^[^\s"'`,;=:{}()]*/, '');
  return masked(`${before}${MASK}${after}`).replaceAll(/\s+/g, ' ').trim();
}

/** Another one may stand beside it. */
function masked(text: string): string {
  return WANTED.reduce((masking, { pattern }) => masking.replaceAll(pattern, MASK), text);
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
