/** `millrace import-config`: a Debezium Server's application.properties becomes a connector's JSON. */
import { checkConnector } from '../config/connector.ts';
import { type Imported, importServer } from '../config/debezium-server.ts';
import { readArgument } from '../config/file-text.ts';
import { type Mistake, formatMistake } from '../config/mistake.ts';
import { PropertiesSyntaxError, type Property, readProperties } from '../config/properties.ts';
import { MillraceError, messageOf } from '../errors.ts';
import { parseArguments } from './arguments.ts';
import { type Edge, EXIT } from './edge.ts';

export const IMPORT_CONFIG_HELP = `millrace import-config FILE [--name NAME]

Converts a Debezium Server's application.properties into a connector's JSON, on standard output. What was dropped or
changed, and what has to be decided before it runs, is on standard error. - is standard input.

  --name NAME   of the connector; by default debezium.source.name, else debezium.source.topic.prefix

  millrace import-config application.properties > connectors/orders.json
  millrace import-config /debezium/conf/application.properties --name orders > orders.json

Exit codes: 0 converted, 1 converted, but it does not start before what standard error says is decided, 2 usage, or the
file cannot be read.
`;

const OF_THE_SERVER = /^(?:%[\w,-]+\.)?(?:quarkus\.)?debezium\./;

/** Resolves with the exit code. */
export async function importConfig(edge: Edge): Promise<number> {
  const { values, positionals, help } = parseArguments(edge.args, { options: ['name'], help: IMPORT_CONFIG_HELP });
  if (help) {
    edge.stdout.write(IMPORT_CONFIG_HELP);
    return EXIT.ok;
  }
  const [path, ...others] = positionals;
  if (path === undefined || others.length > 0) {
    throw new MillraceError('config', `which file? Give one application.properties.\n\n${IMPORT_CONFIG_HELP}`);
  }
  const properties = readFile(path);
  if (!properties.some(({ key }) => OF_THE_SERVER.test(key))) {
    throw new MillraceError(
      'config',
      `${path} holds no key of a Debezium Server: expected debezium.source.…, debezium.transforms and the like`,
    );
  }
  const imported = importServer(properties, values['name'] ?? null);
  const json = `${JSON.stringify({ name: imported.name, config: imported.config }, null, 2)}\n`;
  edge.stdout.write(json);
  const mistakes = mistakesOf(json, path, imported);
  for (const { key, line, text } of imported.notes) say(edge, { source: path, line, column: null, key, text });
  for (const mistake of mistakes) say(edge, mistake);
  return mistakes.length === 0 ? EXIT.ok : EXIT.failed;
}

function say(edge: Edge, mistake: Mistake): void {
  edge.stderr.write(`${formatMistake(mistake)}\n`);
}

function readFile(path: string): Property[] {
  try {
    // A byte order mark, which editors of Windows write, would be part of the first key.
    return readProperties(readArgument(path).replace(/^\uFEFF/, ''));
  } catch (error) {
    if (error instanceof PropertiesSyntaxError)
      throw new MillraceError('config', `${path}:${error.line}: ${error.message}`);
    throw new MillraceError('config', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** What `millrace run` would say, but for values that only the machine it runs on can know. */
function mistakesOf(json: string, path: string, { lines }: Imported): readonly Mistake[] {
  const checked = checkConnector(json, path, { absent: 'open' });
  if (!('mistakes' in checked)) return [];
  return checked.mistakes.map((mistake) => ({
    ...mistake,
    line: (mistake.key === null ? null : lines.get(mistake.key)) ?? null,
    column: 1,
  }));
}
