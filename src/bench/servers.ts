/** The servers of a benchmark: PostgreSQL and Kafka of its own, shared by all that are measured. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { deleteTopics } from '../demo/follower.ts';
import { startKafka } from '../demo/kafka-server.ts';
import { type PostgresServer, startPostgres } from '../demo/postgres-server.ts';

export interface Servers {
  readonly postgres: PostgresServer;
  readonly bootstrap: string;
  /** The Kafka is somebody's own. */
  readonly ownKafka: boolean;
  /** Begins the names of topics, so that nothing on somebody's own Kafka is touched. */
  readonly prefix: string;
  /** Topics of what is measured, beside those of the events; removed from somebody's own Kafka at the end. */
  readonly ownTopics: string[];
  /** Ends the benchmark; every wait rejects. */
  readonly signal: AbortSignal;
  /** Runs when the servers are to end, before they do. */
  readonly onDispose: (end: () => Promise<void>) => void;
  dispose(): Promise<void>;
}

/** For large backlogs, and for latency from the time of the commit. */
const SETTINGS = ['max_wal_size=8GB', 'track_commit_timestamp=on'];

/** `ownKafka` (host:port) is used instead of a Kafka of the benchmark's; its topics are removed at the end. */
export async function startServers(options: {
  readonly ownKafka: string | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}): Promise<Servers> {
  const { ownKafka, signal, say } = options;
  const starting = Promise.allSettled([
    ownKafka === undefined ? startKafka(say) : { bootstrap: ownKafka, dispose: async () => {} },
    startPostgres({ settings: SETTINGS }),
  ]);
  const [kafka, postgres] = await starting;
  if (kafka.status === 'rejected') throw kafka.reason;
  if (postgres.status === 'rejected') throw postgres.reason;
  const ends: (() => Promise<void>)[] = [];
  const { bootstrap } = kafka.value;
  const ownTopics: string[] = [];
  return {
    postgres: postgres.value,
    bootstrap,
    ownKafka: ownKafka !== undefined,
    prefix: `bench-${Date.now().toString(36)}`,
    ownTopics,
    signal,
    onDispose: (end) => void ends.push(end),
    dispose: async () => {
      await Promise.allSettled(ends.map((end) => end()));
      // One by one: those that nobody came to make are errors.
      if (ownKafka !== undefined) for (const topic of ownTopics) await deleteTopics(bootstrap, [topic]).catch(() => {});
      await Promise.all([postgres.value.dispose(), kafka.value.dispose()]);
    },
  };
}

/** A session as the server's own user. */
export async function connect({ postgres }: Servers, database: string): Promise<pg.Client> {
  const { host, port, user, password } = postgres;
  const client = new pg.Client({ host, port, user, password, database });
  // Unheard, the end of the server would end the process.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** A database of its own with an empty outbox, for which a session is given. */
export async function createOutbox(servers: Servers, database: string): Promise<pg.Client> {
  const admin = await connect(servers, 'postgres');
  await admin.query(`CREATE DATABASE ${database}`);
  await admin.end();
  const sql = await connect(servers, database);
  await sql.query(readFileSync(new URL('../../sql/postgres/outbox.sql', import.meta.url), 'utf8'));
  return sql;
}

const RELEASED_WITHIN_MS = 30_000;

/** Ends the sessions of a database and drops it, and the slots in it as soon as nobody reads them. */
export async function dropDatabase(servers: Servers, database: string): Promise<void> {
  const admin = await connect(servers, 'postgres');
  try {
    const slots = 'FROM pg_replication_slots WHERE database = $1';
    for (const until = Date.now() + RELEASED_WITHIN_MS; Date.now() < until; await pause(20, servers)) {
      const { rows } = await admin.query<{ busy: boolean }>(`SELECT bool_or(active) AS busy ${slots}`, [database]);
      if (rows[0]?.busy !== true) break;
    }
    await admin.query(`SELECT pg_drop_replication_slot(slot_name) ${slots}`, [database]);
    await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  } finally {
    await admin.end();
  }
}

/** Rejects when the benchmark is stopped. */
export async function pause(ms: number, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  await delay(ms, undefined, { signal });
}
