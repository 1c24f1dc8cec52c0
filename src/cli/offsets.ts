/** `millrace offsets`: the stored position of a connector, shown, set and reset. */
import type { ConnectorConfig } from '../config/connector.ts';
import { SHARED, readConnectors, sharedValues } from '../config/connectors.ts';
import { nearest } from '../config/nearest.ts';
import { MillraceError } from '../errors.ts';
import { systemClock } from '../runtime/clock.ts';
import { createLog } from '../runtime/log.ts';
import { type OffsetsContext, applyChange, planChange, viewOffsets } from '../runtime/offsets.ts';
import { type Arguments, parseArguments } from './arguments.ts';
import { coloursFor } from './colour.ts';
import { type Edge, EXIT } from './edge.ts';
import { offsetsInWords, offsetsJson } from './offsets-picture.ts';

export const OFFSETS_HELP = `millrace offsets show FILE|FOLDER… [--connector NAME] [--json]
millrace offsets set FILE|FOLDER… --lsn LSN [--connector NAME] [--yes] [--json]
millrace offsets reset FILE|FOLDER… [--connector NAME] [--yes] [--json]

The position of a connector, which Kafka holds beside its records.

  show    where it stands, when and by whom it was written, and how far behind the database it is; changes nothing
  set     goes on at an LSN: what lies before is skipped, what lies behind is sent, again if it was sent before
  reset   takes the position back: the next start goes on at what the slot has confirmed, or makes a new slot if you
          have dropped it: SELECT pg_drop_replication_slot('…')

"set" and "reset" say first what the next start will repeat or skip. They refuse while an instance runs, take its lease,
fence whoever wrote before, and write in a transaction.

  --connector NAME   which one, if the files hold several
  --json             JSON on standard output; "set" and "reset" then need --yes
  --lsn LSN          such as 0/16B3748
  --yes              do it without asking; needed where nobody can be asked
  --KEY VALUE        as with "millrace run"

  millrace offsets show connectors/postgres-outbox.json
  millrace offsets show /etc/millrace --json | jq '.[].database.lagBytes'
  millrace offsets set /etc/millrace --connector orders --lsn 0/16B3748
  millrace offsets reset connectors/postgres-outbox.json --yes

Exit codes: 0 done, 1 refused, failed, or not agreed to, 2 usage or configuration.
`;

const VERBS: readonly string[] = ['show', 'set', 'reset'];

/** Resolves with the exit code. */
export async function offsets(edge: Edge): Promise<number> {
  const args = parseArguments(edge.args, {
    options: ['connector', 'lsn', ...SHARED],
    switches: ['json', 'yes'],
    help: OFFSETS_HELP,
  });
  if (args.help) {
    edge.stdout.write(OFFSETS_HELP);
    return EXIT.ok;
  }
  const [verb, ...paths] = args.positionals;
  checkUsage(verb, paths, args);
  const outside = { shared: sharedValues(args.values, edge.env), env: edge.env };
  const configs = chosen(readConnectors(paths, outside), args.values['connector']);
  const log = createLog({ level: 'warn', readable: true, write: edge.stderr.write });
  const context = { log, clock: systemClock, signal: edge.signal };
  if (verb === 'show') return show(edge, configs, { ...context, json: args.switches.has('json') });
  const [config, ...others] = configs;
  if (config === undefined || others.length > 0) {
    throw usage(`${configs.length} connectors: say which one with --connector ${config?.name ?? 'NAME'}`);
  }
  const lsn = args.values['lsn'];
  const change = lsn === undefined ? 'reset' : { lsn };
  return alter(edge, config, {
    ...context,
    change,
    agreed: args.switches.has('yes'),
    json: args.switches.has('json'),
  });
}

function checkUsage(verb: string | undefined, paths: readonly string[], { values, switches }: Arguments): void {
  if (verb === undefined) throw usage('show, set or reset?');
  if (!VERBS.includes(verb)) {
    const near = nearest(verb, VERBS);
    throw usage(`there is no "offsets ${verb}"${near === null ? '' : `; did you mean "${near}"?`}`);
  }
  if (paths.length === 0) throw usage('which connector? Give a file or a folder.');
  if (verb === 'set' && values['lsn'] === undefined) throw usage('set needs --lsn LSN, such as --lsn 0/16B3748');
  if (verb !== 'set' && values['lsn'] !== undefined) throw usage(`--lsn goes with set, not with ${verb}`);
  if (verb !== 'show' && switches.has('json') && !switches.has('yes'))
    throw usage(`${verb} --json asks nobody: it needs --yes`);
  if (verb === 'show' && switches.has('yes')) throw usage('--yes goes with set and reset: show changes nothing');
}

function usage(text: string): MillraceError {
  return new MillraceError('config', `${text}\n\n${OFFSETS_HELP}`);
}

function chosen(configs: readonly ConnectorConfig[], name: string | undefined): readonly ConnectorConfig[] {
  if (name === undefined) return configs;
  const found = configs.filter((config) => config.name === name);
  if (found.length > 0) return found;
  const names = configs.map((config) => config.name);
  throw new MillraceError(
    'config',
    `--connector: there is no connector "${name}" in these files, only ${names.join(', ')}`,
  );
}

async function show(
  edge: Edge,
  configs: readonly ConnectorConfig[],
  { json, ...context }: OffsetsContext & { readonly json: boolean },
): Promise<number> {
  const views = await Promise.all(
    configs.map(async (config) => ({ config, view: await viewOffsets(config, context) })),
  );
  if (json) {
    edge.stdout.write(`${JSON.stringify(views.map(offsetsJson), null, 2)}\n`);
    return EXIT.ok;
  }
  const colours = coloursFor(edge.stdout, edge.env);
  const now = context.clock.now();
  edge.stdout.write(views.map((each) => offsetsInWords(each, colours, now)).join('\n'));
  return EXIT.ok;
}

async function alter(
  edge: Edge,
  config: ConnectorConfig,
  {
    change,
    agreed,
    json,
    ...context
  }: OffsetsContext & {
    readonly change: { readonly lsn: string } | 'reset';
    readonly agreed: boolean;
    readonly json: boolean;
  },
): Promise<number> {
  const { strong, good } = coloursFor(edge.stdout, edge.env);
  const planned = await planChange(config, change, context);
  if (json) {
    await applyChange(config, planned, context);
    edge.stdout.write(`${JSON.stringify({ connector: config.name, change, says: planned.says }, null, 2)}\n`);
    return EXIT.ok;
  }
  const what = change === 'reset' ? 'reset' : `set to ${change.lsn}`;
  edge.stdout.write(`${strong(`connector "${config.name}": ${what}`)}\n`);
  for (const sentence of planned.says) edge.stdout.write(`  ${sentence}\n`);
  if (!agreed && !(await agrees(edge))) {
    edge.stdout.write('Nothing was changed.\n');
    return EXIT.failed;
  }
  await applyChange(config, planned, context);
  edge.stdout.write(
    `${good('done')}: ${change === 'reset' ? 'the position is taken back' : 'the position is written'}\n`,
  );
  return EXIT.ok;
}

async function agrees(edge: Edge): Promise<boolean> {
  if (edge.ask === null) {
    throw new MillraceError('config', 'Nothing was changed: nobody can be asked here. Give --yes to do it');
  }
  return /^y(?:es)?$/i.test((await edge.ask('Do it? [y/N] ')).trim());
}
