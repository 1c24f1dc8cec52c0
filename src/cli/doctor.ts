/** `millrace doctor`: why a connector does not deliver. Connects, and changes nothing. */
import type { Diagnosis } from '../change/finding.ts';
import type { ConnectorConfig } from '../config/connector.ts';
import { SHARED, checkConnectors, sharedValues } from '../config/connectors.ts';
import { type Mistake, formatMistake } from '../config/mistake.ts';
import { MillraceError } from '../errors.ts';
import { systemClock } from '../runtime/clock.ts';
import { type DoctorContext, diagnose, isIll } from '../runtime/doctor.ts';
import { createLog } from '../runtime/log.ts';
import { parseArguments } from './arguments.ts';
import { type Colours, coloursFor } from './colour.ts';
import { type Edge, EXIT } from './edge.ts';

const WATCH_SECONDS = 3;
const MOST_WATCH_SECONDS = 600;
/** Nobody asks a hundred servers at once because a folder holds a hundred files. */
const AT_ONCE = 4;

export const DOCTOR_HELP = `millrace doctor FILE|FOLDER… [--watch-seconds N] [--all] [--json] [--KEY VALUE …]

Says why a connector does not deliver, worst first, each with what it means and what to do: configuration, names, ports,
TLS, passwords, the addresses that the brokers advertise, rights, slot, lease, stored position, publication, captured tables,
topics, open transactions, clocks. Looks twice, to see whether the position moves. Changes nothing, and may be run beside
a running connector. A server that does not answer is given up after some seconds, and the other is looked at all the same.

  --watch-seconds N  time between the two looks; ${WATCH_SECONDS} by default, 0 for one look
  --all              also list what is fine
  --json             everything as JSON on standard output: an array of {connector, delivers, diagnoses}, each diagnosis
                     with level (broken, warning, unknown, ok), area, text, means and remedy, worst first
  --KEY VALUE        as with "millrace run"

  millrace doctor connectors/postgres-outbox.json
  millrace doctor /etc/millrace --watch-seconds 30
  millrace doctor /etc/millrace --json | jq -r '.[].diagnoses[] | select(.level == "broken") | .text, .remedy'

"millrace plan" says what a start would make; "millrace validate" checks files without connecting.

Exit codes: 0 nothing keeps a connector from delivering (warnings do not count), 1 something does, 2 usage or
configuration.
`;

/** Resolves with the exit code. */
export async function doctor(edge: Edge): Promise<number> {
  const { values, switches, positionals, help } = parseArguments(edge.args, {
    options: ['watch-seconds', ...SHARED],
    switches: ['json', 'all'],
    help: DOCTOR_HELP,
  });
  if (help) {
    edge.stdout.write(DOCTOR_HELP);
    return EXIT.ok;
  }
  if (positionals.length === 0) {
    throw new MillraceError('config', `which connector? Give a file or a folder.\n\n${DOCTOR_HELP}`);
  }
  const watchMs = watchOf(values['watch-seconds']);
  const { found, mistakes } = checkConnectors(positionals, { shared: sharedValues(values, edge.env), env: edge.env });
  const log = createLog({ level: 'error', readable: true, write: edge.stderr.write });
  const context = { log, clock: systemClock, signal: edge.signal, watchMs };
  const examined: Examined[] = [];
  for (let at = 0; at < found.length; at += AT_ONCE) {
    const group = found.slice(at, at + AT_ONCE).map(({ config }) => examine(config, context));
    examined.push(...(await Promise.all(group)));
  }
  // Files with mistakes first: no connection was tried with them.
  const all = [...byFile(mistakes), ...examined];
  if (switches.has('json')) edge.stdout.write(`${JSON.stringify(all.map(asJson), null, 2)}\n`);
  else {
    const colours = coloursFor(edge.stdout, edge.env);
    edge.stdout.write(all.map((each) => inWords(each, colours, switches.has('all'))).join('\n'));
  }
  if (mistakes.length > 0) return EXIT.usage;
  return examined.some(({ diagnoses }) => isIll(diagnoses)) ? EXIT.failed : EXIT.ok;
}

function watchOf(text: string | undefined): number {
  if (text === undefined) return WATCH_SECONDS * 1000;
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= 0 && seconds <= MOST_WATCH_SECONDS) return seconds * 1000;
  throw new MillraceError(
    'config',
    `--watch-seconds: expected a number from 0 to ${MOST_WATCH_SECONDS}, got "${text}"`,
  );
}

interface Examined {
  /** The connector's name, or the file, if it cannot be read as one. */
  readonly connector: string;
  readonly diagnoses: readonly Diagnosis[];
}

async function examine(config: ConnectorConfig, context: DoctorContext): Promise<Examined> {
  return { connector: config.name, diagnoses: await diagnose(config, context) };
}

function byFile(mistakes: readonly Mistake[]): Examined[] {
  const files = Map.groupBy(mistakes, ({ source }) => source ?? 'configuration');
  return Array.from(files, ([connector, of]) => ({
    connector,
    diagnoses: of.map((mistake): Diagnosis => {
      const { key, near, example } = mistake;
      const remedy =
        key === null || example === undefined
          ? {}
          : { remedy: `${JSON.stringify(near ?? key)}: ${JSON.stringify(example)}` };
      return {
        level: 'broken',
        area: 'configuration',
        text: formatMistake(mistake),
        means: 'the connector does not start',
        ...remedy,
      };
    }),
  }));
}

function asJson({ connector, diagnoses }: Examined): object {
  const full = ({ level, area, text, means, remedy }: Diagnosis): object => {
    return { level, area, text, means: means ?? null, remedy: remedy ?? null };
  };
  return { connector, delivers: !isIll(diagnoses), diagnoses: diagnoses.map(full) };
}

function inWords({ connector, diagnoses }: Examined, colours: Colours, all: boolean): string {
  const of = (level: Diagnosis['level']): readonly Diagnosis[] => diagnoses.filter((each) => each.level === level);
  const fine = of('ok');
  const shown = all ? diagnoses : diagnoses.filter(({ level }) => level !== 'ok');
  const lines = [
    `${colours.strong(`connector "${connector}"`)}: ${verdict(of('broken').length, of('warning').length, colours)}`,
    ...shown.flatMap((diagnosis) => linesOf(diagnosis, colours)),
  ];
  if (!all && fine.length > 0) {
    const areas = [...new Set(fine.map(({ area }) => area))];
    lines.push(`  ${colours.good('fine')}     ${fine.length} findings about ${areas.join(', ')} (--all lists them)`);
  }
  return `${lines.join('\n')}\n`;
}

function verdict(broken: number, warnings: number, colours: Colours): string {
  const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
  if (broken > 0) return colours.bad(`does not deliver: ${count(broken, 'cause', 'causes')}, worst first`);
  if (warnings > 0)
    return colours.warning(`nothing keeps it from delivering; ${count(warnings, 'warning', 'warnings')}`);
  return colours.good('nothing is wrong');
}

function linesOf({ level, area, text, means, remedy }: Diagnosis, colours: Colours): string[] {
  const paint = { broken: colours.bad, warning: colours.warning, unknown: colours.faint, ok: colours.good }[level];
  const indent = ' '.repeat(11);
  return [
    `  ${paint(level.padEnd(8))} ${colours.strong(`${area}:`)} ${text}`,
    ...(means === undefined ? [] : [`${indent}${means}`]),
    ...(remedy === undefined ? [] : [`${indent}${colours.faint(`do: ${remedy}`)}`]),
  ];
}
