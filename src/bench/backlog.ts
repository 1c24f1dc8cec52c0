/** The outbox rows that a drain reads: loaded once a shape, read by every run through a copy of one slot. */
import type pg from 'pg';
import { MillraceError } from '../errors.ts';
import { Digest } from './digest.ts';
import { type Servers, createOutbox, dropDatabase, pause } from './servers.ts';

export const PUBLICATION = 'bench';
const BASE_SLOT = 'bench_base';
/** `{"n": 123456, "filler": ""}` of jsonb, about. */
const PAYLOAD_AROUND_FILLER = 28;
/** Rows at a time when they are read for their digest. */
const PAGE = 20_000;

export interface Shape {
  readonly rows: number;
  readonly perTransaction: number;
  readonly payloadBytes: number;
}

export interface Backlog {
  readonly database: string;
  readonly rows: number;
  /** Of the rows, as `Digest` makes it. */
  readonly digest: string;
  /** A new slot that stands before the first row. */
  createSlot(name: string): Promise<void>;
  /** Resolves when somebody reads the slot (or does no longer); `check` is asked meanwhile and throws if it never will. */
  untilActive(name: string, active: boolean, check: () => Promise<void>): Promise<void>;
  dropSlot(name: string): Promise<void>;
  dispose(): Promise<void>;
}

const LOAD = `
  CREATE PROCEDURE load(total int, per int, filler text) LANGUAGE plpgsql AS $$
  BEGIN
    FOR low IN 1..total BY per LOOP
      INSERT INTO outbox
        SELECT gen_random_uuid(), 'order', (n % 1000)::text, 'Created', jsonb_build_object('n', n, 'filler', filler)
          FROM generate_series(low, least(low + per - 1, total)) n;
      COMMIT;
    END LOOP;
  END $$`;

/** Creates a database, its slot, and then the rows. */
export async function loadBacklog(servers: Servers, shape: Shape): Promise<Backlog> {
  const { rows, perTransaction, payloadBytes } = shape;
  const database = `bench_${perTransaction}_${Date.now()}`;
  const sql = await createOutbox(servers, database);
  await sql.query(`CREATE PUBLICATION ${PUBLICATION} FOR TABLE outbox WITH (publish_via_partition_root = true)`);
  await sql.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [BASE_SLOT]);
  await sql.query(LOAD);
  await sql.query('SET synchronous_commit = off');
  const filler = 'x'.repeat(Math.max(0, payloadBytes - PAYLOAD_AROUND_FILLER));
  await sql.query(`CALL load(${rows}, ${perTransaction}, '${filler}')`);
  // The walsender reads what is flushed: push the tail out.
  await sql.query('SET synchronous_commit = on');
  await sql.query('CREATE TABLE flushed ()');
  return {
    database,
    rows,
    digest: await digestOf(sql),
    createSlot: async (name) =>
      void (await sql.query('SELECT pg_copy_logical_replication_slot($1, $2)', [BASE_SLOT, name])),
    untilActive: (name, active, check) => untilActive(servers, sql, { name, active, check }),
    dropSlot: async (name) => void (await sql.query('SELECT pg_drop_replication_slot($1)', [name])),
    dispose: async () => {
      await sql.end();
      await dropDatabase(servers, database);
    },
  };
}

async function digestOf(sql: pg.Client): Promise<string> {
  const digest = new Digest();
  await sql.query('BEGIN');
  await sql.query(
    'DECLARE every_row CURSOR FOR SELECT id, aggregateid AS key, type, payload::text AS value FROM outbox',
  );
  for (;;) {
    const { rows } = await sql.query<{ id: string; key: string; type: string; value: string }>(
      `FETCH ${PAGE} FROM every_row`,
    );
    for (const row of rows) digest.add(row);
    if (rows.length < PAGE) break;
  }
  await sql.query('COMMIT');
  return digest.text;
}

const ACTIVE_WITHIN_MS = 90_000;

async function untilActive(
  servers: Servers,
  sql: pg.Client,
  slot: { readonly name: string; readonly active: boolean; readonly check: () => Promise<void> },
): Promise<void> {
  const until = Date.now() + ACTIVE_WITHIN_MS;
  for (let asked = 0; ; asked++) {
    const { rows } = await sql.query<{ active: boolean }>(
      'SELECT active FROM pg_replication_slots WHERE slot_name = $1',
      [slot.name],
    );
    if (rows[0]?.active === slot.active) return;
    if (asked % 100 === 99) await slot.check();
    if (Date.now() > until) {
      const state = slot.active ? 'read' : 'released';
      throw new MillraceError(
        'internal',
        `slot "${slot.name}" has not been ${state} within ${ACTIVE_WITHIN_MS / 1000} s`,
      );
    }
    await pause(5, servers);
  }
}
