/** `import { publish } from 'millrace/outbox'`: what a service needs to write events. Knows no database driver. */
import { randomUUID } from 'node:crypto';
import { MillraceError } from '../errors.ts';
import { type Dialect, type Statement, insertStatement } from './insert.ts';
import { type ColumnValue, type OutboxEvent, type OutboxOptions, row } from './row.ts';

export { MillraceError } from '../errors.ts';
export {
  type ColumnValue,
  type OutboxColumn,
  type OutboxEvent,
  type OutboxOptions,
  type OutboxRow,
  type Row,
  row,
} from './row.ts';

/** A client of `pg` with an open transaction; not a pool, whose every query is a transaction of its own. */
export interface PostgresClient {
  query(text: string, values: ColumnValue[]): Promise<unknown>;
  readonly totalCount?: never;
  readonly getConnection?: never;
}
/** A connection of `mysql2/promise` with an open transaction; not a pool. */
export interface MysqlConnection {
  execute(sql: string, values: ColumnValue[]): Promise<unknown>;
  readonly getConnection?: never;
}
/** A connection of `mysql2` itself, the one with callbacks, with an open transaction; not a pool. */
export interface MysqlCallbackConnection {
  promise(): MysqlConnection;
  readonly getConnection?: never;
}
export type TransactionClient = PostgresClient | MysqlConnection | MysqlCallbackConnection;

/**
 * Writes an event into the outbox, in the transaction that is open on the client: it becomes true with the rest of the
 * transaction, or not at all. Resolves with the event's id. The database's own errors are passed on.
 */
export async function publish(
  client: TransactionClient,
  event: OutboxEvent,
  options: OutboxOptions = {},
): Promise<string> {
  if ('totalCount' in client || 'getConnection' in client) {
    throw new MillraceError(
      'config',
      'publish was given a pool, which would commit the event apart from the transaction: give it the client of the transaction',
    );
  }
  const id = event.id ?? randomUUID();
  const values = row({ ...event, id }, options);
  await insert(client, (dialect) => insertStatement(values, options, dialect));
  return id;
}

async function insert(client: TransactionClient, statement: (dialect: Dialect) => Statement): Promise<void> {
  // Of callbacks and promises a connection of mysql2 has the one and gives the other.
  if (hasCallbacks(client)) return insert(client.promise(), statement);
  // A mysql2 connection has both.
  if (!('execute' in client)) {
    const { text, values } = statement('postgres');
    await client.query(text, values);
    return;
  }
  const { text, values } = statement('mysql');
  const sent = client.execute(text, values);
  if (!isThenable(sent)) {
    throw new MillraceError('config', 'publish was given a connection with callbacks: use the one of mysql2/promise');
  }
  await sent;
}

function hasCallbacks(client: TransactionClient): client is MysqlCallbackConnection {
  return 'promise' in client && typeof client.promise === 'function';
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}
