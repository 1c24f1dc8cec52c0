/** Servers for tests: those that `npm test` started once, or ones of this process when a file runs alone. */
import { randomBytes } from 'node:crypto';
import { after } from 'node:test';
import pg from 'pg';
import { startKafka } from '../../src/demo/kafka-server.ts';
import { startPostgres } from '../../src/demo/postgres-server.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { type CommittedRecord, readCommitted } from '../../src/kafka/reader.ts';
import type { Log } from '../../src/ports.ts';
import { systemClock } from '../../src/runtime/clock.ts';

export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly socketDir: string;
  readonly user: string;
  readonly password: string;
}

export const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A PostgreSQL of the given major version that all test files share. */
export async function postgres(major: 14 | 18 = 18): Promise<PostgresAddress> {
  const given = process.env[`MILLRACE_TEST_POSTGRES_${major}`];
  if (given) return JSON.parse(given) as PostgresAddress;
  const server = await startPostgres({ major });
  after(() => server.dispose());
  return server;
}

/** `host:port` of a Kafka that all test files share. */
export async function kafka(): Promise<string> {
  const given = process.env['MILLRACE_TEST_KAFKA'] ?? process.env['MILLRACE_KAFKA'];
  if (given) return given;
  const server = await startKafka((line) => process.stderr.write(`${line}\n`));
  after(() => server.dispose());
  return server.bootstrap;
}

/** A name that no other test uses. */
export function freshName(prefix: string): string {
  return `${prefix}_${randomBytes(5).toString('hex')}`;
}

export interface Database {
  readonly name: string;
  readonly client: pg.Client;
  drop(): Promise<void>;
}

/** A database of its own, dropped with its slots. The server may be restarted in between; then `client` is gone. */
export async function freshDatabase(server: PostgresAddress): Promise<Database> {
  const name = freshName('test');
  const connect = async (database: string): Promise<pg.Client> => {
    const { host, port, user, password } = server;
    const client = new pg.Client({ host, port, user, password, database });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const admin = await connect('postgres');
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const client = await connect(name);
  const drop = async (): Promise<void> => {
    await client.end().catch(() => {});
    await dropDatabase(await connect('postgres'), name);
  };
  return { name, client, drop };
}

async function dropDatabase(admin: pg.Client, name: string): Promise<void> {
  for (;;) {
    const slots = await admin.query('SELECT FROM pg_replication_slots WHERE database = $1', [name]);
    if (slots.rows.length === 0) break;
    await admin.query(
      'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1 AND active',
      [name],
    );
    await admin.query(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1 AND NOT active',
      [name],
    );
  }
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await admin.end();
}

/** Everything a committed reader sees of a topic, to its end, in order of partition and offset. */
export function committed(bootstrap: string, topic: string): Promise<readonly CommittedRecord[]> {
  const settings = { bootstrapServers: [bootstrap], clientId: 'test', sasl: null, tls: null };
  return readCommitted(createKafka(settings, quiet), {
    topic,
    deadlineMs: 60_000,
    log: quiet,
    clock: systemClock,
    signal: new AbortController().signal,
  });
}

/** Waits for something to become true; a test that waits for a time instead is a test that fails on a slow day. */
export async function waitFor<T>(what: string, probe: () => Promise<T | null | false>, timeoutMs = 30_000): Promise<T> {
  for (const until = Date.now() + timeoutMs; ; ) {
    const result = await probe();
    if (result !== null && result !== false) return result;
    if (Date.now() > until) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
