/**
 * JSON with places: `JSON.parse` says neither where a key stands nor that it stands there twice, and a mistake in a
 * configuration has to name its line. RFC 8259, no extensions; a byte order mark is skipped.
 */
export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number;
}

export type JsonNode =
  | { readonly kind: 'object'; readonly at: Place; readonly members: readonly Member[] }
  | { readonly kind: 'array'; readonly at: Place; readonly items: readonly JsonNode[] }
  | { readonly kind: 'string'; readonly at: Place; readonly value: string }
  /** `source` as written: a password of twenty digits is no double. */
  | { readonly kind: 'number'; readonly at: Place; readonly source: string }
  | { readonly kind: 'boolean'; readonly at: Place; readonly value: boolean }
  | { readonly kind: 'null'; readonly at: Place };

export interface Member {
  readonly key: string;
  /** Where the key stands. */
  readonly at: Place;
  readonly value: JsonNode;
}

/** The text is no JSON: what was expected at which place. */
export class JsonSyntaxError extends Error {
  readonly at: Place;
  constructor(at: Place, message: string) {
    super(message);
    this.at = at;
  }
}

/** Nothing that a person writes is nested deeper; the call stack is. */
const MAX_DEPTH = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** Up to the next quote, backslash or control character. */
// oxlint-disable-next-line no-control-regex -- JSON forbids exactly these in a string
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Parses a whole text. Throws `JsonSyntaxError`; duplicate keys are kept, for the caller to judge. */
export function parseJson(text: string): JsonNode {
  return new Parser(text).whole();
}

class Parser {
  readonly #text: string;
  #at: number;
  /** Starts of the lines before `#at`, counted as far as has been asked. */
  #line = 1;
  #lineStart = 0;
  #counted = 0;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith('\uFEFF') ? 1 : 0;
    this.#lineStart = this.#at;
    this.#counted = this.#at;
  }

  whole(): JsonNode {
    const node = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('the end of the file');
    return node;
  }

  #value(depth: number): JsonNode {
    this.#space();
    const at = this.#place();
    if (depth > MAX_DEPTH) throw new JsonSyntaxError(at, `nested deeper than ${MAX_DEPTH} levels`);
    switch (this.#text[this.#at] ?? '') {
      case '{':
        return { kind: 'object', at, members: this.#members(depth) };
      case '[':
        return { kind: 'array', at, items: this.#items(depth) };
      case '"':
        return { kind: 'string', at, value: this.#string() };
      case 't':
        return this.#word('true', { kind: 'boolean', at, value: true });
      case 'f':
        return this.#word('false', { kind: 'boolean', at, value: false });
      case 'n':
        return this.#word('null', { kind: 'null', at });
      default:
        return { kind: 'number', at, source: this.#number() };
    }
  }

  #members(depth: number): Member[] {
    const members: Member[] = [];
    this.#at++;
    if (this.#takes('}')) return members;
    for (;;) {
      this.#space();
      const at = this.#place();
      if (this.#text[this.#at] !== '"')
        throw this.#error(members.length === 0 ? 'a key in quotes or }' : 'a key in quotes');
      const key = this.#string();
      if (!this.#takes(':')) throw this.#error('":"');
      members.push({ key, at, value: this.#value(depth + 1) });
      if (this.#takes('}')) return members;
      if (!this.#takes(',')) throw this.#error('"," or }');
    }
  }

  #items(depth: number): JsonNode[] {
    const items: JsonNode[] = [];
    this.#at++;
    if (this.#takes(']')) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      if (this.#takes(']')) return items;
      if (!this.#takes(',')) throw this.#error('"," or ]');
    }
  }

  #string(): string {
    let value = '';
    this.#at++;
    for (;;) {
      PLAIN.lastIndex = this.#at;
      const plain = PLAIN.exec(this.#text)?.[0] ?? '';
      value += plain;
      this.#at += plain.length;
      const next = this.#text[this.#at];
      if (next === '"') {
        this.#at++;
        return value;
      }
      if (next !== '\\')
        throw this.#error(next === undefined ? 'a closing quote' : 'no control character in a string (write \\n, \\t)');
      value += this.#escape();
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? '';
    if (letter === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#error('four hexadecimal digits after \\u');
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    if (!Object.hasOwn(ESCAPES, letter))
      throw this.#error(
        'one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX (a backslash of a regular expression is written twice)',
      );
    this.#at += 2;
    return ESCAPES[letter] ?? '';
  }

  #number(): string {
    NUMBER.lastIndex = this.#at;
    const source = NUMBER.exec(this.#text)?.[0];
    if (source === undefined) throw this.#error('a value');
    this.#at += source.length;
    return source;
  }

  #word(word: string, node: JsonNode): JsonNode {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error('a value (texts stand in quotes)');
    this.#at += word.length;
    return node;
  }

  #takes(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
  }

  #place(): Place {
    for (; this.#counted < this.#at; this.#counted++) {
      if (this.#text[this.#counted] !== '\n') continue;
      this.#line++;
      this.#lineStart = this.#counted + 1;
    }
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  /** Never shows what stands there: it may be a password in the wrong quotes. */
  #error(expected: string): JsonSyntaxError {
    const ended = this.#at >= this.#text.length ? ', got the end of the file' : '';
    const comment = /^(?:\/[/*]|#)/.test(this.#text.slice(this.#at, this.#at + 2)) ? ' (JSON has no comments)' : '';
    return new JsonSyntaxError(this.#place(), `not valid JSON: expected ${expected}${ended}${comment}`);
  }
}
