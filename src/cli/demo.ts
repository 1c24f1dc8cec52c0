/** `millrace demo`: the main job on real servers of its own, shown live. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { parseConnector } from '../config/connector.ts';
import { startKafka } from '../demo/kafka-server.ts';
import { Ledger } from '../demo/ledger.ts';
import { startPostgres } from '../demo/postgres-server.ts';
import { createSink, createSource } from '../runtime/assemble.ts';
import { systemClock } from '../runtime/clock.ts';
import { createLog } from '../runtime/log.ts';
import { MetricsRegistry } from '../runtime/metrics.ts';
import { runConnectors } from '../runtime/supervisor.ts';

const TYPES = ['order', 'payment', 'shipment'];
const ROUND_MS = 25;
const ROWS_PER_ROUND = 5;

/** Runs until the signal (or for --seconds N); 0 only if every committed event arrived exactly once. */
export async function demo(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { seconds: { type: 'string' } } });
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const stopWriting = AbortSignal.any([
    signal,
    ...(values.seconds ? [AbortSignal.timeout(Number(values.seconds) * 1000 + 20_000)] : []),
  ]);
  say('starting PostgreSQL and Kafka …');
  const [postgres, kafka] = await Promise.all([startPostgres(), startKafka(say)]);
  const ended = new AbortController();
  const ledger = new Ledger();
  try {
    const sql = new pg.Client({
      host: postgres.host,
      port: postgres.port,
      user: postgres.user,
      password: postgres.password,
      database: 'postgres',
    });
    await sql.connect();
    await sql.query(readFileSync(new URL('../../sql/postgres/outbox.sql', import.meta.url), 'utf8'));
    const config = parseConnector(connectorFor(postgres, kafka.bootstrap));
    let running = (): void => {};
    const isRunning = new Promise<void>((resolve) => {
      running = resolve;
    });
    const connectors = runConnectors([config], {
      log: createLog({ level: 'warn', readable: true }),
      metrics: new MetricsRegistry(),
      clock: systemClock,
      signal: ended.signal,
      createSource,
      createSink,
      onState: (_, state) => state === 'running' && running(),
    });
    await Promise.race([isRunning, connectors]);
    const client = new Kafka({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING });
    const consumer = await follow(client, config.values.offsetsTopic, ledger);
    say('running: a service commits orders, Millrace delivers them\n');
    const show = setInterval(() => say(ledger.picture()), 1000);
    await commitOrders(sql, ledger, stopWriting, values.seconds ? Number(values.seconds) * 1000 : null);
    await ledger.settle(15_000);
    clearInterval(show);
    ended.abort();
    await connectors;
    await consumer.disconnect();
    await sql.end();
    say(ledger.summary());
    return ledger.agrees ? 0 : 1;
  } finally {
    ended.abort();
    await Promise.all([postgres.dispose(), kafka.dispose()]);
  }
}

/** The example connector of the repository, pointed at the demo's servers. */
function connectorFor(
  postgres: { host: string; port: number; user: string; password: string },
  bootstrap: string,
): unknown {
  const file = readFileSync(new URL('../../connectors/postgres-outbox.json', import.meta.url), 'utf8');
  const { name, config } = JSON.parse(file) as { name: string; config: Record<string, string> };
  const servers = {
    'database.hostname': postgres.host,
    'database.port': String(postgres.port),
    'database.user': postgres.user,
    'database.password': postgres.password,
    'database.dbname': 'postgres',
    'kafka.bootstrap.servers': bootstrap,
  };
  return { name, config: { ...config, ...servers } };
}

async function follow(client: Kafka, offsetsTopic: string, ledger: Ledger): Promise<{ disconnect(): Promise<void> }> {
  const admin = client.admin();
  await admin.connect();
  const topics = TYPES.map((type) => `outbox.event.${type}`);
  await admin.createTopics({
    topics: topics.map((topic) => ({ topic, numPartitions: 3, replicationFactor: 1 })),
    waitForLeaders: true,
  });
  await admin.disconnect();
  const consumer = client.consumer({ groupId: 'demo', readUncommitted: false, maxWaitTimeInMs: 20 });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics, offsetsTopic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, message }) => {
      if (topic === offsetsTopic) ledger.position(String(message.value));
      else
        ledger.delivered(
          topic,
          String(message.key),
          String(message.headers?.['id']),
          String(message.headers?.['eventType']),
        );
    },
  });
  return consumer;
}

async function commitOrders(sql: pg.Client, ledger: Ledger, signal: AbortSignal, forMs: number | null): Promise<void> {
  const until = forMs === null ? Number.POSITIVE_INFINITY : Date.now() + forMs;
  for (let n = 0; !signal.aborted && Date.now() < until; n++) {
    const ids = Array.from({ length: ROWS_PER_ROUND }, () => randomUUID());
    await sql.query(
      `INSERT INTO outbox SELECT id, $2, (random() * 50)::int::text, $3, jsonb_build_object('n', $4::int, 'at', now()) FROM unnest($1::uuid[]) AS id`,
      [ids, TYPES[n % TYPES.length], n % 10 === 9 ? 'Cancelled' : 'Created', n],
    );
    ledger.committed(ids);
    await systemClock.sleep(ROUND_MS, signal).catch(() => {});
  }
}
