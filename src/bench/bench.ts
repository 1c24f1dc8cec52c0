/** The whole benchmark: servers, sides, rounds in turns, figures. Read it first. */
import { messageOf } from '../errors.ts';
import { connectJars } from './connect-jars.ts';
import { ConnectWorker } from './connect-worker.ts';
import { DebeziumEngine } from './debezium.ts';
import { type Failure, type Report, type Sample, figuresOf } from './figures.ts';
import { machineOf, versionsOf } from './machine.ts';
import { MillraceEngine, type MillraceOptions } from './millrace.ts';
import { type MoreDrains, type Peer, partsOf } from './parts.ts';
import type { Plan } from './plan.ts';
import { type Servers, startServers } from './servers.ts';
import { runParts } from './steps.ts';

export interface BenchOptions {
  readonly plan: Plan;
  readonly millrace: MillraceOptions;
  /** host:port of a Kafka to use instead of one of the benchmark's. */
  readonly ownKafka: string | undefined;
  readonly moreDrains: readonly MoreDrains[];
  /** Hears how it goes on. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Measures all of the plan. What fails is among the report's failures; throws when the servers cannot be started, and
 * the signal's reason when it is aborted.
 */
export async function bench(options: BenchOptions): Promise<Report> {
  const { signal, say, ownKafka } = options;
  const machine = machineOf();
  say(`machine: ${machine}`);
  say(ownKafka === undefined ? 'starting PostgreSQL and Kafka' : `starting PostgreSQL, using Kafka at ${ownKafka}`);
  const servers = await untilAborted(startServers(options), signal);
  try {
    return await untilAborted(measure(servers, machine, options), signal);
  } finally {
    await servers.dispose();
  }
}

async function measure(servers: Servers, machine: string, options: BenchOptions): Promise<Report> {
  const { plan, say, signal, moreDrains } = options;
  const startedAt = Date.now();
  const failures: Failure[] = [];
  let peer: Peer | null = null;
  if (plan.peer !== null) {
    try {
      peer = await setUpPeer(servers, say);
    } catch (error) {
      signal.throwIfAborted();
      failures.push({ part: 'setting up Debezium', reason: messageOf(error) });
      say(`FAILED setting up Debezium: ${messageOf(error)}; going on with Millrace alone`);
    }
  }
  const samples: Sample[] = [];
  const millrace = new MillraceEngine(servers, options.millrace);
  const record = (sample: Sample): void => void samples.push(sample);
  const parts = partsOf({ servers, plan, millrace, peer, moreDrains, record });
  failures.push(...(await runParts(parts, { say, signal, now: () => performance.now() })));
  const { rows, payloadBytes, rounds, seconds, warmUpSeconds } = plan;
  return {
    format: 1,
    takenAt: new Date(startedAt).toISOString(),
    minutes: Math.round((Date.now() - startedAt) / 6000) / 10,
    quick: plan.quick,
    machine,
    versions: await versionsOf(servers, peer),
    settings: { rows, payloadBytes, rounds, seconds, warmUpSeconds },
    figures: figuresOf(samples),
    failures,
  };
}

/** A warm worker needs a run to become warm: that is the first of the drains. */
async function setUpPeer(servers: Servers, say: (line: string) => void): Promise<Peer> {
  const jars = await connectJars(say);
  const worker = new ConnectWorker(servers, jars, { group: 'shared' });
  await worker.start();
  return { jars, worker, engine: new DebeziumEngine(servers, worker) };
}

/** What still goes on when the signal comes fails by itself when its servers end. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => {});
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  return Promise.race([work, aborted]);
}
