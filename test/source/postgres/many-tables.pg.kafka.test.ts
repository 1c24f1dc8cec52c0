/** A database of many tables, none of which has a topic yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shopFor, stopped } from '../../support/shop.ts';

const TABLES = 400;

test('topics of hundreds of new tables are created together', async (t) => {
  const shop = await shopFor(t);
  const forEach = (statement: string): string =>
    `DO $$ BEGIN FOR i IN 1..${TABLES} LOOP EXECUTE format('${statement}', i); END LOOP; END $$`;
  await shop.sql(forEach("CREATE TABLE t%s (id int PRIMARY KEY, a text DEFAULT ''x'', at timestamptz DEFAULT now())"));
  const run = await shop.start();
  await run.reaches('running');
  await shop.sql(forEach('INSERT INTO t%s SELECT generate_series(1, 3)'));
  assert.equal((await shop.records(`t${TABLES}`)).length, 3);
  const created = run
    .log()
    .split('\n')
    .filter((line) => line.includes('created topic'))
    .map((line) => (JSON.parse(line) as { time: string }).time);
  assert.ok(created.length >= TABLES);
  // One at a time no two would be told of in the same millisecond.
  assert.ok(new Set(created).size < TABLES / 10, `created in ${new Set(created).size} steps`);
  for (const table of [1, 2, 137, TABLES - 1]) {
    assert.deepEqual(
      (await shop.records(`t${table}`)).map(({ key, value }) => [key, value?.op, value?.after?.a]),
      [1, 2, 3].map((id) => [{ id }, 'c', 'x']),
    );
  }
  await stopped(run);
});
