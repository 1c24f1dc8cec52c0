/** `millrace demo`: the main job on real servers of its own, shown live. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseConnector } from '../config/connector.ts';
import { openDatabase } from '../demo/database.ts';
import { Display } from '../demo/display.ts';
import { createTopics, deleteTopics, follow } from '../demo/follower.ts';
import { startKafka } from '../demo/kafka-server.ts';
import { Ledger } from '../demo/ledger.ts';
import { LiveView } from '../demo/live-view.ts';
import { OUTBOX_SCENE } from '../demo/outbox-scene.ts';
import { type PostgresServer, startPostgres } from '../demo/postgres-server.ts';
import type { Scene } from '../demo/scene.ts';
import { TABLES_SCENE } from '../demo/tables-scene.ts';
import { MillraceError } from '../errors.ts';
import { createSink, createSource } from '../runtime/assemble.ts';
import { systemClock } from '../runtime/clock.ts';
import { createLog } from '../runtime/log.ts';
import { MetricsRegistry } from '../runtime/metrics.ts';
import { runConnectors } from '../runtime/supervisor.ts';
import { parseArguments } from './arguments.ts';
import { type Edge, EXIT } from './edge.ts';

export const DEMO_HELP = `millrace demo [--tables] [--seconds N]

Starts a PostgreSQL and a Kafka of its own, commits orders to an outbox table and shows what arrives. Ends with Ctrl-C,
or by itself after N seconds, and then compares what was committed with what arrived. With --tables it shows every
insert, update and delete of the tables themselves, without an outbox.

  npm run demo
  npm run demo -- --seconds 10
  npm run demo -- --tables
  MILLRACE_KAFKA=localhost:9092 npm run demo     with a Kafka of your own, without TLS; topics are removed at the end

Exit codes: 0 the numbers agree, 1 they do not, 2 usage, or something is missing on this machine.
`;
/** How long the last events may take to arrive; less when somebody waits for us to end. */
const SETTLE_MS = 15_000;
const SETTLE_STOPPED_MS = 2500;

interface Servers {
  readonly postgres: PostgresServer;
  readonly bootstrap: string;
  readonly dispose: () => Promise<void>;
}

/** Runs until the signal (or for --seconds N); 0 only if every committed event arrived exactly once. */
export async function demo(edge: Edge): Promise<number> {
  const { values, switches, help, positionals } = parseArguments(edge.args, {
    options: ['seconds'],
    switches: ['tables'],
    help: DEMO_HELP,
  });
  if (help) {
    edge.stdout.write(DEMO_HELP);
    return EXIT.ok;
  }
  if (positionals[0] !== undefined) {
    throw new MillraceError('config', `the demo takes no argument, got "${positionals[0]}"\n\n${DEMO_HELP}`);
  }
  const seconds = secondsOf(values['seconds']);
  const scene = switches.has('tables') ? TABLES_SCENE : OUTBOX_SCENE;
  const display = new Display(edge.stdout, edge.env);
  edge.onExit(() => display.end());
  const servers = await startServers(edge, display);
  if (servers === null) return EXIT.ok;
  const ended = new AbortController();
  try {
    return await deliver(edge, { scene, servers, display, seconds, ended });
  } finally {
    ended.abort();
    await servers.dispose();
  }
}

function secondsOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds > 0 && seconds <= 86_400) return seconds;
  throw new MillraceError('config', `--seconds: expected a number above 0, got "${text}"\n\n${DEMO_HELP}`);
}

/** Null when told to stop meanwhile: what has been started then ends with the process. */
async function startServers(edge: Edge, display: Display): Promise<Servers | null> {
  const own = edge.env['MILLRACE_KAFKA'];
  display.say(own ? `starting PostgreSQL, using Kafka at ${own} …` : 'starting PostgreSQL and Kafka …');
  const kafka = own
    ? Promise.resolve({ bootstrap: own, dispose: async () => {} })
    : startKafka((text) => display.progress(text));
  const starting = Promise.allSettled([startPostgres(), kafka]);
  // Java or Maven is not there: no reason to wait for PostgreSQL before saying so.
  const settled = await Promise.race([starting, kafka.then(() => starting), stopped(edge.signal)]);
  if (settled === null) return null;
  const [postgres, broker] = settled;
  if (postgres.status === 'rejected') throw postgres.reason;
  if (broker.status === 'rejected') throw broker.reason;
  return {
    postgres: postgres.value,
    bootstrap: broker.value.bootstrap,
    dispose: async () => void (await Promise.all([postgres.value.dispose(), broker.value.dispose()])),
  };
}

function stopped(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener('abort', () => resolve(null), { once: true });
  });
}

async function deliver(
  edge: Edge,
  given: {
    readonly scene: Scene;
    readonly servers: Servers;
    readonly display: Display;
    readonly seconds: number | null;
    readonly ended: AbortController;
  },
): Promise<number> {
  const { scene, servers, display, seconds, ended } = given;
  const mark = edge.env['MILLRACE_KAFKA'] ? randomBytes(4).toString('hex') : null;
  const config = parseConnector(connectorFor(scene, servers, mark));
  const topics = scene.topics(mark);
  const sql = await openDatabase(servers.postgres, scene.ddl);
  const ledger = new Ledger(() => performance.now());
  const live = new LiveView(ledger, systemClock);
  const running = Promise.withResolvers<void>();
  const connectors = runConnectors([config], {
    log: createLog({
      level: 'warn',
      readable: true,
      // A line in the middle of what is drawn over and over would be torn apart.
      write: edge.stdout.isTerminal ? (text) => display.say(text.trimEnd()) : edge.stderr.write,
    }),
    metrics: new MetricsRegistry(),
    clock: systemClock,
    signal: ended.signal,
    createSource,
    createSink,
    onState: (_, state) => state === 'running' && running.resolve(),
  });
  const [, failed] = await Promise.all([
    createTopics(servers.bootstrap, topics, systemClock),
    Promise.race([running.promise.then(() => []), connectors]),
  ]);
  if (failed.length > 0) return EXIT.failed;
  const { offsetsTopic } = config.values;
  const consumer = await follow(servers.bootstrap, {
    groupId: `millrace-demo-${mark ?? 'own'}`,
    topics: [...topics, offsetsTopic],
    hear: (heard) => {
      const { topic, key, value } = heard;
      if (topic === offsetsTopic) return live.stored(value);
      const event = scene.recognise(heard);
      if (event === null) return;
      live.arrived({ topic, key, type: event.type, latencyMs: ledger.delivered(event.id) });
    },
  });
  display.say(scene.running);
  const show = setInterval(() => display.show(live.view()), edge.stdout.isTerminal ? 250 : 1000);
  const writing = AbortSignal.any([
    edge.signal,
    ...(seconds === null ? [] : [AbortSignal.timeout(seconds * 1000)]),
    failureOf(connectors),
  ]);
  try {
    await scene.commit(sql, ledger, systemClock, writing);
    await settle(ledger, edge.signal);
    display.show(live.view());
  } finally {
    clearInterval(show);
  }
  ended.abort();
  await Promise.all([connectors, consumer.disconnect(), sql.end()]);
  if (mark !== null) await deleteTopics(servers.bootstrap, [...topics, offsetsTopic]);
  display.say(`\n${ledger.summary()}`);
  return ledger.agrees ? EXIT.ok : EXIT.failed;
}

/** The example connector of the repository, pointed at the demo's servers; with a mark, names that nobody else has. */
function connectorFor(scene: Scene, { postgres, bootstrap }: Servers, mark: string | null): unknown {
  const file = readFileSync(new URL(`../../connectors/${scene.connector}`, import.meta.url), 'utf8');
  const { name, config } = JSON.parse(file) as { name: string; config: Record<string, string> };
  const servers = {
    'database.hostname': postgres.host,
    'database.port': postgres.port,
    'database.user': postgres.user,
    'database.password': postgres.password,
    'database.dbname': 'postgres',
    'kafka.bootstrap.servers': bootstrap,
  };
  if (mark === null) return { name, config: { ...config, ...servers } };
  const own = { 'offsets.topic': `demo-${mark}.offsets`, ...scene.marked(mark) };
  return { name: `demo-${mark}`, config: { ...config, ...servers, ...own } };
}

/** Aborts when the connector has ended although nobody told it to. */
function failureOf(connectors: Promise<unknown>): AbortSignal {
  const controller = new AbortController();
  void connectors.then(() => controller.abort());
  return controller.signal;
}

/** Waits until everything has arrived, or it takes too long. */
async function settle(ledger: Ledger, signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; waitedMs < (signal.aborted ? SETTLE_STOPPED_MS : SETTLE_MS); waitedMs += 20) {
    if (ledger.totals().missing === 0) return;
    await delay(20);
  }
}
