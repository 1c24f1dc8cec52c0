/** The outbox rows that a drain reads: loaded once per shape, read by every run through a copy of one slot. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { PostgresServer } from '../src/demo/postgres-server.ts';

export const PUBLICATION = 'bench';
const BASE_SLOT = 'bench_base';

export interface Backlog {
  readonly database: string;
  readonly rows: number;
  /** A new slot that stands before the first row of the backlog. */
  slot(name: string): Promise<void>;
  dropSlot(name: string): Promise<void>;
  dispose(): Promise<void>;
}

/** Loads `rows` rows in transactions of `perTransaction` into a database of their own. */
export async function loadBacklog(
  server: PostgresServer,
  shape: { readonly rows: number; readonly perTransaction: number; readonly payloadBytes: number },
): Promise<Backlog> {
  const database = `bench_${shape.perTransaction}_${shape.payloadBytes}_${Date.now()}`;
  const admin = await connect(server, 'postgres');
  await admin.query(`CREATE DATABASE ${database}`);
  const sql = await connect(server, database);
  await sql.query(readFileSync(new URL('../sql/postgres/outbox.sql', import.meta.url), 'utf8'));
  await sql.query(`CREATE PUBLICATION ${PUBLICATION} FOR TABLE outbox WITH (publish_via_partition_root = true)`);
  await sql.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [BASE_SLOT]);
  await sql.query(`
    CREATE PROCEDURE load(total int, per int, filler text) LANGUAGE plpgsql AS $$
    BEGIN
      FOR low IN 1..total BY per LOOP
        INSERT INTO outbox
          SELECT gen_random_uuid(), 'order', (n % 1000)::text, 'Created', jsonb_build_object('n', n, 'filler', filler)
            FROM generate_series(low, least(low + per - 1, total)) n;
        COMMIT;
      END LOOP;
    END $$`);
  await sql.query('SET synchronous_commit = off');
  const filler = 'x'.repeat(Math.max(0, shape.payloadBytes - 28));
  await sql.query(`CALL load(${shape.rows}, ${shape.perTransaction}, '${filler}')`);
  // The walsender reads what is flushed: push the tail out.
  await sql.query('SET synchronous_commit = on');
  await sql.query('CREATE TABLE flushed ()');
  return {
    database,
    rows: shape.rows,
    slot: async (name) => {
      await sql.query('SELECT pg_copy_logical_replication_slot($1, $2)', [BASE_SLOT, name]);
    },
    dropSlot: async (name) => {
      await sql.query('SELECT pg_drop_replication_slot($1)', [name]);
    },
    dispose: async () => {
      await sql.query('SELECT pg_drop_replication_slot($1)', [BASE_SLOT]);
      await sql.end();
      await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
      await admin.end();
    },
  };
}

/** A session as the server's own user. */
export async function connect(server: PostgresServer, database: string): Promise<pg.Client> {
  const { host, port, user, password } = server;
  const client = new pg.Client({ host, port, user, password, database });
  client.on('error', () => {});
  await client.connect();
  return client;
}
