/** A PostgreSQL source without Kafka behind it: what a test reads, it keeps itself. */
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import pg from 'pg';
import type { Opened } from '../../src/change/claim.ts';
import type { Fragment } from '../../src/change/fragment.ts';
import type { Position } from '../../src/change/position.ts';
import { type PostgresOptions, type PostgresServer, startPostgres } from '../../src/demo/postgres-server.ts';
import type { Log } from '../../src/ports.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { PostgresSettings } from '../../src/source/postgres/settings.ts';
import { type PostgresSourceContext, createPostgresSource } from '../../src/source/postgres/source.ts';
import type { Source } from '../../src/source/source.ts';
import { keepText } from './output.ts';
import { noProgress } from './silent.ts';
import { type Database, type PostgresAddress, freshName } from './servers.ts';
import { testEventSettings } from './events.ts';

export const OUTBOX_DDL = readFileSync(new URL('../../sql/postgres/outbox.sql', import.meta.url), 'utf8');
export const CLUSTER = 'test-cluster';

/** Settings that capture `public.outbox` of a database, under names of their own. */
export function sourceSettings(
  server: PostgresAddress,
  database: string,
  over: Partial<PostgresSettings> = {},
): PostgresSettings {
  const name = freshName('src');
  return {
    connectorName: name,
    transactionalId: `millrace-${name}`,
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database,
    sslMode: 'disable',
    sslRootCert: null,
    sslCert: null,
    sslKey: null,
    slotName: name,
    slotAdopt: false,
    publicationName: name,
    publicationAutocreate: 'filtered',
    includeTables: [/^public\.outbox$/i],
    ...testEventSettings,
    ...over,
  };
}

/** A log that keeps its warnings, one a line. */
export function keepingLog(): { readonly log: Log; readonly warnings: string[] } {
  const warnings: string[] = [];
  const keep = (message: string, fields?: object): void =>
    void warnings.push(keepText(`${message} ${JSON.stringify(fields)}\n`, 'log').trimEnd());
  return { log: { debug: () => {}, info: () => {}, warn: keep, error: keep }, warnings };
}

export function sourceContext(log: Log = keepingLog().log): PostgresSourceContext {
  return { log, progress: noProgress, clock: systemClock };
}

/** What a sink without a history would have found. */
export function opened(position: Position | null = null, earlier: Opened['earlier'] = null): Opened {
  return { position, earlier, clusterId: CLUSTER };
}

export interface Running {
  readonly source: Source;
  readonly start: Position;
  /** Everything delivered so far. */
  readonly fragments: readonly Fragment[];
  /** Values of the outbox column `aggregateid`, in order of delivery. */
  delivered(): readonly string[];
  readonly lost: AbortSignal;
  /** Settles when the stream has ended. */
  readonly ended: Promise<void>;
  /** Ends the stream and closes the source; as a clean stop does. */
  stop(): Promise<void>;
}

export interface RunOptions {
  readonly position?: Position | null;
  readonly log?: Log;
  /** Acknowledge what was delivered; true unless said otherwise. */
  readonly acknowledge?: boolean;
}

/** Lease, preparation and stream, as the worker runs them. */
export async function runSource(settings: PostgresSettings, options: RunOptions = {}): Promise<Running> {
  const source = createPostgresSource(settings, sourceContext(options.log));
  const controller = new AbortController();
  const fragments: Fragment[] = [];
  try {
    const { lost } = await source.acquire(controller.signal);
    const signal = AbortSignal.any([controller.signal, lost]);
    const start = await source.prepare(opened(options.position ?? null), signal);
    const read = async (): Promise<void> => {
      for await (const some of source.read(start, signal)) {
        fragments.push(...some);
        const last = fragments.at(-1);
        if (last && options.acknowledge !== false) source.acknowledge(last.position);
      }
      if (lost.aborted) throw lost.reason;
    };
    const ended = read();
    ended.catch(() => {});
    const stop = async (): Promise<void> => {
      controller.abort(new Error('the test stops the source'));
      await ended.catch(() => {});
      await source.close();
    };
    return { source, start, fragments, delivered: () => aggregateIds(fragments), lost, ended, stop };
  } catch (error) {
    await source.close();
    throw error;
  }
}

function aggregateIds(fragments: readonly Fragment[]): string[] {
  return fragments.flatMap(({ changes }) =>
    changes.flatMap((change) => {
      if (change.op !== 'insert' || change.after === null) return [];
      const index = change.table.columns.findIndex((column) => column.name === 'aggregateid');
      return [String(change.after.value(index))];
    }),
  );
}

/** A server of the test's own, with a database that has the outbox; everything ends with the test. */
export async function ownServer(
  t: TestContext,
  options: PostgresOptions = {},
): Promise<{ readonly server: PostgresServer; readonly db: Pick<Database, 'client' | 'name'> }> {
  const server = await startPostgres(options);
  t.after(() => server.dispose());
  const client = await openDatabase(t, server);
  if (options.copyOf === undefined) await client.query(OUTBOX_DDL);
  return { server, db: { client, name: 'postgres' } };
}

/** A session on the database `postgres` of a test's own server. */
export async function openDatabase(t: TestContext, server: PostgresServer): Promise<pg.Client> {
  const { host, port, user, password } = server;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.end());
  return client;
}

/** Commits one outbox row whose aggregate id is `id`. */
export async function insertOutbox(db: Pick<Database, 'client'>, id: string): Promise<void> {
  await db.client.query("INSERT INTO outbox VALUES (gen_random_uuid(), 'order', $1, 'Created', '{}')", [id]);
}
