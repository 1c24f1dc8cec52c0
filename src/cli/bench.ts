/** `millrace bench`: measures this machine, on servers of its own. */
import { bench } from '../bench/bench.ts';
import { OWN_PROGRAM } from '../bench/millrace.ts';
import { PLAN_HELP, PLAN_OPTIONS, readPlan } from '../bench/plan.ts';
import { reportText } from '../bench/table.ts';
import { MillraceError } from '../errors.ts';
import { parseArguments } from './arguments.ts';
import { type Edge, EXIT } from './edge.ts';

export const BENCH_HELP = `millrace bench [--peer debezium] [--quick] [--json] [--OPTION VALUE …]

Measures Millrace on this machine, with a PostgreSQL and a Kafka of its own: how fast a backlog of an outbox becomes
visible, latency at fixed rates, CPU an event, memory, and the times from start and from kill -9 to delivery. Every
event is read back and compared with its row. Progress goes to standard error, the figures to standard output.

  --json             the figures as JSON
${PLAN_HELP}

  millrace bench --quick
  millrace bench --peer debezium > figures.txt
  millrace bench --per-tx 10 --rates 500 --json | jq '.figures[] | {condition, measure, p: .results.millrace.median}'
  MILLRACE_KAFKA=localhost:9092 millrace bench   with a Kafka of your own, without TLS; topics are removed at the end

Exit codes: 0 measured, 1 something failed (what could be measured is printed all the same) or it was stopped,
2 usage, or something is missing on this machine.
`;

/** Resolves with the exit code. */
export async function benchCommand(edge: Edge): Promise<number> {
  const { values, switches, positionals, help } = parseArguments(edge.args, {
    options: PLAN_OPTIONS,
    switches: ['quick', 'json'],
    help: BENCH_HELP,
  });
  if (help) {
    edge.stdout.write(BENCH_HELP);
    return EXIT.ok;
  }
  if (positionals[0] !== undefined) {
    throw new MillraceError('config', `bench takes no argument, got "${positionals[0]}"\n\n${BENCH_HELP}`);
  }
  try {
    const report = await bench({
      plan: readPlan(values, switches.has('quick')),
      millrace: { program: OWN_PROGRAM, nodeOptions: [] },
      ownKafka: edge.env['MILLRACE_KAFKA'],
      moreDrains: [],
      say: (line) => edge.stderr.write(`${line}\n`),
      signal: edge.signal,
    });
    edge.stdout.write(switches.has('json') ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
    return report.failures.length === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (!edge.signal.aborted) throw error;
    edge.stderr.write('stopped before everything was measured\n');
    return EXIT.failed;
  }
}
