/** Transforms of Connect's before and behind the outbox router, from PostgreSQL to Kafka. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshOutbox } from '../support/outbox.ts';
import { startMillrace } from '../support/process.ts';
import { committed, waitFor } from '../support/servers.ts';

const text = (value: unknown): string | null => (Buffer.isBuffer(value) ? value.toString('utf8') : null);

test('transforms before and behind the router work on topic, key and headers, and the payload keeps its bytes', async (t) => {
  const at = await freshOutbox(t, {
    'table.include.list': 'public\\.(outbox|ignored)',
    transforms: 'mark,op,ignore,o,short,number,key,drop,gone',
    'transforms.mark.type': 'org.apache.kafka.connect.transforms.InsertHeader',
    'transforms.mark.header': 'origin',
    'transforms.mark.value.literal': '1.0',
    'transforms.op.type': 'HeaderFrom$Value',
    'transforms.op.fields': 'op',
    'transforms.op.headers': 'op',
    'transforms.op.operation': 'copy',
    'transforms.ignore.type': 'Filter',
    'transforms.ignore.predicate': 'ignored',
    'transforms.o.route.tombstone.on.empty.payload': 'true',
    'transforms.short.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    'transforms.short.regex': '(.*)\\.order',
    'transforms.short.replacement': '$1.o',
    'transforms.number.type': 'Cast$Key',
    'transforms.number.spec': 'int32',
    'transforms.key.type': 'org.apache.kafka.connect.transforms.HoistField$Key',
    'transforms.key.field': 'id',
    'transforms.drop.type': 'DropHeaders',
    'transforms.drop.headers': 'eventType',
    'transforms.gone.type': 'Filter',
    'transforms.gone.predicate': 'tombstone',
    predicates: 'ignored,tombstone',
    'predicates.ignored.type': 'TopicNameMatches',
    'predicates.ignored.pattern': '.*\\.ignored',
    'predicates.tombstone.type': 'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone',
    'key.converter': 'json',
  });
  await at.db.client.query(
    'ALTER TABLE outbox ALTER payload TYPE text; CREATE TABLE ignored (LIKE outbox INCLUDING ALL)',
  );
  const run = await startMillrace(at.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  const row = (table: string, key: string, payload: string): Promise<unknown> =>
    at.db.client.query(`INSERT INTO ${table} VALUES (gen_random_uuid(), 'order', $1, 'Created', $2)`, [key, payload]);
  await row('outbox', '17', '{"n" :  1}');
  await row('ignored', '18', 'never');
  await row('outbox', '19', '');
  await row('outbox', '20', 'näw');
  const topic = `${at.connector.name}.o`;
  const records = await waitFor('two records', async () => {
    const all = await committed(at.bootstrap, topic).catch(() => []);
    return all.length >= 2 && all;
  });
  assert.deepEqual(
    records.map(({ key, value, headers: { id, ...headers } }) => [
      text(key),
      text(value),
      Object.fromEntries(Object.entries(headers).map(([name, each]) => [name, text(each)])),
      text(id)?.length,
    ]),
    [
      ['{"id":17}', '{"n" :  1}', { origin: '1', op: 'c' }, 36],
      ['{"id":20}', 'näw', { origin: '1', op: 'c' }, 36],
    ],
  );
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exited, { code: 0, signal: null });
});

test('a transform that wants a struct of a payload stops the connector with its name, and a mended file goes on there', async (t) => {
  const at = await freshOutbox(t);
  const { name, config } = at.connector;
  const first = await startMillrace(at.connector);
  t.after(() => first.child.kill('SIGKILL'));
  await first.reaches('running');
  await at.insert(1, 3);
  await waitFor('3 records', async () => (await at.numbers()).length === 3);
  first.child.kill('SIGTERM');
  await first.exited;
  await at.insert(4, 3);
  const wrong = {
    name,
    config: {
      ...config,
      transforms: 'o,tenant',
      'transforms.tenant.type': 'org.apache.kafka.connect.transforms.HeaderFrom$Value',
      'transforms.tenant.fields': 'n',
      'transforms.tenant.headers': 'n',
      'transforms.tenant.operation': 'move',
    },
  };
  const failing = await startMillrace(wrong);
  t.after(() => failing.child.kill('SIGKILL'));
  assert.equal((await failing.exited).code, 1);
  assert.match(
    failing.log(),
    /transforms\.tenant \(HeaderFrom\$Value\), a record of \S+\.order: expected a struct, got string\. It is in source transaction \d+/,
  );
  assert.match(failing.log(), /"kind":"data"/);
  assert.ok(!failing.log().includes('filler'), 'no row value in a log');
  const last = await startMillrace(at.connector);
  t.after(() => last.child.kill('SIGKILL'));
  await waitFor('6 records', async () => (await at.numbers()).length >= 6);
  assert.deepEqual(await at.numbers(), [1, 2, 3, 4, 5, 6]);
  last.child.kill('SIGTERM');
  await last.exited;
});
