/** One thing that is wrong with a configuration, and where: all of them are said at once. */
import { MillraceError } from '../errors.ts';

export interface Mistake {
  /** The file, flag or environment variable; null for a configuration that was handed over as an object. */
  readonly source: string | null;
  /** From 1; null when the mistake has no one place, such as a missing key. */
  readonly line: number | null;
  readonly column: number | null;
  /** The key in question, or null if it is the file as a whole. */
  readonly key: string | null;
  /** What was expected and what to do; never the value of a secret. */
  readonly text: string;
  /** The known key that an unknown one resembles. */
  readonly near?: string;
  /** A value that is right for the key, or for the one it resembles. */
  readonly example?: string;
}

/** `connectors/orders.json:7:5: "slot.nam" …`: a form that editors and terminals make clickable. */
export function formatMistake({ source, line, column, key, text }: Mistake): string {
  const place = line === null ? '' : `:${line}:${column ?? 1}`;
  return `${source === null ? '' : `${source}${place}: `}${key === null ? '' : `${JSON.stringify(shortened(key))} `}${text}`;
}

function shortened(key: string): string {
  return key.length > 200 ? `${key.slice(0, 200)}…` : key;
}

/** One `config` error that lists them, a line each. */
export function mistakesError(mistakes: readonly Mistake[]): MillraceError {
  const lines = mistakes.map((mistake) => `  - ${formatMistake(mistake)}`);
  const head = mistakes.length === 1 ? 'one mistake' : `${mistakes.length} mistakes`;
  return new MillraceError('config', `${head} in the configuration:\n${lines.join('\n')}`);
}
