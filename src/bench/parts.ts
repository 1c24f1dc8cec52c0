/** What is measured, in which order: sides in turns, so that a noisy moment meets both. */
import { type Backlog, loadBacklog } from './backlog.ts';
import type { ConnectJars } from './connect-jars.ts';
import type { ConnectWorker } from './connect-worker.ts';
import { type DebeziumEngine, TUNED, TUNED_POLL, debeziumService } from './debezium.ts';
import { type Drain, measureDrain } from './drain.ts';
import type { Engine, Job, Service } from './engine.ts';
import { CONTESTANTS, type Contestant, type Group, type Sample } from './figures.ts';
import { type Latency, measureLatency } from './latency.ts';
import type { MillraceEngine } from './millrace.ts';
import type { Plan } from './plan.ts';
import type { Servers } from './servers.ts';
import type { Part, Step } from './steps.ts';
import { type Times, measureTimes } from './times.ts';
import { MillraceError } from '../errors.ts';

export interface Peer {
  readonly jars: ConnectJars;
  /** Runs from the start until the times are measured, with processes of their own. */
  readonly worker: ConnectWorker;
  readonly engine: DebeziumEngine;
}

/** Somebody else who drains the backlog in turns with us: the raw ceiling. */
export interface MoreDrains {
  readonly contestant: Contestant;
  readonly drain: (servers: Servers, job: { readonly run: string; readonly backlog: Backlog }) => Promise<Drain>;
}

export interface Bench {
  readonly servers: Servers;
  readonly plan: Plan;
  readonly millrace: MillraceEngine;
  readonly peer: Peer | null;
  readonly moreDrains: readonly MoreDrains[];
  readonly record: (sample: Sample) => void;
}

/** The parts of a plan; running them records samples. */
export function partsOf(bench: Bench): readonly Part[] {
  const { plan } = bench;
  const parts: Readonly<Record<Group, () => readonly Part[]>> = {
    drain: () => plan.perTransaction.map((per, index) => drains(bench, per, index === 0)),
    latency: () => plan.rates.map((rate) => latencies(bench, rate)),
    // Last: it ends the worker that the others share.
    times: () => [times(bench)],
  };
  return (Object.keys(parts) as Group[])
    .filter((group) => plan.only.includes(group))
    .flatMap((group) => parts[group]());
}

/** Whoever runs a backlog, under a contestant's name. */
interface Turn {
  readonly contestant: Contestant;
  readonly drain: (job: { readonly run: string; readonly backlog: Backlog }) => Promise<Drain>;
}

function drains(bench: Bench, per: number, first: boolean): Part {
  const { servers, plan, millrace, peer, moreDrains, record } = bench;
  const { rows, payloadBytes } = plan;
  const condition = per === 1 ? '1 row a transaction' : `${per} rows a transaction`;
  let backlog: Backlog | null = null;
  const by =
    (engine: Engine, more: Job['more']): Turn['drain'] =>
    (job) =>
      measureDrain(servers, engine, { ...job, host: servers.postgres.host, ...(more ? { more } : {}) });
  const turns: Turn[] = [
    { contestant: 'millrace', drain: by(millrace, undefined) },
    ...(peer ? [{ contestant: 'debezium', drain: by(peer.engine, TUNED) } as const] : []),
    ...moreDrains.map(({ contestant, drain }) => ({
      contestant,
      drain: (job: Parameters<Turn['drain']>[0]) => drain(servers, job),
    })),
  ];
  const step = (turn: Turn, label: string, run: string, under: string): Step => ({
    label: `${CONTESTANTS[turn.contestant]}, ${label}`,
    side: turn.contestant,
    run: async () => {
      if (!backlog) throw new MillraceError('internal', 'there is no backlog');
      const found = await turn.drain({ run: `${turn.contestant.replace('-', '_')}_${per}_${run}`, backlog });
      const each = { group: 'drain', condition: under, contestant: turn.contestant } as const;
      record({ ...each, measure: 'rate', value: found.eventsPerSecond });
      record({ ...each, measure: 'cpu', value: found.cpuUsPerEvent });
      if (found.peakRssMb > 0) record({ ...each, measure: 'memory', value: found.peakRssMb });
      const memory = found.peakRssMb > 0 ? `, ${Math.round(found.peakRssMb)} MB` : '';
      return `${Math.round(found.eventsPerSecond).toLocaleString('en-US')}/s, ${found.cpuUsPerEvent.toFixed(1)} µs an event${memory}`;
    },
  });
  const cold = peer && first ? turns.filter(({ contestant }) => contestant === 'debezium') : [];
  return {
    name: condition,
    steps: [
      {
        label: `loading ${rows.toLocaleString('en-US')} rows of ${payloadBytes} bytes`,
        side: null,
        run: async () => {
          backlog = await loadBacklog(servers, { rows, perTransaction: per, payloadBytes });
          return '';
        },
      },
      ...cold.map((turn) => step(turn, 'first run, warming up', 'cold', `${condition}, first run of the JVM`)),
      ...rounds(plan, (round) => turns.map((turn) => step(turn, `round ${round}`, String(round), condition))),
    ],
    end: async () => backlog?.dispose(),
  };
}

function latencies(bench: Bench, rate: number): Part {
  const { servers, plan, millrace, peer, record } = bench;
  const { seconds, warmUpSeconds } = plan;
  const turns: readonly { readonly contestant: Contestant; readonly engine: Engine; readonly more?: Job['more'] }[] = [
    { contestant: 'millrace', engine: millrace },
    ...(peer
      ? [
          { contestant: 'debezium', engine: peer.engine, more: TUNED_POLL } as const,
          { contestant: 'debezium-default', engine: peer.engine } as const,
        ]
      : []),
  ];
  const condition = `${rate.toLocaleString('en-US')} events a second`;
  return {
    name: condition,
    steps: rounds(plan, (round) =>
      turns.map(({ contestant, engine, more }) => ({
        label: `${CONTESTANTS[contestant]}, round ${round}`,
        side: contestant,
        run: async () => {
          const run = `latency_${rate}_${contestant.replace('-', '_')}_${round}`;
          const job = { run, rate, seconds, warmUpSeconds, ...(more ? { more } : {}) };
          const found = await measureLatency(servers, engine, job);
          recordLatency(found, (measure, value) => record({ group: 'latency', condition, contestant, measure, value }));
          return `p50 ${found.p50.toFixed(1)} ms, p99 ${found.p99.toFixed(1)} ms, ${found.cpuUsPerEvent.toFixed(0)} µs an event`;
        },
      })),
    ),
  };
}

function recordLatency(found: Latency, record: (measure: Sample['measure'], value: number) => void): void {
  for (const measure of ['p50', 'p99', 'p999', 'max'] as const) record(measure, found[measure]);
  record('cpu', found.cpuUsPerEvent);
  record('memory', found.peakRssMb);
}

function times(bench: Bench): Part {
  const { servers, plan, millrace, peer, record } = bench;
  const turns: readonly { readonly contestant: Contestant; readonly service: (job: Job) => Service }[] = [
    { contestant: 'millrace', service: (job) => millrace.service(job) },
    ...(peer
      ? [{ contestant: 'debezium', service: (job: Job) => debeziumService(servers, peer.jars, job) } as const]
      : []),
  ];
  const steps = rounds(plan, (round) =>
    turns.map(({ contestant, service }) => ({
      label: `${CONTESTANTS[contestant]}, start, restart and kill -9, round ${round}`,
      side: contestant,
      run: async () => {
        const found = await measureTimes(servers, `times_${contestant}_${round}`, service);
        for (const [condition, value] of inWords(found)) {
          record({ group: 'times', condition, contestant, measure: 'time', value });
        }
        return inWords(found)
          .map(([condition, value]) => `${condition} ${value.toFixed(1)} s`)
          .join(', ');
      },
    })),
  );
  const stopShared: Step = {
    label: 'the worker used so far ends',
    side: null,
    run: async () => {
      await peer?.worker.stop('SIGTERM');
      return '';
    },
  };
  return { name: 'times', steps: peer ? [stopShared, ...steps] : steps };
}

function inWords({ firstStartMs, restartMs, killMs }: Times): readonly (readonly [string, number])[] {
  return [
    ['first start to first event', firstStartMs / 1000],
    ['restart to first event', restartMs / 1000],
    ['kill -9 to next event', killMs / 1000],
  ];
}

function rounds<T>({ rounds: count }: Plan, steps: (round: number) => readonly T[]): T[] {
  return Array.from({ length: count }, (_, index) => steps(index + 1)).flat();
}
