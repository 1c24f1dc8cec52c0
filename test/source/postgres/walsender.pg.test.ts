/** What PostgreSQL's walsender does: the measured facts that our positions stand on (no code of ours decides them). */
import assert from 'node:assert/strict';
import { type TestContext, after, before, describe, test } from 'node:test';
import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../../src/demo/postgres-server.ts';
import { connect } from '../../../src/source/postgres/connection.ts';
import { parseLsn } from '../../../src/source/postgres/lsn.ts';
import { type PgMessage, PgoutputDecoder } from '../../../src/source/postgres/pgoutput.ts';
import type { PostgresSettings } from '../../../src/source/postgres/settings.ts';
import { ReplicationStream, startReplication } from '../../../src/source/postgres/stream.ts';
import { OUTBOX_DDL, insertOutbox, openDatabase, sourceSettings } from '../../support/postgres-source.ts';
import { type Database, freshName, waitFor } from '../../support/servers.ts';

interface Setting {
  readonly db: Pick<Database, 'client'>;
  readonly other: pg.Client;
  readonly settings: PostgresSettings;
  readonly slot: string;
}

/** A slot that nobody acknowledges, and two sessions. */
async function setting(t: TestContext, server: PostgresServer): Promise<Setting> {
  const client = await openDatabase(t, server);
  const slot = freshName('observed');
  await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  const settings = sourceSettings(server, 'postgres');
  return { db: { client }, other: await openDatabase(t, server), settings, slot };
}

interface Seen {
  readonly messages: readonly PgMessage[];
  readonly keepAlives: readonly bigint[];
  /** Aggregate ids of the inserted rows. */
  rows(): readonly string[];
  close(): Promise<void>;
}

async function startAt({ settings, slot }: Setting, lsn: bigint): Promise<Seen> {
  const { signal } = new AbortController();
  const client = await connect(settings, { applicationName: 'observer', replication: true, signal });
  const stream = new ReplicationStream(client, signal);
  await stream.start(startReplication(slot, lsn, { proto_version: '1', publication_names: 'p', messages: 'true' }), 0n);
  const decoder = new PgoutputDecoder();
  const messages: PgMessage[] = [];
  const keepAlives: bigint[] = [];
  const pumping = (async (): Promise<void> => {
    const data = (buffer: Buffer, start: number, end: number): void =>
      void messages.push(decoder.decode(buffer, start, end));
    const keepAlive = (walEnd: bigint): void => void keepAlives.push(walEnd);
    while (await stream.pump({ data, keepAlive }));
  })();
  pumping.catch(() => {});
  const rows = (): string[] =>
    messages.flatMap((message) => (message.op === 'insert' ? [String(message.after?.value(2))] : []));
  return { messages, keepAlives, rows, close: () => stream.close() };
}

/** All rows that a stream from `lsn` brings until it has read the whole log. */
async function rowsFrom(at: Setting, lsn: bigint): Promise<readonly string[]> {
  const seen = await startAt(at, lsn);
  await readAll(at, seen);
  await seen.close();
  return seen.rows();
}

async function readAll(at: Setting, seen: Seen): Promise<void> {
  const end = await logEnd(at.db.client);
  await waitFor('the whole log', async () => seen.keepAlives.some((walEnd) => walEnd >= end));
}

async function logEnd(client: pg.Client): Promise<bigint> {
  const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return parseLsn(rows[0]?.lsn ?? '');
}

/** Commits of transactions that have rows of ours. */
async function commits(at: Setting): Promise<readonly { readonly finalLsn: bigint; readonly endLsn: bigint }[]> {
  const seen = await startAt(at, 0n);
  await readAll(at, seen);
  await seen.close();
  return seen.messages.flatMap((message) =>
    message.op === 'commit' ? [{ finalLsn: message.commitLsn, endLsn: message.endLsn }] : [],
  );
}

for (const major of [18, 14] as const) {
  describe(`the walsender of PostgreSQL ${major}`, () => {
    let server: PostgresServer | null = null;
    // A server of its own, that nobody else writes to: one record of the log follows the other.
    before(async () => {
      server = await startPostgres({ major, settings: ['autovacuum=off'] });
      const client = new pg.Client({ ...server, database: 'postgres' });
      await client.connect();
      await client.query(OUTBOX_DDL);
      await client.query('CREATE PUBLICATION p FOR TABLE outbox');
      await client.end();
    });
    after(() => server?.dispose());
    const running = (): PostgresServer => {
      assert.ok(server);
      return server;
    };

    test('started at the end of a commit sends exactly what follows, also a commit that starts just there; at that LSN + 1 it skips it', async (t) => {
      const at = await setting(t, running());
      await at.other.query('BEGIN');
      await insertOutbox({ client: at.other }, 'b');
      await insertOutbox(at.db, 'a');
      await at.other.query('COMMIT');
      await insertOutbox(at.db, 'c');
      const [a, b, c] = await commits(at);
      assert.ok(a && b && c);
      assert.equal(b.finalLsn, a.endLsn, "b's commit record starts where a's ends");
      assert.deepEqual(await rowsFrom(at, a.endLsn), ['b', 'c']);
      assert.deepEqual(await rowsFrom(at, a.endLsn + 1n), ['c'], 'b is lost');
      assert.deepEqual(await rowsFrom(at, b.endLsn), ['c']);
      assert.deepEqual(await rowsFrom(at, c.endLsn), []);
    });

    test('started at the LSN of a commit record sends that transaction again', async (t) => {
      const at = await setting(t, running());
      for (const id of ['a', 'b', 'c']) await insertOutbox(at.db, id);
      const [, b] = await commits(at);
      assert.ok(b && b.finalLsn < b.endLsn);
      assert.deepEqual(await rowsFrom(at, b.finalLsn), ['b', 'c']);
    });

    test('sends a first keep-alive that lies below the start', async (t) => {
      const at = await setting(t, running());
      await insertOutbox(at.db, 'a');
      const start = await logEnd(at.db.client);
      const seen = await startAt(at, start);
      await waitFor('a keep-alive', async () => seen.keepAlives.length > 0);
      await seen.close();
      assert.ok((seen.keepAlives[0] ?? start) < start);
    });

    test('accepts a start beyond the end of the log, and silently skips what comes before it', async (t) => {
      const at = await setting(t, running());
      const seen = await startAt(at, (await logEnd(at.db.client)) + 0x1_0000_0000n);
      await insertOutbox(at.db, 'skipped');
      await readAll(at, seen);
      assert.deepEqual(seen.rows(), []);
      await seen.close();
      assert.deepEqual(await rowsFrom(at, 0n), ['skipped'], 'it is there for a right start');
    });

    test('gives a non-transactional message the LSN of its end, which can be where the next commit starts', async (t) => {
      const at = await setting(t, running());
      await at.other.query('BEGIN');
      await insertOutbox({ client: at.other }, 'a');
      const { rows } = await at.db.client.query<{ lsn: string }>(
        "SELECT pg_logical_emit_message(false, 'test', 'x')::text AS lsn",
      );
      await at.other.query('COMMIT');
      const seen = await startAt(at, 0n);
      await readAll(at, seen);
      await seen.close();
      const [message, begin] = ['message', 'begin'].map((op) => seen.messages.find((each) => each.op === op));
      assert.ok(message?.op === 'message' && begin?.op === 'begin');
      assert.equal(message.transactional, false);
      assert.equal(message.lsn, parseLsn(rows[0]?.lsn ?? ''), 'the end of its record');
      assert.equal(begin.finalLsn, message.lsn);
      const again = await startAt(at, message.lsn);
      await readAll(at, again);
      await again.close();
      assert.deepEqual(again.rows(), ['a'], 'its LSN as a position loses nothing');
      assert.ok(!again.messages.some((each) => each.op === 'message'), 'and repeats nothing');
    });
  });
}
