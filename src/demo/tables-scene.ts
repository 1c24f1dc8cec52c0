/** `millrace demo --tables`: the tables of the order service themselves, as change events. */
import type pg from 'pg';
import type { Clock } from '../ports.ts';
import type { Ledger } from './ledger.ts';
import type { Scene } from './scene.ts';

/** `revision` counts the updates of a row, so that every change is an event of its own for the ledger. */
const DDL = `
  CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, password_hash text, revision int NOT NULL);
  CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, state text NOT NULL,
    amount numeric(8,2) NOT NULL, revision int NOT NULL)`;
const TABLES = ['customers', 'orders'] as const;
type TableName = (typeof TABLES)[number];

const STATES = ['paid', 'packed', 'sent'] as const;
const EVERY_MS = 25;
/** One transaction in so many is rolled back: its changes must not arrive. */
const ROLLBACK_EVERY = 20;
/** A customer comes with every so many transactions; the oldest order goes when there are more than so many. */
const CUSTOMER_EVERY = 10;
const MOST_ORDERS = 50;

/** Names a change by what is in its event: of a deleted row nothing but the key is. */
const nameOf = (table: string, id: number, revision: number | 'deleted'): string => `${table}/${id}/${revision}`;

/** The rows as they are after the last commit: their revisions by id, the oldest first. */
type Rows = Readonly<Record<TableName, ReadonlyMap<number, number>>>;

/** One transaction's statements; gives the rows after it, and the names of its changes. */
async function change(
  sql: pg.Client,
  n: number,
  rows: Rows,
): Promise<{ readonly rows: Rows; readonly names: string[] }> {
  const [customers, orders] = [new Map(rows.customers), new Map(rows.orders)];
  const names: string[] = [];
  if (n % CUSTOMER_EVERY === 0) {
    await sql.query('INSERT INTO customers VALUES ($1, $2, md5($2), 1)', [n, `customer ${n}`]);
    customers.set(n, 1);
    names.push(nameOf('customers', n, 1));
  }
  const customer = Math.floor(n / CUSTOMER_EVERY) * CUSTOMER_EVERY;
  for (const id of [2 * n, 2 * n + 1]) {
    await sql.query("INSERT INTO orders VALUES ($1, $2, 'new', random() * 1000, 1)", [
      id,
      customers.has(customer) ? customer : (customers.keys().next().value ?? 0),
    ]);
    orders.set(id, 1);
    names.push(nameOf('orders', id, 1));
  }
  // Any that has been there before, at least once.
  const [old, revision] = Array.from(rows.orders)[n % Math.max(1, rows.orders.size)] ?? [];
  if (old !== undefined && revision !== undefined) {
    await sql.query('UPDATE orders SET state = $2, revision = $3 WHERE id = $1', [
      old,
      STATES[revision % STATES.length],
      revision + 1,
    ]);
    orders.set(old, revision + 1);
    names.push(nameOf('orders', old, revision + 1));
  }
  const oldest = Array.from(orders.keys()).slice(0, Math.max(0, orders.size - MOST_ORDERS));
  for (const id of oldest) {
    await sql.query('DELETE FROM orders WHERE id = $1', [id]);
    orders.delete(id);
    names.push(nameOf('orders', id, 'deleted'));
  }
  return { rows: { customers, orders }, names };
}

async function commitChanges(sql: pg.Client, ledger: Ledger, clock: Clock, signal: AbortSignal): Promise<void> {
  let rows: Rows = { customers: new Map(), orders: new Map() };
  for (let n = 0; !signal.aborted; n++) {
    await sql.query('BEGIN');
    const changed = await change(sql, n, rows);
    if (n % ROLLBACK_EVERY === ROLLBACK_EVERY - 1) await sql.query('ROLLBACK');
    else {
      await sql.query('COMMIT');
      ledger.committed(changed.names);
      rows = changed.rows;
    }
    await clock.sleep(EVERY_MS, signal).catch(() => {});
  }
}

const OPERATIONS: Readonly<Record<string, string>> = { c: 'insert', u: 'update', d: 'delete' };

interface Event {
  readonly op: string;
  readonly before: { readonly id: number } | null;
  readonly after: { readonly id: number; readonly revision: number } | null;
  readonly source: { readonly table: string };
}

export const TABLES_SCENE: Scene = {
  connector: 'postgres-tables.json',
  ddl: DDL,
  topics: (mark) => TABLES.map((table) => `${mark === null ? 'shop' : `demo-${mark}`}.public.${table}`),
  marked: (mark) => ({ 'topic.prefix': `demo-${mark}` }),
  commit: commitChanges,
  recognise: ({ value }) => {
    const event = JSON.parse(value) as Event | null;
    // The tombstone behind a delete.
    if (event === null) return null;
    const { op, before, after, source } = event;
    const id = nameOf(source.table, (after ?? before)?.id ?? -1, after === null ? 'deleted' : after.revision);
    return { id, type: OPERATIONS[op] ?? op };
  },
  running: 'running: a service changes orders and customers, Millrace delivers every change (Ctrl-C ends it)',
};
