/** `millrace version`: of Millrace and of what runs it. */
import { MillraceError } from '../errors.ts';
import { VERSION } from '../runtime/version.ts';
import { parseArguments } from './arguments.ts';
import { type Edge, EXIT } from './edge.ts';

export const VERSION_HELP = `millrace version [--json]

Prints the version of Millrace.

  --json   with that of Node and the platform, as JSON

  millrace version
  millrace version --json | jq -r .version

Exit codes: 0, or 2 for a mistake of usage.
`;

/** Resolves with the exit code. */
export async function version(edge: Edge): Promise<number> {
  const { switches, positionals, help } = parseArguments(edge.args, { switches: ['json'], help: VERSION_HELP });
  if (positionals[0] !== undefined) {
    throw new MillraceError('config', `version takes no argument, got "${positionals[0]}"\n\n${VERSION_HELP}`);
  }
  if (help) edge.stdout.write(VERSION_HELP);
  else if (switches.has('json'))
    edge.stdout.write(`${JSON.stringify({ version: VERSION, ...edge.platform }, null, 2)}\n`);
  else edge.stdout.write(`${VERSION}\n`);
  return EXIT.ok;
}
