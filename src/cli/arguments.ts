import { parseArgs } from 'node:util';
import { nearest } from '../config/nearest.ts';
import { MillraceError, messageOf } from '../errors.ts';

export interface Arguments {
  /** Options that were given, by name; all of them take a value but `help`. */
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly positionals: readonly string[];
  readonly help: boolean;
}

/** Reads `--name value`, `--name=value` and `--help`. An unknown option is an error that names the nearest. */
export function parseArguments(args: readonly string[], names: readonly string[], usage: string): Arguments {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
    const { help, ...rest } = values;
    return { values: rest as Readonly<Record<string, string | undefined>>, positionals, help: help === true };
  } catch (error) {
    const unknown = /Unknown option '(-[^'\s]*)/.exec(messageOf(error))?.[1];
    if (unknown === undefined) throw new MillraceError('config', `${firstSentence(messageOf(error))}\n\n${usage}`);
    const near = nearest(
      unknown,
      [...names, 'help'].map((name) => `--${name}`),
    );
    const hint = near === null ? '' : `; did you mean ${near}?`;
    throw new MillraceError('config', `there is no option ${unknown}${hint}\n\n${usage}`);
  }
}

/** Node adds advice about `--` and `=` that helps nobody here. */
function firstSentence(message: string): string {
  return message.split(/(?<=[.!?])\s/)[0] ?? message;
}
