/** Colours of what is printed: only on terminals, and not for those who ask for none (https://no-color.org). */
import type { Edge, Output } from './edge.ts';

export interface Colours {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
}

export function coloursFor(output: Output, env: Edge['env']): Colours {
  const shown = output.isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const colour =
    (code: number) =>
    (text: string): string =>
      shown ? `\u001b[${code}m${text}\u001b[0m` : text;
  return { good: colour(32), bad: colour(31), warning: colour(33), strong: colour(1), faint: colour(2) };
}
