/**
 * `npm run bench`: the raw ceiling of the slot and Millrace on the same log, run in turns; then latency at fixed
 * rates and the times from start and from kill -9 to delivery. Prints tables, and JSON to --json FILE.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type KafkaServer, startKafka } from '../src/demo/kafka-server.ts';
import { type PostgresServer, startPostgres } from '../src/demo/postgres-server.ts';
import { connect, loadBacklog } from './backlog.ts';
import { type Drain, millraceDrain, rawDrain } from './drain.ts';
import { type LatencyTarget, measureLatency } from './latency.ts';
import { measureTimes } from './times.ts';

const HELP = `npm run bench -- [options]
  --rows N            outbox rows of a backlog (200000)
  --per-tx LIST       rows per transaction (1,10,100)
  --payload BYTES     size of a payload (350)
  --connect LIST      tcp, unix (tcp,unix)
  --rounds N          runs of each kind, in turns; medians are shown (3)
  --rates LIST        events a second for latency (1000,4000); "" for none
  --seconds N         length of a latency run (20)
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
    seconds: { type: 'string', default: '20' },
    json: { type: 'string' },
    profile: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const list = (text: string): string[] => text.split(',').filter((item) => item !== '');
const median = (of: readonly number[]): number => of.toSorted((a, b) => a - b)[Math.floor(of.length / 2)] ?? 0;
const numbers = list(values['per-tx']).concat(values.rows, values.payload, values.rounds, values.seconds);

interface Servers {
  readonly postgres: PostgresServer;
  readonly kafka: KafkaServer;
}
type Row = Readonly<Record<string, string | number>>;

async function main(): Promise<void> {
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  say(`machine: ${machine}`);
  const settings = ['max_wal_size=8GB', 'track_commit_timestamp=on'];
  const [postgres, kafka] = await Promise.all([startPostgres({ settings }), startKafka(say)]);
  const servers = { postgres, kafka };
  try {
    const drain: Row[] = [];
    for (const per of list(values['per-tx'])) drain.push(...(await drains(servers, Number(per))));
    if (drain.length > 0) console.table(drain);
    const latency: Row[] = [];
    for (const rate of list(values.rates)) latency.push(await latencyAt(servers, Number(rate)));
    if (latency.length > 0) console.table(latency);
    const times = list(values.rates).length > 0 ? await startTimes(servers) : [];
    if (times.length > 0) console.table(times);
    if (values.json) writeFileSync(values.json, `${JSON.stringify({ machine, drain, latency, times }, null, 2)}\n`);
  } finally {
    await Promise.all([postgres.dispose(), kafka.dispose()]);
  }
}

/** Backlogs of one shape over every kind of connection. */
async function drains({ postgres, kafka }: Servers, perTransaction: number): Promise<Row[]> {
  const shape = { rows: Number(values.rows), perTransaction, payloadBytes: Number(values.payload) };
  say(`\nloading ${shape.rows} rows, ${perTransaction} a transaction, payload ${shape.payloadBytes} bytes`);
  const backlog = await loadBacklog(postgres, shape);
  const rows: Row[] = [];
  for (const connection of list(values.connect)) {
    const raw: Drain[] = [];
    const ours: Drain[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      const target = {
        server: postgres,
        backlog,
        host: connection === 'unix' ? postgres.socketDir : postgres.host,
        bootstrap: kafka.bootstrap,
        run: `${perTransaction}_${connection}_${round}`,
        ...(values.profile ? { nodeOptions: ['--cpu-prof', '--cpu-prof-dir=bench/results'] } : {}),
      };
      raw.push(await rawDrain(target));
      ours.push(await millraceDrain(target));
      say(`  ${connection} round ${round + 1}: raw ${inWords(raw.at(-1))}; Millrace ${inWords(ours.at(-1))}`);
    }
    const ceiling = median(raw.map((run) => run.eventsPerSecond));
    const rate = median(ours.map((run) => run.eventsPerSecond));
    rows.push({
      'rows/tx': perTransaction,
      connection,
      'raw/s': Math.round(ceiling),
      'millrace/s': Math.round(rate),
      // Of the runs that followed each other: a noisy machine is noisy for both.
      ratio: rounded(median(ours.map((run, i) => run.eventsPerSecond / (raw[i]?.eventsPerSecond ?? 0))), 2),
      'cpu µs/event': rounded(median(ours.map((run) => run.cpuUsPerEvent)), 1),
      'peak RSS MB': Math.round(Math.max(...ours.map((run) => run.peakRssMb))),
    });
  }
  await backlog.dispose();
  return rows;
}

function inWords(run: Drain | undefined): string {
  return run === undefined ? '' : `${Math.round(run.eventsPerSecond)}/s at ${run.cpuUsPerEvent.toFixed(1)} µs`;
}

async function latencyAt(servers: Servers, rate: number): Promise<Row> {
  say(`\nlatency at ${rate}/s, one row a transaction, ${values.seconds} s`);
  const target = await emptyOutbox(servers, `latency_${rate}`);
  const found = await measureLatency(target, rate, Number(values.seconds));
  if (found.missing > 0 || found.repeats > 0) {
    throw new Error(`at ${rate}/s ${found.missing} events are missing and ${found.repeats} came again`);
  }
  return {
    'rate/s': rate,
    events: found.events,
    'p50 ms': rounded(found.p50, 1),
    'p99 ms': rounded(found.p99, 1),
    'p99.9 ms': rounded(found.p999, 1),
    'max ms': rounded(found.max, 1),
    'cpu %': rounded(found.cpuPercent, 1),
    'peak RSS MB': Math.round(found.peakRssMb),
  };
}

async function startTimes(servers: Servers): Promise<Row[]> {
  say('\nfrom start, and from kill -9, to delivery');
  const runs = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    runs.push(await measureTimes(await emptyOutbox(servers, `times_${round}`)));
  }
  const row = (what: string, of: readonly number[]): Row => ({
    what,
    'median ms': Math.round(median(of)),
    'max ms': Math.round(Math.max(...of)),
  });
  return [
    row(
      'first start to first record',
      runs.map((run) => run.firstStartMs),
    ),
    row(
      'restart to first record',
      runs.map((run) => run.restartMs),
    ),
    row(
      'kill -9 to delivering again',
      runs.map((run) => run.killMs),
    ),
  ];
}

/** A database of its own with an empty outbox. */
async function emptyOutbox({ postgres, kafka }: Servers, run: string): Promise<LatencyTarget> {
  const admin = await connect(postgres, 'postgres');
  await admin.query(`CREATE DATABASE ${run}`);
  await admin.end();
  const sql = await connect(postgres, run);
  await sql.query(readFileSync(new URL('../sql/postgres/outbox.sql', import.meta.url), 'utf8'));
  await sql.end();
  return { server: postgres, host: postgres.host, bootstrap: kafka.bootstrap, database: run, run };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

process.removeAllListeners('warning');
if (values.help) say(HELP);
else if (numbers.some((each) => !(Number(each) > 0))) {
  process.stderr.write(`a number above 0 is expected\n\n${HELP}`);
  process.exit(2);
} else await main();
process.exit();
