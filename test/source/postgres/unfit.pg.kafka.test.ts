/** Rows that have no event as they are: values without a form, and keys that the log does not carry. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { shopFor, stopped } from '../../support/shop.ts';
import { waitFor } from '../../support/servers.ts';

const DDL = 'CREATE TABLE prices (id int PRIMARY KEY, price numeric(8,2) NOT NULL, other numeric, name text)';
const ROWS = [
  "INSERT INTO prices VALUES (1, 1.5, 2.5, 'a')",
  "INSERT INTO prices VALUES (2, 'NaN', 'Infinity', 'b')",
  "INSERT INTO prices VALUES (3, 'NaN', 3, 'c')",
];

for (const schemas of ['false', 'true']) {
  test(`a value without a form is null by default, and said once (schemas.enable=${schemas})`, async (t) => {
    const shop = await shopFor(t, { 'value.converter.schemas.enable': schemas });
    await shop.sql(DDL);
    const run = await shop.start();
    await run.reaches('running');
    await shop.sql(...ROWS);
    const records = await shop.records('prices');
    const payloads = records.map(({ value }) =>
      schemas === 'true' ? (value as unknown as { payload: typeof value }).payload : value,
    );
    assert.deepEqual(
      payloads.map((value) => value?.after),
      [
        { id: 1, price: 'AJY=', other: { scale: 1, value: 'GQ==' }, name: 'a' },
        { id: 2, price: null, other: null, name: 'b' },
        { id: 3, price: null, other: { scale: 0, value: 'Aw==' }, name: 'c' },
      ],
    );
    if (schemas === 'true') {
      const optional = records.map(({ value }) => {
        const { schema } = value as unknown as { schema: { fields: { field: string; fields: unknown[] }[] } };
        const after = schema.fields.find(({ field }) => field === 'after')?.fields as {
          field: string;
          optional: boolean;
        }[];
        return after.find(({ field }) => field === 'price')?.optional;
      });
      assert.deepEqual(optional, [false, true, true], 'the schema allows for what the value is');
    }
    const warnings = run
      .log()
      .split('\n')
      .filter((line) => line.includes('cannot be converted'));
    assert.deepEqual(
      warnings.map((line) => (JSON.parse(line) as { column: string }).column),
      ['public.prices.price', 'public.prices.other'],
    );
    await stopped(run);
  });
}

test('a value without a form is null to a converter that looks at data, too', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-unfit-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const module = 'export default () => ({ apply: (record) => record.with({ value: { ...record.value } }) });';
  writeFileSync(join(folder, 'seen.ts'), module);
  const shop = await shopFor(t, {
    transforms: 'mine',
    'transforms.mine.type': 'seen.ts',
    'event.converting.failure.handling.mode': 'skip',
  });
  await shop.sql(DDL);
  const run = await shop.start({ MILLRACE_PLUGIN_PATH: folder });
  await run.reaches('running');
  await shop.sql(...ROWS);
  const records = await shop.records('prices');
  assert.deepEqual(
    records.map(({ value }) => value?.after && [value.after.price, value.after.name]),
    [
      ['AJY=', 'a'],
      [null, 'b'],
      [null, 'c'],
    ],
  );
  assert.doesNotMatch(run.log(), /cannot be converted/);
  await stopped(run);
});

test('with event.converting.failure.handling.mode=fail it stops us, and the column is named', async (t) => {
  const shop = await shopFor(t, { 'event.converting.failure.handling.mode': 'fail' });
  await shop.sql(DDL);
  const run = await shop.start();
  await run.reaches('running');
  await shop.sql(...ROWS);
  await waitFor('the end', async () => run.child.exitCode !== null);
  assert.match(run.log(), /public\.prices\.price: a value of type numeric/);
});

test('a key that has no form stops us whatever the mode: another row would have the same', async (t) => {
  const shop = await shopFor(t, { 'event.converting.failure.handling.mode': 'skip' });
  await shop.sql('CREATE TABLE odd (id numeric(4,1) PRIMARY KEY)');
  const run = await shop.start();
  await run.reaches('running');
  await shop.sql("INSERT INTO odd VALUES ('NaN')");
  await waitFor('the end', async () => run.child.exitCode !== null);
  assert.match(run.log(), /public\.odd\.id: a value of type numeric/);
});

test('a delete whose key the old row does not carry stops us; with whole rows it has its key', async (t) => {
  const shop = await shopFor(t, { 'message.key.columns': 'public.orders:customer,id' });
  await shop.sql(
    'CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL DEFAULT 7, note text)',
    'ALTER TABLE orders REPLICA IDENTITY FULL',
  );
  const run = await shop.start();
  await run.reaches('running');
  await shop.sql(
    'INSERT INTO orders VALUES (1, 5)',
    'UPDATE orders SET customer = 6',
    'DELETE FROM orders',
    'ALTER TABLE orders REPLICA IDENTITY DEFAULT',
    'INSERT INTO orders VALUES (2, 5)',
    "UPDATE orders SET note = 'n'",
  );
  assert.deepEqual(
    (await shop.records('orders')).map(({ key, value }) => [key, value?.op]),
    [
      [{ customer: 5, id: 1 }, 'c'],
      [{ customer: 5, id: 1 }, 'd'],
      [{ customer: 5, id: 1 }, undefined],
      [{ customer: 6, id: 1 }, 'c'],
      [{ customer: 6, id: 1 }, 'd'],
      [{ customer: 6, id: 1 }, undefined],
      [{ customer: 5, id: 2 }, 'c'],
      [{ customer: 5, id: 2 }, 'u'],
    ],
  );
  await shop.sql('DELETE FROM orders');
  await waitFor('the end', async () => run.child.exitCode !== null);
  assert.match(run.log(), /does not carry column customer of its key/);
  assert.match(run.log(), /ALTER TABLE public.orders REPLICA IDENTITY FULL/);
});

test('a column of message.key.columns that the table does not have stops us: its rows would share keys', async (t) => {
  const shop = await shopFor(t, { 'message.key.columns': 'public.orders:customr,id' });
  await shop.sql('CREATE TABLE orders (id int PRIMARY KEY, customer int)');
  const run = await shop.start();
  await run.reaches('running');
  await shop.sql('INSERT INTO orders VALUES (1, 5)');
  await waitFor('the end', async () => run.child.exitCode !== null);
  assert.match(run.log(), /names column customr of public.orders, which the table does not have/);
});
