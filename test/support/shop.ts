/** A database whose tables are captured as events, for tests that look at single records. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Millrace, startMillrace } from './process.ts';
import { committed, freshDatabase, freshName, kafka, postgres, waitFor } from './servers.ts';

export interface Shop {
  readonly name: string;
  readonly sql: (...statements: readonly string[]) => Promise<void>;
  readonly start: (env?: Readonly<Record<string, string>>) => Promise<Millrace>;
  /** All records of a table, once a marker behind them has come. */
  readonly records: (table: string) => Promise<readonly { key: unknown; value: Event | null }[]>;
}
interface Event {
  readonly op: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

/** Two processes never run at once; all topics have one partition. */
export async function shopFor(t: TestContext, config: Readonly<Record<string, unknown>> = {}): Promise<Shop> {
  const [server, bootstrap] = [await postgres(18), await kafka()];
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  const name = freshName('ahead');
  await db.client.query('CREATE TABLE zz_end (id int PRIMARY KEY)');
  await db.client.query('CREATE PUBLICATION everything FOR ALL TABLES');
  const connector = {
    name,
    config: {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'database.hostname': server.host,
      'database.port': server.port,
      'database.user': server.user,
      'database.password': server.password,
      'database.dbname': db.name,
      'topic.prefix': name,
      'publication.name': 'everything',
      'publication.autocreate.mode': 'disabled',
      'snapshot.mode': 'no_data',
      'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'key.converter.schemas.enable': 'false',
      'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'value.converter.schemas.enable': 'false',
      'kafka.bootstrap.servers': bootstrap,
      'offsets.topic': `${name}-offsets`,
      'topic.creation.default.replication.factor': 1,
      'topic.creation.default.partitions': 1,
      ...config,
    },
  };
  const parsed = (bytes: Buffer | null): unknown => (bytes === null ? null : JSON.parse(String(bytes)));
  const read = (table: string): ReturnType<typeof committed> =>
    committed(bootstrap, `${name}.public.${table}`).catch(() => []);
  let ends = 0;
  return {
    name,
    sql: async (...statements) => {
      for (const statement of statements) await db.client.query(statement);
    },
    start: async (env = {}) => {
      const run = await startMillrace(connector, env);
      t.after(() => run.child.kill('SIGKILL'));
      return run;
    },
    records: async (table) => {
      await db.client.query(`INSERT INTO zz_end VALUES (${++ends})`);
      await waitFor('the marker', async () => (await read('zz_end')).length === ends);
      return (await read(table)).map(({ key, value }) => ({ key: parsed(key), value: parsed(value) as Event | null }));
    },
  };
}

export async function stopped(run: Millrace): Promise<void> {
  run.child.kill('SIGTERM');
  assert.equal((await run.exited).code, 0, run.log());
}
