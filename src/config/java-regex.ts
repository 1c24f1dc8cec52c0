/**
 * Regular expressions as Java writes them (`java.util.regex.Pattern`), which is what Debezium's options hold, as
 * JavaScript's. What has no exact counterpart is refused by name: a pattern that matches something else would route or
 * capture the wrong rows. Two differences are left because no table or topic name can show them: `.` matches U+0085
 * here, and ignoring case folds all of Unicode, not ASCII alone.
 * https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/regex/Pattern.html
 */
export class JavaRegexError extends Error {}

/** Matches whole texts only, as Java's `matches()`. Throws `JavaRegexError` that says what cannot be done. */
export function fromJavaRegex(source: string, options: { readonly ignoreCase?: boolean } = {}): RegExp {
  const translated = new Translator(source).whole();
  try {
    return new RegExp(`^(?:${translated})$`, options.ignoreCase ? 'iv' : 'v');
  } catch (error) {
    throw new JavaRegexError(error instanceof Error ? error.message.replace(/^.*?: (?=[^:]*$)/, '') : String(error));
  }
}

/** Escapes that stand for a set; where Java's is narrower or wider than JavaScript's, it is spelled out. */
const SETS: Readonly<Record<string, string>> = {
  d: '\\d',
  D: '\\D',
  w: '\\w',
  W: '\\W',
  s: '[ \\t\\n\\x0B\\f\\r]',
  S: '[^ \\t\\n\\x0B\\f\\r]',
  h: '[ \\t\\xA0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000]',
  H: '[^ \\t\\xA0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000]',
  v: '[\\n\\x0B\\f\\r\\x85\\u2028\\u2029]',
  V: '[^\\n\\x0B\\f\\r\\x85\\u2028\\u2029]',
};
const POSIX: Readonly<Record<string, string>> = {
  Lower: 'a-z',
  Upper: 'A-Z',
  ASCII: '\\x00-\\x7F',
  Alpha: 'a-zA-Z',
  Digit: '0-9',
  Alnum: '0-9a-zA-Z',
  Punct: '\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E',
  Graph: '\\x21-\\x7E',
  Print: '\\x20-\\x7E',
  Blank: ' \\t',
  Cntrl: '\\x00-\\x1F\\x7F',
  XDigit: '0-9a-fA-F',
  Space: ' \\t\\n\\x0B\\f\\r',
};
const CHARACTERS: Readonly<Record<string, string>> = {
  t: '\\t',
  n: '\\n',
  r: '\\r',
  f: '\\f',
  a: '\\x07',
  e: '\\x1B',
};
/** Positions that need no character. */
const ANCHORS: Readonly<Record<string, string>> = { b: '\\b', B: '\\B', A: '(?<![^])', z: '(?![^])' };

class Translator {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  whole(): string {
    const out = this.#alternatives();
    if (this.#at < this.#source.length) throw new JavaRegexError('a ) too many');
    return out;
  }

  /** To the end of the group. `(?i)` holds from where it stands to there, across alternatives. */
  #alternatives(): string {
    let out = '';
    let open = '';
    for (;;) {
      const next = this.#peek();
      if (next === '' || next === ')') return out + ')'.repeat(open === '' ? 0 : 1);
      if (next === '|') {
        this.#at++;
        out += open === '' ? '|' : `)|${open}`;
        continue;
      }
      const flags = /^\(\?([a-zA-Z]*(?:-[a-zA-Z]*)?)\)/.exec(this.#source.slice(this.#at));
      if (flags === null) {
        out += this.#piece();
        continue;
      }
      this.#at += flags[0].length;
      const modifiers = modifiersOf(flags[1] ?? '');
      if (modifiers === '') continue;
      if (open !== '') throw new JavaRegexError('two (?flags) in one group');
      open = `(?${modifiers}:`;
      out += open;
    }
  }

  /** One atom with its quantifier. */
  #piece(): string {
    const atom = this.#atom();
    const quantifier = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(this.#source.slice(this.#at))?.[0];
    if (quantifier === undefined) {
      if (this.#peek() === '{') throw new JavaRegexError('a { that is no repetition: write \\{');
      return atom;
    }
    this.#at += quantifier.length;
    if (this.#peek() === '+') throw new JavaRegexError(`the possessive quantifier ${quantifier}+`);
    if (this.#peek() !== '?') return atom + quantifier;
    this.#at++;
    return `${atom}${quantifier}?`;
  }

  #atom(): string {
    const next = this.#peek();
    switch (next) {
      case '(':
        return this.#group();
      case '[':
        return this.#set();
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw new JavaRegexError(`a ${next} with nothing before it`);
      case '{':
        throw new JavaRegexError('a { that is no repetition: write \\{');
      case '.':
      case '^':
      case '$':
        this.#at++;
        return next;
      default:
        return literal(this.#take());
    }
  }

  #group(): string {
    this.#at++;
    let head = '(';
    if (this.#peek() === '?') {
      const kind = /^\?(?:[:=!]|<[=!]|<[a-zA-Z][a-zA-Z0-9_]*>|[a-zA-Z]*(?:-[a-zA-Z]*)?:)/.exec(
        this.#source.slice(this.#at),
      )?.[0];
      if (kind === undefined) throw new JavaRegexError(`the group (${this.#source.slice(this.#at, this.#at + 2)}…)`);
      this.#at += kind.length;
      const flags = /^\?([a-zA-Z-]+):$/.exec(kind)?.[1];
      head += flags === undefined ? kind : `?${modifiersOf(flags)}:`;
    }
    const body = this.#alternatives();
    if (this.#peek() !== ')') throw new JavaRegexError('a ( without its )');
    this.#at++;
    return `${head}${body})`;
  }

  #escape(): string {
    const letter = this.#source[this.#at + 1] ?? '';
    if (Object.hasOwn(ANCHORS, letter)) {
      this.#at += 2;
      return ANCHORS[letter] ?? '';
    }
    if (letter === 'Q') return Array.from(this.#quotation(), literal).join('');
    if (letter === 'k' || /[1-9]/.test(letter)) throw new JavaRegexError(`the back reference \\${letter}`);
    return this.#escapedMember(literal);
  }

  /** `\Q…\E`: everything between as it is. */
  #quotation(): string {
    const start = this.#at + 2;
    const end = this.#source.indexOf('\\E', start);
    this.#at = end < 0 ? this.#source.length : end + 2;
    return this.#source.slice(start, end < 0 ? undefined : end);
  }

  /** An escape that means the same inside and outside of brackets. */
  #escapedMember(itself: (character: string) => string): string {
    this.#at++;
    const letter = this.#take();
    if (letter === '') throw new JavaRegexError('a \\ at the end');
    if (Object.hasOwn(SETS, letter)) return SETS[letter] ?? '';
    if (Object.hasOwn(CHARACTERS, letter)) return CHARACTERS[letter] ?? '';
    if (letter === 'p' || letter === 'P') return this.#property(letter);
    if (letter === 'x' || letter === 'u') return this.#hexadecimal(letter);
    if (letter === '0') return this.#octal();
    if (/[a-zA-Z0-9]/.test(letter)) throw new JavaRegexError(`the escape \\${letter}`);
    return itself(letter);
  }

  #hexadecimal(letter: 'x' | 'u'): string {
    const pattern = letter === 'x' ? /^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/ : /^([0-9a-fA-F]{4})/;
    const match = pattern.exec(this.#source.slice(this.#at));
    if (match === null) throw new JavaRegexError(`\\${letter} without its hexadecimal digits`);
    this.#at += match[0].length;
    return `\\u{${match[1] ?? match[2] ?? ''}}`;
  }

  #octal(): string {
    const digits = /^(?:[0-3][0-7]{2}|[0-7]{1,2})/.exec(this.#source.slice(this.#at))?.[0];
    if (digits === undefined) throw new JavaRegexError('\\0 without its octal digits');
    this.#at += digits.length;
    return `\\u{${Number.parseInt(digits, 8).toString(16)}}`;
  }

  #property(letter: 'p' | 'P'): string {
    const match = /^(?:\{([^}]*)\}|([a-zA-Z]))/.exec(this.#source.slice(this.#at));
    const name = match?.[1] ?? match?.[2] ?? '';
    this.#at += match?.[0].length ?? 0;
    if (Object.hasOwn(POSIX, name)) return `[${letter === 'P' ? '^' : ''}${POSIX[name] ?? ''}]`;
    const bare = name.replace(/^Is/, '');
    const candidates = [bare, `Script=${bare}`, name.replace(/^(?:script|sc|general_category|gc)=/i, '')];
    for (const candidate of candidates) {
      const text = `\\${letter}{${candidate}}`;
      if (isValid(text)) return text;
    }
    throw new JavaRegexError(`the property \\${letter}{${name}}`);
  }

  /** A bracket: union, ranges, nested brackets and `&&`, which JavaScript wants between sets only. */
  #set(): string {
    this.#at++;
    const negated = this.#peek() === '^';
    if (negated) this.#at++;
    const operands: string[] = [];
    let members = '';
    for (let first = true; ; first = false) {
      const next = this.#peek();
      if (next === '') throw new JavaRegexError('a [ without its ]');
      if (next === ']' && !first) break;
      if (this.#source.startsWith('&&', this.#at)) {
        this.#at += 2;
        operands.push(members);
        members = '';
      } else members += this.#member();
    }
    this.#at++;
    operands.push(members);
    const sets = operands.filter((operand) => operand !== '');
    const body = sets.length > 1 ? sets.map((set) => `[${set}]`).join('&&') : (sets[0] ?? '');
    return `[${negated ? '^' : ''}${body}]`;
  }

  #member(): string {
    if (this.#peek() === '[') return this.#set();
    if (this.#source.startsWith('\\Q', this.#at)) return Array.from(this.#quotation(), literalMember).join('');
    const from = this.#peek() === '\\' ? this.#escapedMember(literalMember) : literalMember(this.#take());
    const after = this.#source[this.#at + 1];
    if (this.#peek() !== '-' || after === ']' || after === '[' || after === undefined || from.startsWith('['))
      return from;
    this.#at++;
    const to = this.#peek() === '\\' ? this.#escapedMember(literalMember) : literalMember(this.#take());
    return `${from}-${to}`;
  }

  #peek(): string {
    return this.#source[this.#at] ?? '';
  }

  /** The next character, whole even outside of the basic plane. */
  #take(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) return '';
    const character = String.fromCodePoint(code);
    this.#at += character.length;
    return character;
  }
}

/** A character that stands for itself: in brackets JavaScript reserves more of them than outside. */
function literal(character: string): string {
  return /^[\^$\\.*+?()[\]{}|/]$/.test(character) ? `\\${character}` : visible(character);
}

function literalMember(character: string): string {
  return /^[\^$\\.*+?()[\]{}|/&\-!#%,:;<=>@`~]$/.test(character) ? `\\${character}` : visible(character);
}

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code >= 0x20 && code !== 0x7f && code !== 0x2028 && code !== 0x2029 ? character : `\\u{${code.toString(16)}}`;
}

function modifiersOf(flags: string): string {
  const refused = /[^imsu-]/.exec(flags)?.[0];
  if (refused !== undefined) throw new JavaRegexError(`the flag (?${refused})`);
  // u is Unicode's case folding, which JavaScript's i has anyway.
  const modifiers = flags.replaceAll('u', '');
  return modifiers === '-' ? '' : modifiers;
}

function isValid(source: string): boolean {
  try {
    return new RegExp(source, 'v').source !== '';
  } catch {
    return false;
  }
}
