/**
 * Java's properties files, as `java.util.Properties.load(Reader)` reads them.
 * https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/Properties.html#load(java.io.Reader)
 */
export class PropertiesSyntaxError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

export interface Property {
  readonly key: string;
  readonly value: string;
  /** From 1: where the key stands. */
  readonly line: number;
}

/** Every property in the order of the file; where a key stands twice, Java keeps the last. */
export function readProperties(text: string): Property[] {
  return logicalLines(text).map(({ text: logical, line }) => ({ ...split(logical, line), line }));
}

interface LogicalLine {
  readonly text: string;
  readonly line: number;
}

/**
 * Lines without comments, blank lines and their own indentation, continued lines joined. As in Java, a comment or blank
 * line may follow a backslash that stands alone, and a backslash that ends the file leaves a line, if need be an empty one.
 */
function logicalLines(text: string): LogicalLine[] {
  const found: LogicalLine[] = [];
  // Each line with its end, so that the last one shows whether the file ended with it.
  const lines = text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? [];
  let logical = '';
  let start = 0;
  for (const [at, whole] of lines.entries()) {
    const content = whole.replace(/[\r\n]+$/, '').replace(/^[ \t\f]+/, '');
    const isLast = at === lines.length - 1;
    if (logical === '') {
      start = at + 1;
      if (content === '' || content.startsWith('#') || content.startsWith('!')) continue;
    }
    logical += content;
    if (endsInBackslash(content)) {
      logical = logical.slice(0, -1);
      // A carriage return and line feed are two characters to Java, which then looks for one more line.
      if (!isLast || (logical === '' && whole.endsWith('\r\n'))) continue;
    }
    found.push({ text: logical, line: start });
    logical = '';
  }
  return found;
}

/** An odd number of backslashes: the last one is not escaped itself. */
function endsInBackslash(line: string): boolean {
  const [run = ''] = /\\*$/.exec(line) ?? [];
  return run.length % 2 === 1;
}

/** The key ends at the first `=`, `:` or blank that is not escaped; one `=` or `:` among the blanks is skipped. */
function split(line: string, at: number): { key: string; value: string } {
  let end = 0;
  while (end < line.length && !/[=: \t\f]/.test(line.charAt(end))) end += line.charAt(end) === '\\' ? 2 : 1;
  end = Math.min(end, line.length);
  const value = line.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '');
  return { key: unescaped(line.slice(0, end), at), value: unescaped(value, at) };
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** A backslash before any other character is dropped. Java refuses a malformed `\\u`, and so do we. */
function unescaped(text: string, line: number): string {
  return text.replaceAll(
    /\\(?:u([^]{0,4})|([^]?))/g,
    (whole, unicode: string | undefined, other: string | undefined) => {
      if (unicode !== undefined) {
        if (/^[0-9a-fA-F]{4}$/.test(unicode)) return String.fromCharCode(Number.parseInt(unicode, 16));
        throw new PropertiesSyntaxError(
          `malformed escape ${JSON.stringify(whole)}: expected \\u and four hex digits`,
          line,
        );
      }
      return ESCAPES[other ?? ''] ?? other ?? '';
    },
  );
}
