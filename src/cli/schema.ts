/** `millrace schema`: what a connector's file may hold, for editors and for people. */
import { configurationReference } from '../config/reference.ts';
import { connectorSchema } from '../config/schema.ts';
import { MillraceError } from '../errors.ts';
import { parseArguments } from './arguments.ts';
import { type Edge, EXIT } from './edge.ts';

export const SCHEMA_HELP = `millrace schema [--markdown]

Prints the JSON Schema (draft-07) of a connector's file: editors complete and check with it. Secrets are writeOnly.

  --markdown   a table of all keys instead

  millrace schema > connector.schema.json        then "$schema": "./connector.schema.json" at the top of the file
  millrace schema | jq '.properties.config.properties | keys'

The package holds it as docs/connector.schema.json.

Exit codes: 0, or 2 for a mistake of usage.
`;

/** Resolves with the exit code. */
export async function schema(edge: Edge): Promise<number> {
  const { switches, positionals, help } = parseArguments(edge.args, { switches: ['markdown'], help: SCHEMA_HELP });
  if (positionals[0] !== undefined) {
    throw new MillraceError('config', `schema takes no argument, got "${positionals[0]}"\n\n${SCHEMA_HELP}`);
  }
  if (help) edge.stdout.write(SCHEMA_HELP);
  else if (switches.has('markdown')) edge.stdout.write(configurationReference());
  else edge.stdout.write(`${JSON.stringify(connectorSchema(), null, 2)}\n`);
  return EXIT.ok;
}
