/** kill -9 while rows of many kinds of tables change: every change once, in order per key, and the tables rebuilt from the topics. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TABLES, TableWorkload, columnsOf, historyOf, placeholderOf, rebuilt } from '../support/table-workload.ts';
import { type Millrace, startMillrace } from '../support/process.ts';
import { createTopics, isAlive, kill, stopGracefully, tail } from '../support/rig.ts';
import { seededRandom, testSeed } from '../support/random.ts';
import { committed, freshDatabase, freshName, kafka, postgres, waitFor } from '../support/servers.ts';

const KILLS = 8;
/** The lease's session, the walsender, or both. */
const TERMINATE = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = $1 AND application_name LIKE 'millrace%' AND (backend_type = 'walsender') = ($2 < 0.6)`;
const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';

test('kill -9 and cut sessions while rows and tables change: every change arrives once and in order, and tables can be rebuilt', {
  timeout: 120_000,
}, async (t) => {
  const seed = testSeed();
  t.diagnostic(`MILLRACE_TEST_SEED=${seed}`);
  const random = seededRandom(seed);
  const [server, bootstrap] = [await postgres(), await kafka()];
  const database = await freshDatabase(server);
  t.after(() => database.drop());
  const name = freshName('tables');
  const workload = new TableWorkload({ server, database: database.name, random, writers: 3 });
  await workload.createTables();
  const spread = TABLES.filter(({ key, truncated }) => key.length > 0 && truncated !== true);
  await createTopics(
    bootstrap,
    spread.map((table) => `${name}.public.${table.name}`),
  );
  await database.client.query('CREATE PUBLICATION everything FOR ALL TABLES');
  const connector = {
    name,
    config: {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'database.hostname': server.host,
      'database.port': server.port,
      'database.user': server.user,
      'database.password': server.password,
      'database.dbname': database.name,
      'topic.prefix': name,
      'publication.name': 'everything',
      'publication.autocreate.mode': 'disabled',
      'snapshot.mode': 'no_data',
      'skipped.operations': 'none',
      'unavailable.value.placeholder': placeholderOf,
      'key.converter': JSON_CONVERTER,
      'key.converter.schemas.enable': 'false',
      'value.converter': JSON_CONVERTER,
      'value.converter.schemas.enable': 'false',
      'kafka.bootstrap.servers': bootstrap,
      'offsets.topic': `${name}-offsets`,
      'topic.creation.default.replication.factor': 1,
      // A truncate has no key: in one partition it stands where it belongs.
      'topic.creation.default.partitions': 1,
      // Large transactions go out in pieces.
      'max.queue.size.in.bytes': 1024 * 1024,
    },
  };
  const instances: Millrace[] = [];
  t.after(async () => {
    await workload.stop().catch(() => {});
    for (const each of instances) if (isAlive(each)) await kill(each);
  });
  const start = async (env: Readonly<Record<string, string>> = {}): Promise<Millrace> => {
    const run = await startMillrace(connector, env);
    instances.push(run);
    return run;
  };
  let run = await start();
  await run.reaches('running');
  workload.start();
  for (let kills = 0; kills < KILLS; kills++) {
    if (!random.chance(0.25)) await run.reaches('running');
    await new Promise((resolve) => setTimeout(resolve, random.between(0, 1000)));
    assert.ok(isAlive(run), tail(run));
    // Some of its sessions end now and then, as with a cut connection: it has to go on by itself.
    if (random.chance(0.4)) await database.client.query(TERMINATE, [database.name, random.next()]);
    else {
      await kill(run);
      run = await start();
    }
  }
  await run.reaches('running');
  await workload.stop();
  await database.client.query('INSERT INTO zz_end VALUES (1)');
  await waitFor(`the end; ${tail(run)}`, async () => {
    assert.ok(isAlive(run), tail(run));
    return (await committed(bootstrap, `${name}.public.zz_end`).catch(() => [])).length > 0;
  });
  await stopGracefully(run);
  const transactions = new Map<string, number>();
  for (const table of TABLES) {
    const records = await committed(bootstrap, `${name}.public.${table.name}`);
    const history = historyOf(table, records, transactions);
    const expected = workload.historyOf(table);
    for (const key of new Set([...history.keys(), ...expected.keys()])) {
      assert.deepEqual(history.get(key) ?? [], expected.get(key) ?? [], `${table.name}, key ${key.slice(0, 40)}`);
    }
    if (table.key.length === 0) continue;
    const { rows } = await database.client.query<Record<string, unknown>>(
      `SELECT ${columnsOf(table)} FROM ${table.name}`,
    );
    assert.ok(rows.length > 0 || table.name === 'scratch', `${table.name} holds nothing to compare`);
    const sorted = (all: readonly unknown[]): string[] => all.map((row) => JSON.stringify(row)).toSorted();
    assert.ok(
      JSON.stringify(sorted(rebuilt(table, records))) === JSON.stringify(sorted(rows)),
      `${table.name} rebuilt from its topic is not what it is`,
    );
  }
  assert.deepEqual(
    Object.fromEntries(transactions),
    Object.fromEntries(workload.transactions),
    'each transaction has as many events as it has changes',
  );
  t.diagnostic(JSON.stringify({ kills: KILLS, ...workload.figures }));
});
