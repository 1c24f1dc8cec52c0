/** `millrace --help`. */
import { nearest } from '../config/nearest.ts';
import { MillraceError } from '../errors.ts';
import { VERSION } from '../runtime/version.ts';

export const HELP = `millrace ${VERSION}: PostgreSQL to Kafka, exactly once

  millrace run FILE|FOLDER…       run connectors
  millrace validate FILE|FOLDER…  every mistake in their files, without connecting to anything
  millrace plan FILE|FOLDER…      what a start would find and make in database and Kafka; changes nothing
  millrace doctor FILE|FOLDER…    why a connector does not deliver, worst first, each with a remedy; changes nothing
  millrace offsets show|set|reset FILE…
                                  where a connector stands, and where it is to go on
  millrace schema                 JSON Schema of such a file, for editors
  millrace import-config FILE     a Debezium Server's application.properties as a connector's JSON
  millrace demo [--seconds N]     see it work on servers of its own
  millrace bench [--peer debezium]
                                  measure it on this machine, on servers of its own
  millrace version [--json]

"millrace COMMAND --help" says more, with examples. For example:

  millrace validate connectors/postgres-outbox.json
  millrace run connectors/postgres-outbox.json

Exit codes: 0 ended as asked, 1 a connector failed (or the demo's numbers do not agree), 2 usage or configuration,
130 or 143 ended by a signal (INT or TERM): "run", "demo" and "bench" end in good order at the first one, with 0 or 1, and at once
at a second one or after 5 s.
Colours are for terminals; NO_COLOR=1 turns them off, FORCE_COLOR=1 on.
`;
const COMMANDS = [
  'run',
  'validate',
  'plan',
  'doctor',
  'offsets',
  'schema',
  'import-config',
  'demo',
  'bench',
  'version',
  'help',
];

/** Names the nearest. */
export function unknownCommand(command: string): MillraceError {
  const near = nearest(command, COMMANDS);
  const hint = near === null ? '' : `; did you mean "${near}"?`;
  return new MillraceError('config', `there is no command "${command}"${hint}\n\n${HELP}`);
}
