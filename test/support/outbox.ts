/** An outbox table in a database of its own, the connector for it, and what arrived of it. */
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type Database, committed, freshDatabase, freshName, kafka, postgres } from './servers.ts';

export interface Outbox {
  readonly db: Database;
  readonly connector: { readonly name: string; readonly config: Readonly<Record<string, unknown>> };
  /** Commits rows that carry the numbers from `first` on. */
  insert(first: number, count: number): Promise<void>;
  /** The numbers that a committed reader sees, sorted. */
  numbers(): Promise<number[]>;
}

const DDL = readFileSync(new URL('../../sql/postgres/outbox.sql', import.meta.url), 'utf8');

/** `brokers`: plain `host:port` of a Kafka other than the shared one. */
export async function freshOutbox(
  t: TestContext,
  over: Readonly<Record<string, unknown>> = {},
  brokers?: string,
): Promise<Outbox> {
  const [server, bootstrap] = [await postgres(), brokers ?? (await kafka())];
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(DDL);
  const name = freshName('cli');
  const config = {
    'connector.class': 'postgres',
    'database.hostname': server.host,
    'database.port': server.port,
    'database.user': server.user,
    'database.password': server.password,
    'database.dbname': db.name,
    'table.include.list': 'public\\.outbox',
    transforms: 'o',
    'transforms.o.type': 'outbox',
    'transforms.o.route.topic.replacement': `${name}.\${routedByValue}`,
    'kafka.bootstrap.servers': bootstrap,
    'offsets.topic': `${name}-offsets`,
    ...over,
  };
  return {
    db,
    connector: { name, config },
    insert: async (first, count) => {
      await db.client.query(
        `INSERT INTO outbox SELECT gen_random_uuid(), 'order', (n % 7)::text, 'Created', jsonb_build_object('n', n)
           FROM generate_series($1::int, $2::int) n`,
        [first, first + count - 1],
      );
    },
    numbers: async () => {
      const records = await committed(bootstrap, `${name}.order`).catch(() => []);
      return records.map(({ value }) => (JSON.parse(String(value)) as { n: number }).n).sort((a, b) => a - b);
    },
  };
}

export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
