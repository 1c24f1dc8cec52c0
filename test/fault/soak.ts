/**
 * `npm run soak -- --minutes 60 --seed N`: the ledger under every fault of the suite in random order, on servers of its
 * own, checked exactly every few minutes and at the end. Exit code 0 only if nothing was lost, repeated, torn or
 * reordered.
 */
import { inspect, parseArgs } from 'node:util';
import { type KafkaServer, startKafka } from '../../src/demo/kafka-server.ts';
import { type PostgresServer, startPostgres } from '../../src/demo/postgres-server.ts';
import type { Failpoint } from '../../src/ports.ts';
import type { Millrace } from '../support/process.ts';
import { type Random, seededRandom, testSeed } from '../support/random.ts';
import { residentBytes } from '../support/resident-memory.ts';
import { Rig, figures, isAlive, kill, stateOf, stopGracefully, tail } from '../support/rig.ts';
import { waitFor } from '../support/servers.ts';

const CHECK_EVERY_MS = 180_000;
const PROGRESS_EVERY_MS = 10_000;
const SAMPLE_EVERY_MS = 100;
const RECOVERS_WITHIN_MS = 120_000;
const FAILPOINTS: readonly Failpoint[] = ['before-send', 'after-send', 'before-commit', 'after-commit', 'before-ack'];
const INSTANCES = 2;

interface Soak {
  readonly rig: Rig;
  readonly random: Random;
  readonly postgres: PostgresServer;
  readonly kafka: KafkaServer;
  /** How often each fault was done. */
  readonly done: Map<string, number>;
}

type Fault = (soak: Soak) => Promise<void>;

/** Each hurts something and returns as soon as it has; the load goes on and recovery is waited for afterwards. */
const FAULTS: Readonly<Record<string, { readonly weight: number; readonly act: Fault }>> = {
  'kill -9': { weight: 10, act: async (soak) => kill(soak.random.pick(alive(soak.rig))) },
  'kill -9 of all': {
    weight: 3,
    act: async ({ rig }) => {
      await Promise.all(alive(rig).map(kill));
      await rig.isWhole();
    },
  },
  failpoint: { weight: 6, act: killAtFailpoint },
  SIGTERM: {
    weight: 4,
    act: async (soak) => {
      await stopGracefully(soak.random.pick(alive(soak.rig)));
    },
  },
  freeze: { weight: 2, act: freeze },
  'end of the walsender': {
    weight: 2,
    act: ({ rig }) => terminate(rig, 'SELECT active_pid AS pid FROM pg_replication_slots WHERE active'),
  },
  'end of the lease session': {
    weight: 2,
    act: ({ rig }) => terminate(rig, "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1298754668"),
  },
  'database fast': { weight: 1, act: ({ postgres }) => postgres.restart('SIGINT') },
  'database immediate': { weight: 1, act: ({ postgres }) => postgres.restart('SIGQUIT') },
  'database kill -9': { weight: 1, act: ({ postgres }) => postgres.restart('SIGKILL') },
  'broker kill -9': { weight: 1, act: ({ kafka }) => kafka.restart('SIGKILL') },
  'broker restart': { weight: 1, act: ({ kafka }) => kafka.restart('SIGTERM') },
};

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
// kafkajs sets timers in the past, which newer versions of Node complain of.
process.removeAllListeners('warning');
process.exitCode = await soak(Number(values.minutes ?? 60), values.seed ? Number(values.seed) : testSeed());
process.exit();

async function soak(minutes: number, seed: number): Promise<number> {
  const startedAt = Date.now();
  let until = startedAt + minutes * 60_000;
  // Ctrl-C ends it early, with the exact check.
  process.once('SIGINT', () => {
    until = 0;
  });
  say(startedAt, `soak for ${minutes} minutes, seed ${seed}`);
  const [postgres, kafka] = await Promise.all([startPostgres(), startKafka()]);
  const rig = await Rig.create({
    server: postgres,
    bootstrap: kafka.bootstrap,
    seed,
    ledger: { largeEvery: 100, largeRows: 4000, rowsPerSecond: 800 },
  });
  const state: Soak = { rig, random: seededRandom(seed), postgres, kafka, done: new Map() };
  let mostResident = 0;
  const sampler = setInterval(() => {
    for (const { child } of alive(rig)) mostResident = Math.max(mostResident, residentBytes(child.pid) ?? 0);
  }, SAMPLE_EVERY_MS);
  const progress = (): void =>
    say(
      startedAt,
      `${figures(rig)}, ${summary(state.done)}, at most ${Math.round(mostResident / 1024 / 1024)} MiB resident`,
    );
  const reporter = setInterval(progress, PROGRESS_EVERY_MS);
  try {
    await replenish(rig);
    for (let nextCheck = Date.now() + CHECK_EVERY_MS; Date.now() < until; ) {
      await hurtOnce(state, startedAt);
      if (Date.now() < nextCheck) continue;
      say(startedAt, `exact so far: ${await settle(rig)} rows since the last check`);
      nextCheck = Date.now() + CHECK_EVERY_MS;
    }
    await rig.ledger.stop();
    await rig.delivers(rig.ledger.committed, RECOVERS_WITHIN_MS);
    for (const instance of alive(rig)) await stopGracefully(instance);
    await rig.exact();
    progress();
    say(startedAt, `exact: committed ${rig.ledger.committed}, delivered ${rig.check.delivered}, seed ${seed}`);
    return 0;
  } catch (error) {
    progress();
    say(startedAt, inspect(error, { depth: 5 }));
    for (const instance of rig.instances.slice(-4)) say(startedAt, tail(instance));
    say(startedAt, `FAILED; again with: npm run soak -- --minutes ${minutes} --seed ${seed}`);
    return 1;
  } finally {
    clearInterval(sampler);
    clearInterval(reporter);
    await rig.dispose().catch((error: unknown) => say(startedAt, inspect(error)));
    await Promise.all([postgres.dispose(), kafka.dispose()]);
  }
}

/** One fault at a random moment under load, and the recovery from it. */
async function hurtOnce(state: Soak, startedAt: number): Promise<void> {
  const { rig, random, done } = state;
  const before = rig.check.delivered;
  if (!rig.ledger.isRunning) rig.ledger.start();
  await new Promise((resolve) => setTimeout(resolve, random.between(0, 3000)));
  const bag = Object.entries(FAULTS).flatMap(([name, { weight, act }]) =>
    Array.from({ length: weight }, () => ({ name, act })),
  ); // prettier-ignore
  const { name, act } = random.pick(bag);
  done.set(name, (done.get(name) ?? 0) + 1);
  const hurtAt = Date.now();
  await act(state);
  await replenish(rig);
  const target = Math.max(before + 1, rig.ledger.committed);
  await rig.delivers(target, RECOVERS_WITHIN_MS).catch((error: unknown) => {
    throw new Error(`no recovery from "${name}"`, { cause: error });
  });
  const tookMs = Date.now() - hurtAt;
  if (tookMs > 20_000) say(startedAt, `${name}: in step again after ${Math.round(tookMs / 1000)} s`);
}

/** Pauses the writers, checks exactly, and cleans the outbox up as a service would. */
async function settle(rig: Rig): Promise<number> {
  await rig.ledger.stop();
  await rig.delivers(rig.ledger.committed, RECOVERS_WITHIN_MS);
  const truth = await rig.ledger.truth();
  rig.check.equals(truth);
  await rig.ledger.forget();
  rig.check.forget();
  return truth.length;
}

async function killAtFailpoint({ rig, random }: Soak): Promise<void> {
  await Promise.all(alive(rig).map(kill));
  const point = `${random.pick(FAILPOINTS)}:${random.between(1, 10)}`;
  const run = await rig.start({ MILLRACE_FAILPOINT: point });
  await waitFor(`the end at ${point}`, async () => !isAlive(run), RECOVERS_WITHIN_MS);
}

/** Past the Kafka transaction's time, and in half of the cases past the lease's. */
async function freeze({ rig, random }: Soak): Promise<void> {
  const frozen = random.pick(alive(rig));
  frozen.child.kill('SIGSTOP');
  const forMs = random.pick([random.between(100, 3000), random.between(11_000, 22_000)]);
  await new Promise((resolve) => setTimeout(resolve, forMs));
  frozen.child.kill('SIGCONT');
}

async function terminate(rig: Rig, session: string): Promise<void> {
  await rig.ledger.run(`SELECT pg_terminate_backend(pid) FROM (${session}) AS ours`);
}

/** Starts what is missing, and waits until somebody works. */
async function replenish(rig: Rig): Promise<void> {
  for (let missing = INSTANCES - alive(rig).length; missing > 0; missing--) await rig.start();
  await waitFor(
    'an instance to work',
    async () => {
      const living = alive(rig);
      if (living.length < INSTANCES) throw new Error(rig.instances.slice(-INSTANCES).map(tail).join('\n'));
      return (await Promise.all(living.map((each) => stateOf(each)))).includes('running');
    },
    RECOVERS_WITHIN_MS,
  );
}

function alive(rig: Rig): Millrace[] {
  return rig.instances.filter(isAlive);
}

function summary(done: ReadonlyMap<string, number>): string {
  return [...done].map(([name, count]) => `${name} ${count}`).join(', ');
}

function say(startedAt: number, line: string): void {
  const seconds = Math.floor((Date.now() - startedAt) / 1000);
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  process.stdout.write(`${time.padStart(6)}  ${line}\n`);
}
