/** Rows of the log while the catalog has gone on, and rows of which the log carries less than the table has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../../support/servers.ts';
import { shopFor, stopped } from '../../support/shop.ts';

interface Field {
  readonly field?: string;
  readonly fields?: readonly Field[];
  readonly items?: Field;
  readonly parameters?: { readonly allowed?: string };
}
interface WithSchema {
  readonly schema: { readonly fields: readonly Field[] };
  readonly payload: { readonly after: { readonly id: number; readonly mood: string | null } };
}

test('a large key that has not changed is the key all the same', async (t) => {
  const shop = await shopFor(t);
  await shop.sql(
    'CREATE TABLE documents (id text PRIMARY KEY, n int, body text)',
    'ALTER TABLE documents ALTER COLUMN id SET STORAGE EXTERNAL, ALTER COLUMN body SET STORAGE EXTERNAL',
    'CREATE TABLE whole (id int PRIMARY KEY, n int, body text)',
    'ALTER TABLE whole REPLICA IDENTITY FULL',
    'ALTER TABLE whole ALTER COLUMN body SET STORAGE EXTERNAL',
  );
  const run = await shop.start();
  await run.reaches('running');
  await shop.sql(
    "INSERT INTO documents VALUES (repeat('k', 2500), 1, repeat('b', 3000))",
    'UPDATE documents SET n = 2',
    'UPDATE documents SET n = NULL',
    'DELETE FROM documents',
    "INSERT INTO whole VALUES (1, 1, repeat('b', 5000))",
    'UPDATE whole SET n = 2',
  );
  const records = await shop.records('documents');
  const id = 'k'.repeat(2500);
  assert.deepEqual(
    records.map(({ key }) => (key as { id: string }).id === id),
    [true, true, true, true, true],
  );
  assert.deepEqual(
    records.map(({ value }) => value && [value.op, value.after && value.after.n, value.after && value.after.id === id]),
    [['c', 1, true], ['u', 2, true], ['u', null, true], ['d', null, null], null],
  );
  const whole = await shop.records('whole');
  assert.equal(whole[1]?.value?.after?.body, 'b'.repeat(5000), 'the old row has it');
  await stopped(run);
});

test('a null is a null although the column must not be null by now, and a dropped type is its text', async (t) => {
  const shop = await shopFor(t);
  await shop.sql(
    'CREATE TABLE grown (id int PRIMARY KEY, n int)',
    "CREATE TYPE mood AS ENUM ('calm', 'wild')",
    'CREATE TABLE moods (id int PRIMARY KEY, mood mood)',
    'CREATE TABLE gone (id int PRIMARY KEY, n int)',
    'ALTER TABLE gone REPLICA IDENTITY FULL',
    'CREATE TABLE retyped (id int PRIMARY KEY, n int)',
    'CREATE TABLE renamed (id int PRIMARY KEY, n int)',
    'ALTER TABLE renamed REPLICA IDENTITY FULL',
  );
  const first = await shop.start();
  await first.reaches('running');
  await stopped(first);
  await shop.sql(
    'INSERT INTO grown VALUES (1, NULL)',
    'UPDATE grown SET n = 7',
    'ALTER TABLE grown ALTER COLUMN n SET NOT NULL',
    "INSERT INTO moods VALUES (1, 'wild')",
    'ALTER TABLE moods ALTER COLUMN mood TYPE text',
    'DROP TYPE mood',
    'INSERT INTO retyped VALUES (1, NULL)',
    "ALTER TABLE retyped ALTER id TYPE bigint, DROP n, ADD n text DEFAULT '5'",
    'INSERT INTO retyped VALUES (3000000000, NULL)',
    'INSERT INTO gone VALUES (1, 2)',
    'DROP TABLE gone',
    'INSERT INTO renamed VALUES (1, 2)',
    'ALTER TABLE renamed RENAME COLUMN id TO number',
    'INSERT INTO renamed VALUES (2, 3)',
  );
  const run = await shop.start();
  await run.reaches('running');
  assert.deepEqual(
    (await shop.records('grown')).map(({ value }) => value?.after),
    [
      { id: 1, n: null },
      { id: 1, n: 7 },
    ],
  );
  assert.deepEqual(
    (await shop.records('moods')).map(({ value }) => value?.after),
    [{ id: 1, mood: 'wild' }],
  );
  assert.deepEqual(
    (await shop.records('retyped')).map(({ key, value }) => [key, value?.after]),
    [
      [{ id: 1 }, { id: 1, n: null }],
      // As JsonConverter does with nulls that have a default.
      [{ id: 3_000_000_000 }, { id: 3_000_000_000, n: '5' }],
    ],
  );
  assert.deepEqual(
    (await shop.records('renamed')).map(({ key }) => key),
    [{ id: 1 }, { number: 2 }],
  );
  assert.deepEqual(
    (await shop.records('gone')).map(({ key, value }) => [key, value?.after]),
    [[null, { id: 1, n: 2 }]],
    'of a whole old row nobody knows any more which of it was the key',
  );
  await stopped(run);
});

test('a label that an enum gets while streaming is allowed from the first row that has it', async (t) => {
  const shop = await shopFor(t, {
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'true',
  });
  await shop.sql(
    "CREATE TYPE mood AS ENUM ('calm', 'wild'); CREATE DOMAIN feeling AS mood",
    'CREATE TABLE moods (id int PRIMARY KEY, mood mood, moods mood[], feeling feeling)',
    'CREATE TABLE others (id int PRIMARY KEY, mood mood)',
    'CREATE TABLE unseen (id int PRIMARY KEY, mood mood)',
    'ALTER TABLE moods REPLICA IDENTITY FULL',
  );
  const allowed = async (table: string): Promise<unknown> =>
    (await shop.records(table)).map(({ value }) => {
      const { schema, payload } = value as unknown as WithSchema;
      const columns = schema.fields.find(({ field }) => field === 'after')?.fields ?? [];
      const labels = columns.flatMap(
        ({ parameters, items }) => parameters?.allowed ?? items?.parameters?.allowed ?? [],
      );
      return [payload.after.id, payload.after.mood, ...new Set(labels)];
    });
  const first = await shop.start();
  await first.reaches('running');
  await shop.sql("INSERT INTO moods VALUES (1, 'calm', '{wild}', 'calm')", "INSERT INTO others VALUES (1, 'wild')");
  assert.deepEqual(await allowed('moods'), [[1, 'calm', 'calm,wild']]);
  assert.deepEqual(await allowed('others'), [[1, 'wild', 'calm,wild']]);
  await shop.sql(
    "ALTER TYPE mood ADD VALUE 'so so' BEFORE 'wild'",
    "ALTER TYPE mood ADD VALUE 'old'",
    // In one transaction, so that they come in one piece of the stream.
    `BEGIN; INSERT INTO moods VALUES (2, 'wild', NULL, NULL), (3, NULL, '{wild,"so so"}', NULL), (4, 'calm', '{}', 'old');
     INSERT INTO others VALUES (2, 'wild'), (3, 'so so'), (4, 'wild'); COMMIT`,
    "UPDATE moods SET mood = 'old' WHERE id = 1",
    // Of this one the log says for the first time what it is, when the types have been read long ago.
    "INSERT INTO unseen VALUES (1, 'calm')",
  );
  const now = 'calm,so so,wild,old';
  assert.deepEqual(await allowed('moods'), [
    [1, 'calm', 'calm,wild'],
    [2, 'wild', 'calm,wild'],
    [3, null, now],
    [4, 'calm', now],
    [1, 'old', now],
  ]);
  assert.deepEqual(await allowed('others'), [
    [1, 'wild', 'calm,wild'],
    [2, 'wild', 'calm,wild'],
    [3, 'so so', now],
    [4, 'wild', now],
  ]);
  assert.deepEqual(await allowed('unseen'), [[1, 'calm', now]]);
  await shop.sql(
    // The log describes a changed table anew, in the same piece of the stream as the row.
    "ALTER TYPE mood ADD VALUE 'last'",
    "BEGIN; ALTER TABLE unseen ADD n int; INSERT INTO unseen VALUES (2, 'last', 7); COMMIT",
  );
  assert.deepEqual(await allowed('unseen'), [
    [1, 'calm', now],
    [2, 'last', `${now},last`],
  ]);
  await stopped(first);
  // A label that has been renamed since the row is nobody's any more: the row is sent all the same, and once.
  await shop.sql(
    "INSERT INTO others VALUES (5, 'old'), (6, 'old')",
    "ALTER TYPE mood RENAME VALUE 'old' TO 'older'",
    "INSERT INTO others VALUES (7, 'older')",
  );
  const second = await shop.start();
  await second.reaches('running');
  assert.deepEqual(((await allowed('others')) as unknown[]).slice(4), [
    [5, 'old', 'calm,so so,wild,older,last'],
    [6, 'old', 'calm,so so,wild,older,last'],
    [7, 'older', 'calm,so so,wild,older,last'],
  ]);
  await stopped(second);
});

test('a table that is locked while its columns are asked for holds the stream up, not the lease', async (t) => {
  const shop = await shopFor(t);
  await shop.sql('CREATE TABLE locked (id int PRIMARY KEY, n int DEFAULT 5)');
  const run = await shop.start();
  await run.reaches('running');
  // In one go, so that the lock is there before the row has been decoded.
  await shop.sql(
    'BEGIN; INSERT INTO locked VALUES (1); COMMIT; BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(13)',
  );
  assert.match(run.log(), /waiting for a captured table that is locked/);
  assert.doesNotMatch(run.log(), /lease-lost/);
  await shop.sql('COMMIT');
  assert.deepEqual(
    (await shop.records('locked')).map(({ value }) => value?.after),
    [{ id: 1, n: 5 }],
  );
  // Nor does a lock keep anybody from stopping.
  await shop.sql(
    'ALTER TABLE locked ADD COLUMN m int DEFAULT 6',
    'BEGIN; INSERT INTO locked VALUES (2); COMMIT; BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2)',
  );
  await stopped(run);
  // A start waits for it, too, and says so.
  const second = await shop.start();
  await waitFor('a word', async () => second.log().includes('is a captured table locked?'));
  await shop.sql('COMMIT');
  await second.reaches('running');
  assert.equal((await shop.records('locked')).length, 2);
  await stopped(second);
});
