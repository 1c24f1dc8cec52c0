/**
 * `npm run bench`: what `millrace bench` measures, of the program as it is built, and beside it the raw ceiling of the
 * slot and Millrace over a Unix socket. `--report` puts the figures into docs/performance.md and docs/performance.svg.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type BenchOptions, bench } from '../src/bench/bench.ts';
import { measureDrain } from '../src/bench/drain.ts';
import type { Report } from '../src/bench/figures.ts';
import { MillraceEngine } from '../src/bench/millrace.ts';
import type { MoreDrains } from '../src/bench/parts.ts';
import { PLAN_HELP, PLAN_OPTIONS, readPlan } from '../src/bench/plan.ts';
import { reportText } from '../src/bench/table.ts';
import { parseArguments } from '../src/cli/arguments.ts';
import { MillraceError } from '../src/errors.ts';
import { withFigures } from './document.ts';
import { plot } from './plot.ts';
import { rawDrain } from './raw-drain.ts';

const HELP = `npm run bench -- [options]

${PLAN_HELP}
  --json FILE        the figures as JSON
  --report           puts the figures into docs/performance.md and docs/performance.svg; only if nothing failed,
                     of a full run with the peer
  --from FILE        measures nothing and takes the figures from such a JSON
  --no-ceiling       without the raw ceiling and Millrace over a Unix socket
  --profile          runs Millrace with --cpu-prof (files in bench/results)

  npm run bench -- --peer debezium --quick                         every kind of measure, in a few minutes
  npm run bench -- --peer debezium --report --json figures.json    what the document shows
  npm run bench -- --from figures.json --report

Exit codes: 0 measured, 1 something failed or it was stopped, 2 usage, or something is missing on this machine.
`;
const DOCUMENT = new URL('../docs/performance.md', import.meta.url);
const PICTURE = new URL('../docs/performance.svg', import.meta.url);
/** As users run it: `npm run bench` builds it first. Node's stripping of types alone takes 25 MB. */
const PROGRAM = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Gives the exit code. */
async function main(signal: AbortSignal): Promise<number> {
  const { values, switches, positionals, help } = parseArguments(process.argv.slice(2), {
    options: [...PLAN_OPTIONS, 'json', 'from'],
    switches: ['quick', 'report', 'no-ceiling', 'profile'],
    help: HELP,
  });
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals[0] !== undefined)
    throw new MillraceError('config', `no argument is expected, got "${positionals[0]}"`);
  const millrace = {
    program: PROGRAM,
    nodeOptions: switches.has('profile') ? ['--cpu-prof', '--cpu-prof-dir=bench/results'] : [],
  };
  const from = values['from'];
  const plan = readPlan(values, switches.has('quick'));
  if (switches.has('report') && from === undefined) requireWhole(plan.quick, plan.peer !== null);
  const report =
    from === undefined
      ? await bench({
          plan,
          millrace,
          ownKafka: process.env['MILLRACE_KAFKA'],
          moreDrains: switches.has('no-ceiling') ? [] : ceilings(millrace),
          say: (line) => void process.stderr.write(`${line}\n`),
          signal,
        })
      : (JSON.parse(readFileSync(from, 'utf8')) as Report);
  process.stdout.write(reportText(report));
  if (values['json'] !== undefined) writeFileSync(values['json'], `${JSON.stringify(report, null, 2)}\n`);
  if (report.failures.length > 0) return 1;
  if (switches.has('report')) {
    requireWhole(report.quick, 'Debezium' in report.versions);
    writeFileSync(DOCUMENT, withFigures(readFileSync(DOCUMENT, 'utf8'), report));
    writeFileSync(PICTURE, plot(report));
  }
  return 0;
}

/** The document compares, and its figures have to say something. */
function requireWhole(quick: boolean, withPeer: boolean): void {
  if (!quick && withPeer) return;
  throw new MillraceError('config', '--report: expected a run with --peer debezium and without --quick');
}

function ceilings(millrace: BenchOptions['millrace']): readonly MoreDrains[] {
  return [
    {
      contestant: 'millrace-unix',
      drain: (servers, job) =>
        measureDrain(servers, new MillraceEngine(servers, millrace), { ...job, host: servers.postgres.socketDir }),
    },
    { contestant: 'raw-tcp', drain: (servers, job) => rawDrain(servers, { ...job, host: servers.postgres.host }) },
    {
      contestant: 'raw-unix',
      drain: (servers, job) => rawDrain(servers, { ...job, host: servers.postgres.socketDir }),
    },
  ];
}

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    stop.abort(new DOMException('stopped by a signal', 'AbortError'));
    // Whatever still runs is ended with this process.
    setTimeout(() => process.exit(1), 5000).unref();
  });
}
process.removeAllListeners('warning');
try {
  process.exitCode = await main(stop.signal);
} catch (error) {
  const known = error instanceof MillraceError;
  const text = stop.signal.aborted ? 'stopped before everything was measured' : known ? error.message : String(error);
  process.stderr.write(`${text.trimEnd()}\n`);
  process.exitCode = known && error.kind === 'config' ? 2 : 1;
}
process.exit();
