/** Tables in a database of their own, connectors that capture them as change events, and what arrived. */
import { MillraceError } from '../../src/errors.ts';
import { type Millrace, startMillrace } from './process.ts';
import {
  type Database,
  type PostgresAddress,
  committed,
  freshDatabase,
  freshName,
  kafka,
  postgres,
} from './servers.ts';

export interface Arrived {
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: Readonly<Record<string, string | null>>;
}

export interface Tables {
  readonly db: Database;
  readonly server: PostgresAddress;
  readonly bootstrap: string;
  /** A connector of its own name, which is its prefix, too. */
  connector(over?: Readonly<Record<string, unknown>>): {
    readonly name: string;
    readonly config: Readonly<Record<string, unknown>>;
  };
  /** Starts one and waits until it works; it is killed with the test. */
  run(connector: { readonly name: string; readonly config: Readonly<Record<string, unknown>> }): Promise<Millrace>;
  /** What a committed reader sees of a topic, JSON as data. */
  read(topic: string): Promise<readonly Arrived[]>;
}

const data = (bytes: Buffer | null): unknown => (bytes === null ? null : JSON.parse(String(bytes)));

/** `ddl` is executed in a new database. */
export async function freshTables(t: { after(end: () => unknown): void }, ddl: string): Promise<Tables> {
  const [server, bootstrap] = [await postgres(18), await kafka()];
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(ddl);
  return {
    db,
    server,
    bootstrap,
    connector: (over = {}) => {
      const name = freshName('shop');
      return {
        name,
        config: {
          'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
          'database.hostname': server.host,
          'database.port': server.port,
          'database.user': server.user,
          'database.password': server.password,
          'database.dbname': db.name,
          'kafka.bootstrap.servers': bootstrap,
          'offsets.topic': `${name}-offsets`,
          'topic.creation.default.replication.factor': 1,
          'topic.creation.default.partitions': 1,
          ...over,
        },
      };
    },
    run: async (connector) => {
      const run = await startMillrace(connector);
      t.after(() => run.child.kill('SIGKILL'));
      await run.reaches('running');
      return run;
    },
    read: async (topic) => {
      const records = await committed(bootstrap, topic).catch((error: unknown) => {
        if (error instanceof MillraceError && error.message.includes('does not exist')) return [];
        throw error;
      });
      return records.map(({ key, value, headers }) => ({
        key: data(key),
        value: data(value),
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, each]) => [name, each === undefined ? null : String(each)]),
        ),
      }));
    },
  };
}
