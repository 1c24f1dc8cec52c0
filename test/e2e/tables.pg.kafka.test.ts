/** `connectors/postgres-tables.json`: row changes of tables, without an outbox router; what plan and doctor say of them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkConnector } from '../../src/config/connector.ts';
import { diagnose } from '../../src/runtime/doctor.ts';
import { planConnector } from '../../src/runtime/plan.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { startMillrace } from '../support/process.ts';
import {
  type Database,
  committed,
  freshDatabase,
  freshName,
  kafka,
  postgres,
  quiet,
  waitFor,
} from '../support/servers.ts';

interface Example {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
}
interface Event {
  readonly before: unknown;
  readonly after: unknown;
  readonly op: string;
}

const TABLES = [
  'CREATE TABLE orders (id int PRIMARY KEY, amount numeric(8,2) NOT NULL)',
  'CREATE TABLE customers (id int PRIMARY KEY, name text, password_hash text)',
];

/** The example, for the servers of the tests and under a name of its own. */
async function example(db: Database, over: Readonly<Record<string, unknown>> = {}): Promise<Example> {
  const file = new URL('../../connectors/postgres-tables.json', import.meta.url);
  const { config } = JSON.parse(readFileSync(file, 'utf8')) as Example;
  const server = await postgres(18);
  const name = freshName('tables');
  const here = {
    'database.hostname': server.host,
    'database.port': server.port,
    'database.user': server.user,
    'database.password': server.password,
    'database.dbname': db.name,
    'topic.prefix': name,
    'kafka.bootstrap.servers': await kafka(),
    'offsets.topic': `${name}-offsets`,
  };
  return { name, config: { ...config, ...here, ...over } };
}

/** What plan and doctor say, as lines. */
async function said(connector: Example): Promise<{ readonly plan: string; readonly doctor: string }> {
  const checked = checkConnector(JSON.stringify(connector), null, { env: {} });
  assert.ok('config' in checked, JSON.stringify(checked));
  const context = { log: quiet, clock: systemClock, signal: AbortSignal.timeout(60_000) };
  const { database, kafka: brokers } = await planConnector(checked.config, context);
  const diagnoses = await diagnose(checked.config, { ...context, watchMs: 0 });
  return {
    plan: [...database, ...brokers].map((each) => `${each.level} ${each.text} => ${each.statement ?? ''}`).join('\n'),
    doctor: diagnoses.map((each) => `${each.level} ${each.text} => ${each.remedy ?? ''}`).join('\n'),
  };
}

test('the example sends inserts, updates and deletes of its tables, without the column that it leaves out', async (t) => {
  const db = await freshDatabase(await postgres(18));
  t.after(() => db.drop());
  for (const statement of TABLES) await db.client.query(statement);
  const connector = await example(db);
  const { name } = connector;
  assert.match(
    (await said(connector)).plan,
    new RegExp(`ok row changes go to ${name}\\.public\\.customers, ${name}\\.public\\.orders`),
  );
  const run = await startMillrace(connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  await db.client.query("INSERT INTO customers VALUES (1, 'Ada', 'secret')");
  await db.client.query('INSERT INTO orders VALUES (7, 12.50)');
  await db.client.query("UPDATE customers SET name = 'Grace'");
  await db.client.query('DELETE FROM orders');
  const bootstrap = await kafka();
  const records = async (table: string, count: number) =>
    waitFor(`${count} records of ${table}`, async () => {
      const found = await committed(bootstrap, `${name}.public.${table}`).catch(() => []);
      return found.length >= count && found;
    });
  const customers = await records('customers', 2);
  const event = ({ value }: { readonly value: Buffer | null }): Event => JSON.parse(String(value)) as Event;
  assert.deepEqual(
    customers.map((record) => [String(record.key), event(record).op, event(record).before, event(record).after]),
    [
      ['{"id":1}', 'c', null, { id: 1, name: 'Ada' }],
      ['{"id":1}', 'u', null, { id: 1, name: 'Grace' }],
    ],
  );
  const orders = await records('orders', 3);
  assert.deepEqual(
    orders.map(({ value }) => (value === null ? null : event({ value }).op)),
    ['c', 'd', null],
    'an insert, a delete and its tombstone',
  );
  run.child.kill('SIGTERM');
  assert.equal((await run.exited).code, 0, run.log());

  const closed = { ...connector, config: { ...connector.config, 'topic.creation.enable': false } };
  assert.doesNotMatch((await said(closed)).plan, /topics that are not there/, 'both are there by now');
  const other = await example(db, { 'topic.creation.enable': false, 'topic.prefix': 'elsewhere' });
  const create = 'kafka-topics.sh --create --topic elsewhere.public';
  const { plan } = await said(other);
  assert.match(plan, /warning topics that are not there .*: elsewhere\.public\.customers, elsewhere\.public\.orders;/);
  assert.match(plan, new RegExp(`=> ${create}\\.customers.* && ${create}\\.orders`));
});

test('plan and doctor warn of updates and deletes that would fail, or would never be sent, with statements that help', async (t) => {
  const db = await freshDatabase(await postgres(18));
  t.after(() => db.drop());
  for (const statement of TABLES) await db.client.query(statement);
  await db.client.query('CREATE TABLE "No Key" (x int)');
  const none = await example(db, { 'table.include.list': 'public\\.(orders|No Key)' });
  const statement = 'ALTER TABLE "public"."No Key" REPLICA IDENTITY FULL';
  const failing = await said(none);
  for (const text of [failing.plan, failing.doctor]) {
    assert.match(text, /^warning tables without a replica identity: .*public\.No Key => (.*)$/m);
    assert.ok(text.includes(`=> ${statement}`), text);
  }
  assert.match(failing.doctor, /^ok public\.orders can be captured; no row was inserted/m);
  assert.doesNotMatch(failing.doctor, /router/);
  await db.client.query(statement);
  assert.doesNotMatch((await said(none)).plan, /replica identity/);

  await db.client.query('CREATE PUBLICATION inserts FOR TABLE orders, customers WITH (publish = insert)');
  const silent = await example(db, { 'publication.name': 'inserts' });
  const change = 'ALTER PUBLICATION "inserts" SET (publish = \'insert, update, delete\')';
  const line = `warning publication "inserts" does not publish update and delete: such row changes are never sent => ${change}`;
  const { plan, doctor } = await said(silent);
  for (const text of [plan, doctor]) assert.ok(text.includes(line), text);
  const routed = { transforms: 'o', 'transforms.o.type': 'outbox', 'publication.name': 'inserts' };
  assert.ok(!(await said(await example(db, routed))).plan.includes('never sent'), 'an outbox needs inserts alone');
  await db.client.query(change);
  assert.ok(!(await said(silent)).plan.includes('never sent'));
});
