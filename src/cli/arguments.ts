import { parseArgs } from 'node:util';
import { nearest } from '../config/nearest.ts';
import { MillraceError, messageOf } from '../errors.ts';

export interface Arguments {
  /** Options that were given, by name; those that take a value. */
  readonly values: Readonly<Record<string, string | undefined>>;
  /** Switches that were given, by name. */
  readonly switches: ReadonlySet<string>;
  readonly positionals: readonly string[];
  readonly help: boolean;
}

export interface Usage {
  /** Names of the options that take a value. */
  readonly options?: readonly string[];
  /** Names of those that take none, beside `help`. */
  readonly switches?: readonly string[];
  /** Printed below a mistake. */
  readonly help: string;
}

/** Reads `--name value`, `--name=value`, `--switch` and `--help`. An unknown option is an error that names the nearest. */
export function parseArguments(args: readonly string[], usage: Usage): Arguments {
  const { options = [], switches = [], help: text } = usage;
  const names = [...options, ...switches, 'help'];
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        ...Object.fromEntries(options.map((name) => [name, { type: 'string' as const }])),
        ...Object.fromEntries(switches.map((name) => [name, { type: 'boolean' as const }])),
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: true,
    });
    const given = Object.entries(values);
    return {
      values: Object.fromEntries(given.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : []))),
      switches: new Set(given.flatMap(([name, value]) => (value === true ? [name] : []))),
      positionals,
      help: values['help'] === true,
    };
  } catch (error) {
    const unknown = /Unknown option '(-[^'\s]*)/.exec(messageOf(error))?.[1];
    if (unknown === undefined) throw new MillraceError('config', `${firstSentence(messageOf(error))}\n\n${text}`);
    const near = nearest(
      unknown,
      names.map((name) => `--${name}`),
    );
    const hint = near === null ? '' : `; did you mean ${near}?`;
    throw new MillraceError('config', `there is no option ${unknown}${hint}\n\n${text}`);
  }
}

/** Node adds advice about `--` and `=` that helps nobody here. */
function firstSentence(message: string): string {
  return message.split(/(?<=[.!?])\s/)[0] ?? message;
}
