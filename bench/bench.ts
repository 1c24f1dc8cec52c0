/**
 * `npm run bench`: the raw ceiling of the slot and Millrace on the same log, run in turns; then latency at fixed
 * rates and the times from start and from kill -9 to delivery. Prints a table, and JSON to --json FILE.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { startKafka } from '../src/demo/kafka-server.ts';
import { startPostgres } from '../src/demo/postgres-server.ts';
import { loadBacklog } from './backlog.ts';
import { type Drain, millraceDrain, rawDrain } from './drain.ts';

const HELP = `npm run bench -- [options]
  --rows N            outbox rows of a backlog (200000)
  --per-tx LIST       rows per transaction (1,10,100)
  --payload BYTES     size of a payload (350)
  --connect LIST      tcp, unix (tcp,unix)
  --rounds N          runs of each kind, in turns; medians are shown (3)
  --rates LIST        events a second for latency (1000,4000); empty: none
  --seconds N         length of a latency run (10)
  --json FILE         the figures as JSON
  --profile           run Millrace with --cpu-prof (files in bench/results)
`;
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    'per-tx': { type: 'string', default: '1,10,100' },
    payload: { type: 'string', default: '350' },
    connect: { type: 'string', default: 'tcp,unix' },
    rounds: { type: 'string', default: '3' },
    rates: { type: 'string', default: '1000,4000' },
    seconds: { type: 'string', default: '10' },
    json: { type: 'string' },
    profile: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const list = (text: string): string[] => text.split(',').filter((item) => item !== '');
const median = (of: readonly number[]): number => of.toSorted((a, b) => a - b)[Math.floor(of.length / 2)] ?? 0;

async function main(): Promise<void> {
  say(`machine: ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`);
  const [server, kafka] = await Promise.all([startPostgres({ settings: ['max_wal_size=8GB'] }), startKafka(say)]);
  const results: Record<string, unknown>[] = [];
  try {
    for (const per of list(values['per-tx'])) {
      const shape = { rows: Number(values.rows), perTransaction: Number(per), payloadBytes: Number(values.payload) };
      say(`\nloading ${shape.rows} rows, ${per} a transaction, payload ${shape.payloadBytes} bytes`);
      const backlog = await loadBacklog(server, shape);
      for (const way of list(values.connect)) {
        const raw: Drain[] = [];
        const ours: Drain[] = [];
        for (let round = 0; round < Number(values.rounds); round++) {
          const target = {
            server,
            backlog,
            host: way === 'unix' ? server.socketDir : server.host,
            bootstrap: kafka.bootstrap,
            run: `${per}_${way}_${round}`,
            ...(values.profile ? { nodeOptions: ['--cpu-prof', '--cpu-prof-dir=bench/results'] } : {}),
          };
          raw.push(await rawDrain(target));
          ours.push(await millraceDrain(target));
          say(`  ${way} round ${round + 1}: ${line(raw.at(-1))} raw, ${line(ours.at(-1))} Millrace`);
        }
        const ceiling = median(raw.map((run) => run.eventsPerSecond));
        const rate = median(ours.map((run) => run.eventsPerSecond));
        const result = {
          perTransaction: Number(per),
          connection: way,
          rawPerSecond: Math.round(ceiling),
          millracePerSecond: Math.round(rate),
          ratio: Number((rate / ceiling).toFixed(3)),
          cpuUsPerEvent: Number(median(ours.map((run) => run.cpuUsPerEvent)).toFixed(1)),
          peakRssMb: Math.round(Math.max(...ours.map((run) => run.peakRssMb))),
        };
        results.push(result);
      }
      await backlog.dispose();
    }
    say('');
    console.table(results);
    if (values.json) writeFileSync(values.json, `${JSON.stringify({ drain: results }, null, 2)}\n`);
  } finally {
    await Promise.all([server.dispose(), kafka.dispose()]);
  }
}

function line(run: Drain | undefined): string {
  return run === undefined ? '' : `${Math.round(run.eventsPerSecond)}/s ${run.cpuUsPerEvent.toFixed(1)} µs`;
}

if (values.help) say(HELP);
else await main();
process.exit();
