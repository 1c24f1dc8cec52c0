/** Row changes of a table through the transforms that Debezium's users put behind them, from PostgreSQL to Kafka. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../support/servers.ts';
import { type Arrived, freshTables } from '../support/tables.ts';

const UNWRAP = 'io.debezium.transforms.ExtractNewRecordState';
const ORDERS = `
  CREATE TABLE orders (id int PRIMARY KEY, state text, note text);
  ALTER TABLE orders ALTER note SET STORAGE EXTERNAL;
  CREATE TABLE zz_end (id int PRIMARY KEY)`;
const CHANGES = [
  "INSERT INTO orders VALUES (1, 'new', repeat('n', 3000)), (2, 'new', NULL)",
  "UPDATE orders SET state = 'paid' WHERE id = 1",
  'UPDATE orders SET id = 3 WHERE id = 2',
  'DELETE FROM orders WHERE id = 1',
  'INSERT INTO zz_end VALUES (1)',
];

/** What a reader is shown of a record: a large text by its length. */
function brief({ key, value, headers }: Arrived): readonly unknown[] {
  const row = value as Record<string, unknown> | null;
  const note = row?.['note'];
  return [
    (key as { id: number }).id,
    row === null ? null : { ...row, ...(typeof note === 'string' && note.length > 100 ? { note: note.length } : {}) },
    headers,
  ];
}

const LARGE = 3000;
const PLACEHOLDER = '__debezium_unavailable_value';
const moved = { '__debezium.newkey': '{"id":3}' };
const came = { '__debezium.oldkey': '{"id":2}' };
const op = (of: string): Record<string, string> => ({ __op: of });
/** Before the first delete, and the row under its new key. */
const INSERTED = [
  [1, { id: 1, state: 'new', note: LARGE, __table: 'orders' }, op('c')],
  [2, { id: 2, state: 'new', note: null, __table: 'orders' }, op('c')],
  [1, { id: 1, state: 'paid', note: PLACEHOLDER, __table: 'orders' }, op('u')],
];
const UNDER_NEW_KEY = [3, { id: 3, state: 'new', note: null, __table: 'orders' }, { ...came, ...op('c') }];
const deleted = (id: number): Record<string, unknown> => ({
  id,
  state: null,
  note: null,
  __deleted: 'true',
  __table: 'orders',
});
const marked = (rows: readonly (readonly unknown[])[]): readonly (readonly unknown[])[] =>
  rows.map(([key, row, headers]) => {
    const { __table, ...columns } = row as Record<string, unknown>;
    return [key, { ...columns, __deleted: 'false', __table }, headers];
  });

const HANDLED: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
  drop: [...INSERTED, UNDER_NEW_KEY],
  tombstone: [...INSERTED, [2, null, { ...moved, ...op('d') }], UNDER_NEW_KEY, [1, null, op('d')]],
  rewrite: [
    ...marked(INSERTED),
    [2, deleted(2), { ...moved, ...op('d') }],
    ...marked([UNDER_NEW_KEY]),
    [1, deleted(1), op('d')],
  ],
  'rewrite-with-tombstone': [
    ...marked(INSERTED),
    [2, deleted(2), { ...moved, ...op('d') }],
    [2, null, { ...moved, ...op('d') }],
    ...marked([UNDER_NEW_KEY]),
    [1, deleted(1), op('d')],
    [1, null, op('d')],
  ],
  'delete-to-tombstone': [...INSERTED, [2, null, { ...moved, ...op('d') }], UNDER_NEW_KEY, [1, null, op('d')]],
};

test('rows unwrapped of their envelope, with every way to handle deletes and tombstones', async (t) => {
  const at = await freshTables(t, ORDERS);
  const connectors = Object.keys(HANDLED).map((mode) =>
    at.connector({
      transforms: 'unwrap',
      'transforms.unwrap.type': UNWRAP,
      'transforms.unwrap.delete.tombstone.handling.mode': mode,
      'transforms.unwrap.add.fields': 'table',
      'transforms.unwrap.add.headers': 'op',
    }),
  );
  const runs = await Promise.all(connectors.map((connector) => at.run(connector)));
  for (const change of CHANGES) await at.db.client.query(change);
  for (const [index, [mode, expected]] of Object.entries(HANDLED).entries()) {
    const { name } = connectors[index] ?? { name: '' };
    await waitFor('the last row', async () => (await at.read(`${name}.public.zz_end`)).length > 0);
    assert.deepEqual((await at.read(`${name}.public.orders`)).map(brief), expected, mode);
  }
  for (const run of runs) run.child.kill('SIGTERM');
  for (const run of runs) assert.deepEqual(await run.exited, { code: 0, signal: null }, run.log());
});

test('tables of shards come together in one topic, others are renamed, and predicates pick whom a transform is for', async (t) => {
  const at = await freshTables(
    t,
    `CREATE TABLE orders_1 (id int PRIMARY KEY, state text);
     CREATE TABLE orders_2 (id int PRIMARY KEY, state text);
     CREATE TABLE customers (id int PRIMARY KEY, name text);
     CREATE TABLE zz_end (id int PRIMARY KEY)`,
  );
  const connector = at.connector({
    transforms: 'shards,unwrap,mask,short,gone',
    'transforms.shards.type': 'io.debezium.transforms.ByLogicalTableRouter',
    'transforms.shards.topic.regex': '(.*)\\.orders_\\d',
    'transforms.shards.topic.replacement': '$1.orders',
    'transforms.shards.key.field.name': 'shard',
    'transforms.unwrap.type': UNWRAP,
    'transforms.unwrap.delete.tombstone.handling.mode': 'rewrite-with-tombstone',
    'transforms.unwrap.predicate': 'customers',
    'transforms.unwrap.negate': 'true',
    'transforms.mask.type': 'org.apache.kafka.connect.transforms.ReplaceField$Value',
    'transforms.mask.exclude': 'before',
    'transforms.mask.predicate': 'customers',
    'transforms.short.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    'transforms.short.regex': '(.*)\\.public\\.(.*)',
    'transforms.short.replacement': '$1-$2',
    'transforms.gone.type': 'org.apache.kafka.connect.transforms.Filter',
    'transforms.gone.predicate': 'tombstone',
    predicates: 'customers,tombstone',
    'predicates.customers.type': 'org.apache.kafka.connect.transforms.predicates.TopicNameMatches',
    'predicates.customers.pattern': '.*\\.customers',
    'predicates.tombstone.type': 'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone',
  });
  const run = await at.run(connector);
  for (const change of [
    "INSERT INTO orders_1 VALUES (1, 'new')",
    "INSERT INTO orders_2 VALUES (1, 'new')",
    "UPDATE orders_2 SET state = 'paid'",
    'UPDATE orders_2 SET id = 2',
    'DELETE FROM orders_1',
    "INSERT INTO customers VALUES (7, 'Ada')",
    'DELETE FROM customers',
    'INSERT INTO zz_end VALUES (1)',
  ])
    await at.db.client.query(change);
  await waitFor('the last row', async () => (await at.read(`${connector.name}-zz_end`)).length > 0);
  const shard = (of: number): string => `${connector.name}.public.orders_${of}`;
  assert.deepEqual(
    (await at.read(`${connector.name}-orders`)).map(({ key, value }) => [key, value]),
    [
      [
        { id: 1, shard: shard(1) },
        { id: 1, state: 'new', __deleted: 'false' },
      ],
      [
        { id: 1, shard: shard(2) },
        { id: 1, state: 'new', __deleted: 'false' },
      ],
      [
        { id: 1, shard: shard(2) },
        { id: 1, state: 'paid', __deleted: 'false' },
      ],
      [
        { id: 1, shard: shard(2) },
        { id: 1, state: null, __deleted: 'true' },
      ],
      [
        { id: 2, shard: shard(2) },
        { id: 2, state: 'paid', __deleted: 'false' },
      ],
      [
        { id: 1, shard: shard(1) },
        { id: 1, state: null, __deleted: 'true' },
      ],
    ],
  );
  const customers = (await at.read(`${connector.name}-customers`)).map(({ key, value }) => {
    const { op: of, after, ...rest } = value as { op: string; after: unknown };
    return [key, of, after, 'before' in rest];
  });
  assert.deepEqual(customers, [
    [{ id: 7 }, 'c', { id: 7, name: 'Ada' }, false],
    [{ id: 7 }, 'd', null, false],
  ]);
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.log());
});

interface Envelope {
  readonly op: string;
  readonly after: { readonly id: number };
  readonly transaction: { readonly id: string; readonly total_order: number; readonly data_collection_order: number };
}
interface Boundary {
  readonly status: 'BEGIN' | 'END';
  readonly id: string;
  readonly event_count: number | null;
  readonly data_collections: readonly { readonly data_collection: string; readonly event_count: number }[] | null;
}

test('the order and the counts of a split transaction are right after kill -9 inside of it, and nothing comes twice', {
  timeout: 180_000,
}, async (t) => {
  const at = await freshTables(
    t,
    `CREATE TABLE orders (id int PRIMARY KEY, note text);
     CREATE TABLE items (id int PRIMARY KEY);
     CREATE TABLE skipped (id int PRIMARY KEY)`,
  );
  const connector = at.connector({
    'table.include.list': 'public\\.(orders|items)',
    'provide.transaction.metadata': true,
    // Due all the time, and no place to end a transaction.
    'heartbeat.interval.ms': 50,
    'kafka.transaction.timeout.ms': 1000,
    'max.queue.size.in.bytes': 65_536,
  });
  const topic = `${connector.name}.public.orders`;
  const ROWS = 60_000;
  let run = await at.run(connector);
  await at.db.client.query('BEGIN');
  await at.db.client.query('INSERT INTO items VALUES (1)');
  await at.db.client.query("INSERT INTO orders SELECT n, repeat('x', 400) FROM generate_series(1, $1::int) n", [ROWS]);
  await at.db.client.query('UPDATE orders SET id = 0 WHERE id = 1');
  await at.db.client.query('INSERT INTO items VALUES (2), (3)');
  await at.db.client.query('COMMIT');
  let kills = 0;
  for (let seen = 0; kills < 3; kills++) {
    const part = await waitFor('another part of it', async () => {
      const { length } = await at.read(topic);
      return length > seen && length;
    });
    seen = part;
    if (seen >= ROWS) break;
    run.child.kill('SIGKILL');
    await run.exited;
    run = await at.run(connector);
  }
  t.diagnostic(`${kills} kills`);
  assert.ok(kills > 0, 'it was killed inside the split transaction');
  const boundaries = await waitFor(
    'the end of it',
    async () => {
      const all = (await at.read(`${connector.name}.transaction`)).map(({ value }) => value as Boundary);
      return all.some(({ status, event_count: count }) => status === 'END' && count === ROWS + 5) && all;
    },
    120_000,
  );
  assert.ok((await at.read(`__debezium-heartbeat.${connector.name}`)).length > 0, 'there were heartbeats');
  assert.deepEqual(
    boundaries.map(({ status }) => status),
    ['BEGIN', 'END'],
  );
  const counts = new Map(
    boundaries[1]?.data_collections?.map(({ data_collection: of, event_count: count }) => [of, count]),
  );
  assert.deepEqual(Object.fromEntries(counts), { 'public.items': 3, 'public.orders': ROWS + 2 });
  const orders = (await at.read(topic)).filter(({ value }) => value !== null).map(({ value }) => value as Envelope);
  const items = (await at.read(`${connector.name}.public.items`)).map(({ value }) => value as Envelope);
  assert.deepEqual(
    orders.map(({ transaction }) => transaction.data_collection_order),
    Array.from({ length: ROWS + 2 }, (_, i) => i + 1),
  );
  assert.deepEqual(
    orders.map(({ transaction }) => transaction.total_order),
    Array.from({ length: ROWS + 2 }, (_, i) => i + 2),
  );
  assert.deepEqual(
    items.map(({ transaction }) => [transaction.total_order, transaction.data_collection_order]),
    [
      [1, 1],
      [ROWS + 4, 2],
      [ROWS + 5, 3],
    ],
  );
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null }, run.log());
});
