/**
 * Colours of what is printed: on terminals, unless NO_COLOR is set (https://no-color.org) or TERM is dumb. FORCE_COLOR
 * decides before them, as with Node itself: on anything but the empty text, and off for 0 and false.
 */
import type { Edge, Output } from './edge.ts';

export interface Colours {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
}

export function coloursFor(output: Output, env: Edge['env']): Colours {
  const shown = forced(env) ?? (output.isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb');
  const colour =
    (code: number) =>
    (text: string): string =>
      shown ? `\u001b[${code}m${text}\u001b[0m` : text;
  return { good: colour(32), bad: colour(31), warning: colour(33), strong: colour(1), faint: colour(2) };
}

function forced(env: Edge['env']): boolean | null {
  const { FORCE_COLOR: force = '' } = env;
  return force === '' ? null : !/^(?:0|false)$/i.test(force);
}
