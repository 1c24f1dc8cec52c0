/** A connector's keys while they are read: what is given, what is wrong, and each mistake said once. */
import type { Field } from './field.ts';
import type { Given } from './given.ts';
import { JavaRegexError } from './java-regex.ts';
import type { Judgement, Value } from './known/known-key.ts';
import { type Remark, adopt } from './known/adopt.ts';
import type { Mistake } from './mistake.ts';
import { shownKey } from './shown-key.ts';

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type Values<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

export class KeyReader {
  readonly mistakes: Mistake[];
  readonly given: Map<string, Given>;
  readonly #source: string | null;
  /** Keys that are wrong already, or not known here: no second mistake is made of them. */
  readonly #wrong: Set<string | null>;

  constructor(source: string | null, given: ReadonlyMap<string, Given>, mistakes: readonly Mistake[]) {
    this.#source = source;
    this.given = new Map(given);
    this.mistakes = [...mistakes];
    this.#wrong = new Set(mistakes.map((mistake) => mistake.key));
  }

  /** Keys whose values are not known here. */
  get unknown(): string[] {
    return [...this.given].flatMap(([key, { unresolved }]) => (unresolved ? [key] : []));
  }

  /** Whose value is not known here is not judged. */
  passOver(): void {
    for (const key of this.unknown) this.#wrong.add(key);
  }

  isWrong(key: string): boolean {
    return this.#wrong.has(key);
  }

  /** Parses the fields behind a prefix; what is missing or wrong is noted and left out. */
  fields<F extends Fields>(fields: F, prefix: string): Partial<Values<F>> {
    const out: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      const key = prefix + field.key;
      const given = this.given.get(key);
      if (given === undefined) {
        // What is wrong, or not known here, must not be judged by its default.
        if (this.#wrong.has(key)) continue;
        if ('default' in field) out[name] = field.default;
        else this.note(key, `is missing: ${field.doc}`);
        continue;
      }
      if (given.unresolved) continue;
      const parsed = field.parse(given.text);
      if ('value' in parsed) out[name] = parsed.value;
      else
        this.note(
          key,
          `expected ${parsed.expected}, got ${field.secret || given.hidden ? 'something else' : shown(given.text)}`,
        );
    }
    return out as Partial<Values<F>>;
  }

  /** Takes known keys behind the prefix that are not ours out of what is given. */
  adopt(
    prefix: string,
    isOurs: (key: string) => boolean,
    judge: (key: string, value: Omit<Value, 'routed'>) => Judgement | null,
  ): Remark[] {
    return adopt(this.given, { prefix, isOurs, judge, note: (key, text) => this.note(key, text) });
  }

  /** Reads a Java regular expression or replacement; null when it is noted as wrong. */
  java<T>(key: string, read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof JavaRegexError)) throw error;
      const what = this.given.get(key)?.hidden ? 'something in it' : error.message;
      this.note(key, `cannot be read, or not with the same meaning as in Java: ${what}`);
      return null;
    }
  }

  note(key: string, text: string, near: string | null = null): void {
    const given = this.given.get(key);
    this.#wrong.add(key);
    this.mistakes.push({
      source: given === undefined ? this.#source : given.source,
      line: given?.at?.line ?? null,
      column: given?.at?.column ?? null,
      key: shownKey(given?.spelled ?? key),
      text,
      ...(near === null ? {} : { near }),
    });
  }
}

export function fieldKeys(fields: Fields, prefix: string): string[] {
  return Object.values(fields).map((field) => prefix + field.key);
}

/** A value in an error; the caller knows that it is no secret. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
