/** `millrace plan`: what a start would find and make. Connects, and changes nothing. */
import type { Finding } from '../change/finding.ts';
import { SHARED, readConnectors, sharedValues } from '../config/connectors.ts';
import { MillraceError } from '../errors.ts';
import { systemClock } from '../runtime/clock.ts';
import { createLog } from '../runtime/log.ts';
import { type ConnectorPlan, couldRun, planOrObstacle } from '../runtime/plan.ts';
import { parseArguments } from './arguments.ts';
import { type Colours, coloursFor } from './colour.ts';
import { type Edge, EXIT } from './edge.ts';

export const PLAN_HELP = `millrace plan FILE|FOLDER… [--json] [--KEY VALUE …]

Connects to database and Kafka and says what a start would find and what it would make: publication, slot, topics with
their settings, rights, sizes. Changes nothing. What stands against a start comes with a statement to copy.

  --json             the findings as JSON on standard output
  --KEY VALUE        as with "millrace run"

  millrace plan connectors/postgres-outbox.json
  millrace plan /etc/millrace --json | jq -r '.[] | .database + .kafka | .[] | select(.level == "obstacle") | .statement'

Exit codes: 0 every connector could run, 1 one could not, 2 usage or configuration.
`;

/** Resolves with the exit code. */
export async function plan(edge: Edge): Promise<number> {
  const { values, switches, positionals, help } = parseArguments(edge.args, {
    options: SHARED,
    switches: ['json'],
    help: PLAN_HELP,
  });
  if (help) {
    edge.stdout.write(PLAN_HELP);
    return EXIT.ok;
  }
  if (positionals.length === 0) {
    throw new MillraceError('config', `which connector? Give a file or a folder.\n\n${PLAN_HELP}`);
  }
  const configs = readConnectors(positionals, { shared: sharedValues(values, edge.env), env: edge.env });
  const log = createLog({ level: 'error', readable: true, write: edge.stderr.write });
  const context = { log, clock: systemClock, signal: edge.signal };
  const plans: Named[] = [];
  // One after the other: nobody asks a hundred servers at once because a folder holds a hundred files.
  for (const config of configs) plans.push({ connector: config.name, ...(await planOrObstacle(config, context)) });
  if (switches.has('json')) edge.stdout.write(`${JSON.stringify(plans.map(asJson), null, 2)}\n`);
  else edge.stdout.write(plans.map((each) => inWords(each, coloursFor(edge.stdout, edge.env))).join('\n'));
  return plans.every(couldRun) ? EXIT.ok : EXIT.failed;
}

interface Named extends ConnectorPlan {
  readonly connector: string;
}

function asJson(named: Named): object {
  const { connector, database, kafka } = named;
  const full = ({ level, text, statement }: Finding): object => ({ level, text, statement: statement ?? null });
  return { connector, couldRun: couldRun(named), database: database.map(full), kafka: kafka.map(full) };
}

function inWords(named: Named, colours: Colours): string {
  const { connector, database, kafka } = named;
  const verdict = couldRun(named) ? colours.good('could run') : colours.bad('could not run');
  const lines = [
    `${colours.strong(`connector "${connector}"`)}: ${verdict}`,
    '  database',
    ...database.flatMap((finding) => linesOf(finding, colours)),
    '  Kafka',
    ...kafka.flatMap((finding) => linesOf(finding, colours)),
  ];
  return `${lines.join('\n')}\n`;
}

function linesOf({ level, text, statement }: Finding, colours: Colours): string[] {
  const paint = { ok: colours.good, create: colours.strong, warning: colours.warning, obstacle: colours.bad }[level];
  const line = `    ${paint(level.padEnd(8))} ${text}`;
  return statement === undefined ? [line] : [line, `               ${colours.faint(statement)}`];
}
