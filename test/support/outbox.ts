/** An outbox table in a database of its own, the connector for it, and what arrived of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { MillraceError } from '../../src/errors.ts';
import type { CommittedRecord } from '../../src/kafka/reader.ts';
import {
  type Database,
  type PostgresAddress,
  committed,
  freshDatabase,
  freshName,
  kafka,
  postgres,
} from './servers.ts';

export interface Outbox {
  readonly db: Database;
  readonly bootstrap: string;
  /** Where the rows go: all have the aggregate type "order". */
  readonly topic: string;
  readonly connector: { readonly name: string; readonly config: Readonly<Record<string, unknown>> };
  /** Commits rows, in one transaction, that carry the numbers from `first` on, with a filler of so many bytes. */
  insert(first: number, count: number, bytes?: number): Promise<void>;
  /** The numbers that a committed reader sees, sorted. Asserts that they ascend in every partition. */
  numbers(): Promise<number[]>;
}

const DDL = readFileSync(new URL('../../sql/postgres/outbox.sql', import.meta.url), 'utf8');

/** `brokers`: plain `host:port` of a Kafka other than the shared one; `server`: another PostgreSQL. */
export async function freshOutbox(
  t: { after(end: () => Promise<void>): void },
  over: Readonly<Record<string, unknown>> = {},
  of: { readonly major?: 14 | 18; readonly brokers?: string; readonly server?: PostgresAddress } = {},
): Promise<Outbox> {
  const [server, bootstrap] = [of.server ?? (await postgres(of.major ?? 18)), of.brokers ?? (await kafka())];
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(DDL);
  const name = freshName('outbox');
  const config = {
    'connector.class': 'postgres',
    'database.hostname': server.host,
    'database.port': server.port,
    'database.user': server.user,
    'database.password': server.password,
    'database.dbname': db.name,
    'table.include.list': 'public\\.outbox',
    transforms: 'o',
    'transforms.o.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.o.route.topic.replacement': `${name}.\${routedByValue}`,
    'transforms.o.table.fields.additional.placement': 'type:header:eventType',
    'kafka.bootstrap.servers': bootstrap,
    'offsets.topic': `${name}-offsets`,
    ...over,
  };
  return {
    db,
    bootstrap,
    topic: `${name}.order`,
    connector: { name, config },
    insert: async (first, count, bytes = 0) => {
      await db.client.query(
        `INSERT INTO outbox SELECT gen_random_uuid(), 'order', (n % 7)::text, 'Created', jsonb_build_object('n', n, 'filler', repeat('x', $3::int))
           FROM generate_series($1::int, $2::int) n`,
        [first, first + count - 1, bytes],
      );
    },
    numbers: async () => {
      const last = new Map<number, number>();
      const records = await committed(bootstrap, `${name}.order`).catch(missingTopic);
      const all = records.map(({ partition, value }) => {
        const { n } = JSON.parse(String(value)) as { n: number };
        // One writer commits ascending numbers, so a partition, and with it every key, has to ascend.
        assert.ok(n > (last.get(partition) ?? 0), `${n} came after ${last.get(partition)} in partition ${partition}`);
        last.set(partition, n);
        return n;
      });
      return all.sort((a, b) => a - b);
    },
  };
}

/** A topic that nothing was sent to yet is empty; any other trouble of the reader is a failure of the test. */
function missingTopic(error: unknown): readonly CommittedRecord[] {
  if (error instanceof MillraceError && error.message.includes('does not exist')) return [];
  throw error;
}

export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
