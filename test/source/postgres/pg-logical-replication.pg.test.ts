/**
 * The faults of pg-logical-replication's stream for which we do not run on it, on a real server: each test loses rows
 * with it and keeps them with ours (docs/decisions/0002-own-replication-stream.md).
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import type { Fragment } from '../../../src/change/fragment.ts';
import type { Position } from '../../../src/change/position.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { parseLsn } from '../../../src/source/postgres/lsn.ts';
import { createPostgresSource } from '../../../src/source/postgres/source.ts';
import type { Source } from '../../../src/source/source.ts';
import { type Database, freshDatabase, freshName, postgres, quiet, waitFor } from '../../support/servers.ts';
import { testEventSettings } from '../../support/events.ts';
import { noProgress } from '../../support/silent.ts';

const never = new AbortController().signal;

interface Setting {
  readonly db: Database;
  readonly config: pg.ClientConfig;
  readonly slot: string;
  /** Up to where the server may forget. */
  confirmed(slot: string): Promise<bigint>;
  insert(...numbers: number[]): Promise<unknown>;
  source(): Source;
}

async function setting(t: TestContext): Promise<Setting> {
  const { host, port, user, password } = await postgres();
  const db = await freshDatabase({ host, port, user, password, socketDir: '' });
  t.after(() => db.drop());
  await db.client.query(
    'CREATE TABLE n (n integer PRIMARY KEY); CREATE TABLE other (n integer); CREATE PUBLICATION p FOR TABLE n',
  );
  const slot = freshName('theirs');
  await db.client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  const name = freshName('ours');
  const settings = { connectorName: name, transactionalId: name, slotName: name, slotAdopt: false } as const;
  const publication = {
    publicationName: 'p',
    publicationAutocreate: 'disabled',
    includeTables: [/^public\.n$/],
  } as const;
  const tls = { sslMode: 'disable', sslRootCert: null, sslCert: null, sslKey: null } as const;
  const address = { host, port, user, password, database: db.name };
  return {
    db,
    slot,
    config: address,
    confirmed: async (which) => {
      const query = 'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1';
      return parseLsn((await db.client.query<{ lsn: string }>(query, [which])).rows[0]?.lsn ?? '');
    },
    insert: (...numbers) => db.client.query('INSERT INTO n SELECT unnest($1::int[])', [numbers]),
    source: () =>
      createPostgresSource(
        { ...address, ...settings, ...publication, ...tls, ...testEventSettings },
        { log: quiet, clock: systemClock, progress: noProgress },
      ),
  };
}

interface Subscription {
  readonly service: LogicalReplicationService;
  readonly messages: Pgoutput.Message[];
  readonly numbers: () => number[];
}

/** Subscribes as its README shows, acknowledging by hand. */
async function subscribe(
  t: TestContext,
  at: Setting,
  options: ConstructorParameters<typeof LogicalReplicationService>[1],
  onData: (message: Pgoutput.Message, service: LogicalReplicationService) => void | Promise<void> = () => {},
): Promise<Subscription> {
  await waitFor('the slot to be free', async () => {
    const slots = await at.db.client.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [
      at.slot,
    ]);
    return slots.rows.length > 0;
  });
  const service = new LogicalReplicationService(at.config, options);
  t.after(() => service.destroy());
  const messages: Pgoutput.Message[] = [];
  service.on('error', () => {});
  service.on('data', (_lsn: string, message: Pgoutput.Message) => {
    messages.push(message);
    return onData(message, service);
  });
  void service.subscribe(new PgoutputPlugin({ protoVersion: 1, publicationNames: ['p'] }), at.slot).catch(() => {});
  const numbers = (): number[] =>
    messages.flatMap((message) => (message.tag === 'insert' ? [Number(message.new['n'])] : []));
  return { service, messages, numbers };
}

const sees = (subscription: Subscription, n: number): Promise<unknown> =>
  waitFor(`row ${n}`, async () => subscription.numbers().includes(n));

const NO_POSITION = { earlier: null, clusterId: 'c' } as const;

/** Reads with our source until row `n` has come; `handled` says for which position to acknowledge. */
async function readTo(
  source: Source,
  from: Position,
  n: number,
  handled: (fragment: Fragment, numbers: readonly number[]) => boolean = () => false,
): Promise<number[]> {
  const controller = new AbortController();
  const all: number[] = [];
  for await (const fragments of source.read(from, controller.signal)) {
    for (const fragment of fragments) {
      const numbers = fragment.changes.map((change) => (change.op === 'insert' ? Number(change.after?.value(0)) : -1));
      all.push(...numbers);
      if (handled(fragment, numbers)) source.acknowledge(fragment.position);
    }
    if (all.includes(n)) controller.abort();
  }
  return all;
}

test('it acknowledges what was only received, with automatic acknowledgement off: rows not handled are lost', async (t) => {
  const at = await setting(t);
  const first = await subscribe(t, at, { acknowledge: { auto: false, timeoutSeconds: 1 } });
  await at.insert(1, 2, 3);
  await sees(first, 3);
  // Nobody calls acknowledge(): its own timer does.
  await waitFor('the commit to count as handled', async () => {
    const commit = first.messages.find((message) => message.tag === 'commit');
    return commit?.tag === 'commit' && (await at.confirmed(at.slot)) > parseLsn(shorten(commit.commitEndLsn));
  });
  await first.service.destroy();
  await at.insert(4);
  const second = await subscribe(t, at, { acknowledge: { auto: false, timeoutSeconds: 0 } });
  await sees(second, 4);
  assert.deepEqual(second.numbers(), [4], 'rows 1 to 3 were received once and handled never');
});

test('ours acknowledges nothing by itself: rows that were received and not handled come again', async (t) => {
  const at = await setting(t);
  const first = at.source();
  await first.acquire(never);
  const from = await first.prepare({ ...NO_POSITION, position: null }, never);
  await at.insert(1, 2, 3);
  const controller = new AbortController();
  let answers = 0;
  // Two idle fragments: the stream has answered the server for longer than the other library needs to lose rows.
  for await (const fragments of first.read(from, controller.signal)) {
    for (const { changes } of fragments) if (changes.length === 0 && ++answers === 2) controller.abort();
    await at.db.client.query('INSERT INTO other VALUES (1)');
  }
  await first.close();
  await at.insert(4);
  const second = at.source();
  await second.acquire(never);
  const start = await second.prepare({ ...NO_POSITION, position: from }, never);
  assert.deepEqual(await readTo(second, start, 4), [1, 2, 3, 4]);
  await second.close();
});

test('it acknowledges LSN + 1: a commit that stands exactly at the acknowledged end is lost; ours keeps it', async (t) => {
  const at = await setting(t);
  const other = new pg.Client(at.config);
  other.on('error', () => {});
  await other.connect();
  t.after(() => other.end());
  const source = at.source();
  await source.acquire(never);
  const from = await source.prepare({ ...NO_POSITION, position: null }, never);
  const theirs = await subscribe(t, at, { acknowledge: { auto: false, timeoutSeconds: 0 } });
  // Two transactions whose commit records touch; whatever else writes to the log may come between, so try again.
  const touching = await waitFor('two commits side by side', async () => {
    const n = theirs.numbers().length + 1;
    await at.db.client.query('BEGIN');
    await other.query('BEGIN');
    await at.insert(n);
    await other.query('INSERT INTO n VALUES ($1)', [n + 1]);
    await Promise.all([at.db.client.query('COMMIT'), other.query('COMMIT')]);
    await sees(theirs, n);
    await sees(theirs, n + 1);
    await waitFor('the commit', async () => theirs.messages.at(-1)?.tag === 'commit');
    const commits = theirs.messages.flatMap((message) => (message.tag === 'commit' ? [message] : []));
    const [a, b] = [commits.at(-2), commits.at(-1)];
    return a?.commitEndLsn === b?.commitLsn ? { end: shorten(a?.commitEndLsn ?? null), rows: theirs.numbers() } : null;
  });
  const [handled, unhandled] = [touching.rows.at(-2) ?? 0, touching.rows.at(-1) ?? 0];
  // The first of the two is handled and acknowledged, by the end of its commit; then the process dies.
  await theirs.service.acknowledge(touching.end);
  await waitFor('the acknowledgement', async () => (await at.confirmed(at.slot)) > parseLsn(touching.end));
  await theirs.service.destroy();
  await at.insert(1_000_000);
  const after = await subscribe(t, at, { acknowledge: { auto: false, timeoutSeconds: 0 } });
  await sees(after, 1_000_000);
  assert.deepEqual(after.numbers(), [1_000_000], `row ${unhandled} was never handled and does not come again`);

  let stored: Position = from;
  let seen = false;
  const acknowledge = (fragment: Fragment, numbers: readonly number[]): boolean => {
    seen ||= numbers.includes(handled);
    // A row and the end of its transaction may come in two pieces.
    if (!seen || !fragment.end || stored !== from) return false;
    stored = fragment.position;
    return true;
  };
  await readTo(source, from, 1_000_000, acknowledge);
  await source.close();
  assert.equal(stored['lsn'], touching.end);
  const next = at.source();
  await next.acquire(never);
  const start = await next.prepare({ ...NO_POSITION, position: stored }, never);
  assert.deepEqual(await readTo(next, start, 1_000_000), [unhandled, 1_000_000]);
  await next.close();
});

test('with its flow control it goes on after a handler has failed, and acknowledges behind the lost row', async (t) => {
  const at = await setting(t);
  const handled: number[] = [];
  const first = await subscribe(
    t,
    at,
    { acknowledge: { auto: true, timeoutSeconds: 0 }, flowControl: { enabled: true } },
    async (message) => {
      if (message.tag !== 'insert') return;
      if (message.new['n'] === 2) throw new Error('Kafka said no');
      handled.push(Number(message.new['n']));
    },
  );
  for (const n of [1, 2, 3]) await at.insert(n);
  await waitFor('the row behind the failed one', async () => handled.includes(3));
  await waitFor('its commit to be acknowledged', async () => {
    const last = first.messages.at(-1);
    return last?.tag === 'commit' && (await at.confirmed(at.slot)) > parseLsn(shorten(last.commitEndLsn));
  });
  await first.service.destroy();
  await at.insert(4);
  const second = await subscribe(t, at, { acknowledge: { auto: true, timeoutSeconds: 0 } });
  await sees(second, 4);
  assert.deepEqual([handled, second.numbers()], [[1, 3], [4]], 'row 2 is lost');
});

/** Its LSNs have leading zeros. */
function shorten(lsn: string | null): string {
  return (lsn ?? '')
    .split('/')
    .map((half) => half.replace(/^0+(?=.)/, ''))
    .join('/');
}
