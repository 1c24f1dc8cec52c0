import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publish, row } from '../../src/outbox/publish.ts';
import { run } from '../../src/millrace.ts';
import { freshOutbox } from '../support/outbox.ts';
import { readWire } from '../support/kafka-wire.ts';
import { waitFor } from '../support/servers.ts';

test('events arrive as they were published, those of a rolled back transaction never', async (t) => {
  const outbox = await freshOutbox(t, {
    'transforms.o.table.fields.additional.placement': 'type:header:eventType,tenant:header',
  });
  const { client } = outbox.db;
  await client.query('ALTER TABLE outbox ADD COLUMN tenant text');
  const { name, config } = outbox.connector;
  const stop = new AbortController();
  t.after(() => stop.abort());
  const started = Promise.withResolvers<void>();
  const onState = (_: string, state: string): void => void (state === 'running' && started.resolve());
  const running = run(
    { name, config: config as Record<string, string> },
    { signal: stop.signal, log: 'silent', onState },
  );
  await Promise.race([running, started.promise]);

  const order = { aggregateType: 'order', aggregateId: '7' };
  await client.query('BEGIN');
  await publish(client, { ...order, type: 'Lost', payload: { n: 0 } });
  await client.query('ROLLBACK');
  await client.query('BEGIN');
  const first = await publish(client, { ...order, type: 'Created', payload: { n: 1 }, columns: { tenant: 'a' } });
  const second = await publish(client, { ...order, type: 'Paid', payload: '{"n": 2}' }, { schema: 'public' });
  const third = row({ ...order, type: 'Deleted', payload: null });
  const names = Object.keys(third);
  await client.query(
    `INSERT INTO outbox (${names.join()}) VALUES (${names.map((_, i) => `$${i + 1}`).join()})`,
    Object.values(third),
  );
  await client.query('COMMIT');

  const records = await waitFor('three records', async () => {
    const found = await readWire(outbox.bootstrap, outbox.topic);
    return found.length >= 3 && found;
  });
  const seen = records.map(({ key, value, headers }) => [
    String(key),
    value === null ? null : String(value),
    Object.fromEntries(headers.map((header) => [header.name, header.value === null ? null : String(header.value)])),
  ]);
  assert.deepEqual(seen, [
    ['7', '{"n": 1}', { id: first, eventType: 'Created', tenant: 'a' }],
    ['7', '{"n": 2}', { id: second, eventType: 'Paid', tenant: null }],
    ['7', null, { id: third.id, eventType: 'Deleted', tenant: null }],
  ]);
  stop.abort();
  await running;
});

test('bytes and names of any kind come back from the table as they were given', async (t) => {
  const { db } = await freshOutbox(t);
  await db.client.query('CREATE SCHEMA "Mes""s"');
  await db.client.query(
    'CREATE TABLE "Mes""s"."out box" ("Id" text, aggregatetype text, "aggregate id" text, type text, "pay$1load" bytea)',
  );
  const options = {
    schema: 'Mes"s',
    table: 'out box',
    columns: { id: 'Id', aggregateId: 'aggregate id', payload: 'pay$1load' },
    payloadAs: 'bytes',
  } as const;
  const event = { id: '1', aggregateType: "o'r", aggregateId: '\\', type: '$1' };
  const payloads = [{ path: 'C:\\n', quote: '"' }, 'text \\x', new Uint8Array([0, 255, 92]), null];
  for (const payload of payloads) await publish(db.client, { ...event, payload }, options);
  const { rows } = await db.client.query('SELECT * FROM "Mes""s"."out box"');
  const stored = [
    Buffer.from('{"path":"C:\\\\n","quote":"\\""}'),
    Buffer.from('text \\x'),
    Buffer.from([0, 255, 92]),
    null,
  ];
  assert.deepEqual(
    rows,
    stored.map((payload) => ({ Id: '1', aggregatetype: "o'r", 'aggregate id': '\\', type: '$1', pay$1load: payload })),
  );
});
