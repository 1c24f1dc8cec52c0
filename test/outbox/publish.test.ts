import assert from 'node:assert/strict';
import { test } from 'node:test';
import type pg from 'pg';
import {
  type ColumnValue,
  MillraceError,
  type OutboxEvent,
  type OutboxOptions,
  publish,
  row,
} from '../../src/outbox/publish.ts';

const EVENT: OutboxEvent = { id: 'e1', aggregateType: 'order', aggregateId: '7', type: 'Created', payload: { n: 1 } };

test('a connection with callbacks is asked for its promises; a client with a field of that name is one of its own', async () => {
  const heard: string[] = [];
  const promises = { execute: async (sql: string): Promise<void> => void heard.push(sql) };
  await publish({ promise: () => promises }, EVENT);
  const client = { promise: null, query: async (sql: string): Promise<void> => void heard.push(sql) };
  await publish(client as never, EVENT);
  assert.deepEqual(
    heard.map((sql) => sql.slice(0, 22)),
    ['INSERT INTO `outbox` (', 'INSERT INTO "outbox" ('],
  );
});

/** What a client is asked to run. */
async function said(
  kind: 'query' | 'execute',
  event: OutboxEvent,
  options?: OutboxOptions,
): Promise<{ readonly id: string; readonly text: string; readonly values: readonly ColumnValue[] }> {
  const heard: [string, ColumnValue[]][] = [];
  const hear = async (text: string, values: ColumnValue[]): Promise<void> => void heard.push([text, values]);
  // As mysql2's, a connection that can execute can query, too.
  const never = async (): Promise<void> => assert.fail('the wrong method');
  const client = kind === 'query' ? { query: hear } : { execute: hear, query: never };
  const id = await publish(client, event, options);
  const [text, values] = heard[0] ?? ['', []];
  return { id, text, values };
}

test('an event becomes one INSERT with parameters, in the words of the database', async () => {
  assert.deepEqual(await said('query', EVENT), {
    id: 'e1',
    text: 'INSERT INTO "outbox" ("id", "aggregatetype", "aggregateid", "type", "payload") VALUES ($1, $2, $3, $4, $5)',
    values: ['e1', 'order', '7', 'Created', '{"n":1}'],
  });
  assert.deepEqual(await said('execute', EVENT), {
    id: 'e1',
    text: 'INSERT INTO `outbox` (`id`, `aggregatetype`, `aggregateid`, `type`, `payload`) VALUES (?, ?, ?, ?, ?)',
    values: ['e1', 'order', '7', 'Created', '{"n":1}'],
  });
});

test('table, columns and additional columns are as they are named, and quoted', async () => {
  const event = { ...EVENT, columns: { 'a"b`c': 5n, at: new Date(0), raw: new Uint8Array([1, 2]).subarray(1) } };
  const options = { schema: 'Mes"sages', table: 'out`box', columns: { id: 'event_id', payload: 'body; --' } };
  const { text, values } = await said('query', event, options);
  assert.equal(
    text,
    'INSERT INTO "Mes""sages"."out`box" ("event_id", "aggregatetype", "aggregateid", "type", "body; --", "a""b`c", "at", "raw") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
  );
  assert.deepEqual(values.slice(5), [5n, new Date(0), Buffer.from([2])]);
  assert.equal(
    (await said('execute', event, options)).text,
    'INSERT INTO `Mes"sages`.`out``box` (`event_id`, `aggregatetype`, `aggregateid`, `type`, `body; --`, `a"b``c`, `at`, `raw`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
});

test('a payload is JSON, a text, bytes or null; for a column of bytes everything is bytes', () => {
  const payload = (value: OutboxEvent['payload'], payloadAs: 'text' | 'bytes' = 'text'): unknown =>
    row({ ...EVENT, payload: value }, { payloadAs })['payload'];
  assert.equal(payload({ a: [1, 'ü'] }), '{"a":[1,"ü"]}');
  assert.equal(payload(['x']), '["x"]');
  assert.equal(payload('as it is'), 'as it is');
  assert.equal(payload(null), null);
  assert.deepEqual(payload(new TextEncoder().encode('xyz').subarray(1)), Buffer.from('yz'));
  assert.deepEqual(payload({ a: '\\' }, 'bytes'), Buffer.from('{"a":"\\\\"}'));
  assert.deepEqual(payload('text', 'bytes'), Buffer.from('text'));
  assert.equal(payload(null, 'bytes'), null);
});

test('an id goes into a column of 16 bytes as such, if it is a UUID, and is given back as it was', async () => {
  const id = '0193F0C4-89ab-7000-8000-00000000000f';
  const bytes = Buffer.from('0193f0c489ab7000800000000000000f', 'hex');
  assert.deepEqual(row({ ...EVENT, id }, { idAs: 'bytes', columns: { id: 'key' } })['key'], bytes);
  const sent = await said('execute', { ...EVENT, id }, { idAs: 'bytes' });
  assert.deepEqual([sent.id, sent.values[0]], [id, bytes]);
  const { id: made, values } = await said('execute', { ...EVENT, id: undefined }, { idAs: 'bytes' });
  assert.equal((values[0] as Buffer).toString('hex'), made.replaceAll('-', ''));
});

test('without an id the event gets a UUID, which publish returns and row shows', async () => {
  const { id: _, ...anonymous } = EVENT;
  const { id, values } = await said('query', anonymous);
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(values[0], id);
  assert.notEqual((await said('query', anonymous)).id, id);
  const named = await said('execute', anonymous, { columns: { id: 'event_id' } });
  assert.equal(named.id, named.values[0]);
  assert.deepEqual(row({ ...EVENT, columns: { tenant: 't' } }), {
    id: 'e1',
    aggregatetype: 'order',
    aggregateid: '7',
    type: 'Created',
    payload: '{"n":1}',
    tenant: 't',
  });
});

test('what is no event, or no name, is refused before the database is asked, without showing a value', async () => {
  const cases: readonly (readonly [object, OutboxOptions, RegExp])[] = [
    [{ aggregateId: 7 }, {}, /^event aggregateId: expected a text, got number$/],
    [{ aggregateType: '' }, {}, /^event aggregateType: expected a text, got an empty one$/],
    [{ type: null }, {}, /^event type: expected a text, got null$/],
    [{ payload: undefined }, {}, /^event payload: expected an object, a text, bytes or null, got undefined$/],
    [{ payload: 5 }, {}, /^event payload: .* got number$/],
    [{ payload: { toJSON: () => undefined } }, {}, /^event payload: expected/],
    [{ id: '' }, {}, /^event id: expected a text, got an empty one$/],
    [{}, { idAs: 'bytes' }, /^event id: expected a UUID, to be sent as 16 bytes, got a text of 2 characters$/],
    [{ columns: { tenant: undefined } }, {}, /^event column "tenant" has no value/],
    [{ columns: { type: 'x' } }, {}, /^the column "type" of the outbox is given twice$/],
    [{}, { columns: { type: 'id' } }, /^the column "id" of the outbox is given twice$/],
    [{}, { table: '' }, /^the outbox has no table or column named ""$/],
    [{}, { schema: 'a\0b' }, /^the outbox has no table or column named "a\\u0000b"$/],
  ];
  for (const [wrong, options, message] of cases) {
    await assert.rejects(
      said('query', { ...EVENT, ...wrong } as OutboxEvent, options),
      (error) => error instanceof MillraceError && message.test(error.message),
      String(message),
    );
  }
});

test('a pool is no transaction, and a connection with callbacks no promise', async () => {
  const refused = /publish was given a pool, which would commit the event apart from the transaction/;
  await assert.rejects(publish({ query: async () => {}, totalCount: 1 } as never, EVENT), refused);
  await assert.rejects(publish({ execute: async () => {}, getConnection: () => {} } as never, EVENT), refused);
  const callbacks = { execute: () => ({ on: () => {} }) };
  await assert.rejects(publish(callbacks as never, EVENT), /use the one of mysql2\/promise/);
});

/** Never called: the compiler is the test. */
export async function types(client: pg.Client, poolClient: pg.PoolClient, pool: pg.Pool): Promise<void> {
  await publish(client, EVENT);
  await publish(poolClient, EVENT);
  // @ts-expect-error: a pool commits apart from the transaction
  await publish(pool, EVENT);
  // @ts-expect-error: no payload is a mistake, null is not
  await publish(client, { aggregateType: 'order', aggregateId: '7', type: 'Created' });
  const { aggregatetype, tenant }: { aggregatetype: string; tenant?: ColumnValue } = row(EVENT);
  await client.query('SELECT', [aggregatetype, tenant]);
}
