/**
 * Writers that insert, update, delete, move to other keys and truncate, over tables of every kind of key and replica
 * identity, and that know of every change they have committed which events it has to make, in order per key.
 */
import pg from 'pg';
import type { Random } from './random.ts';
import type { PostgresAddress, committed } from './servers.ts';

type CommittedRecord = Awaited<ReturnType<typeof committed>>[number];
type Row = Readonly<Record<string, unknown>>;
interface Event {
  readonly op: string;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly source: { readonly txId: number };
}

export interface WorkloadTable {
  readonly name: string;
  readonly ddl: readonly string[];
  /** The columns of the key, in its order; none: events have no key. */
  readonly key: readonly string[];
  /** Those by which a writer finds its row. */
  readonly row: (writer: number, slot: number) => Row;
  /** REPLICA IDENTITY FULL. */
  readonly whole: boolean;
  /** One writer alone works on it, and empties it. */
  readonly truncated?: boolean;
}

const REST = 'w int NOT NULL, n int NOT NULL, body text';
const number = (writer: number, slot: number): number => writer * 1000 + slot;
export const TABLES: readonly WorkloadTable[] = [
  {
    name: 'accounts',
    ddl: [`CREATE TABLE accounts (id int PRIMARY KEY, ${REST})`],
    key: ['id'],
    row: (writer, slot) => ({ id: number(writer, slot) }),
    whole: false,
  },
  {
    name: 'whole',
    ddl: [`CREATE TABLE whole (id int PRIMARY KEY, ${REST})`, 'ALTER TABLE whole REPLICA IDENTITY FULL'],
    key: ['id'],
    row: (writer, slot) => ({ id: number(writer, slot) }),
    whole: true,
  },
  {
    name: 'pairs',
    ddl: [`CREATE TABLE pairs (a int, ${REST}, b text, PRIMARY KEY (b, a))`],
    key: ['b', 'a'],
    row: (writer, slot) => ({ b: `b"${slot % 3}`, a: number(writer, slot) }),
    whole: false,
  },
  {
    name: 'coded',
    ddl: [
      `CREATE TABLE coded (id serial PRIMARY KEY, code text NOT NULL UNIQUE, ${REST})`,
      'ALTER TABLE coded REPLICA IDENTITY USING INDEX coded_code_key',
    ],
    key: ['code'],
    row: (writer, slot) => ({ code: `c-${writer}-${slot}` }),
    whole: false,
  },
  {
    // A key so large that it lies outside of its row.
    name: 'documents',
    ddl: [
      `CREATE TABLE documents (id text PRIMARY KEY, ${REST})`,
      'ALTER TABLE documents ALTER id SET STORAGE EXTERNAL',
    ],
    key: ['id'],
    row: (writer, slot) => ({ id: `${writer}-${slot}-`.padEnd(2400, 'x') }),
    whole: false,
  },
  {
    name: 'keyless',
    ddl: [`CREATE TABLE keyless (id int, ${REST})`, 'ALTER TABLE keyless REPLICA IDENTITY FULL'],
    key: [],
    row: (writer, slot) => ({ id: number(writer, slot) }),
    whole: true,
  },
  {
    name: 'scratch',
    ddl: [`CREATE TABLE scratch (id int PRIMARY KEY, ${REST})`],
    key: ['id'],
    row: (writer, slot) => ({ id: number(writer, slot) }),
    whole: false,
    truncated: true,
  },
];

const SLOTS = 12;
const LARGE_CHANGES = 250;
/** What an unchanged large value is in events. */
export const placeholderOf = '(unchanged)';

type History = Map<string, string[]>;
/** Without a key, or with truncations between, there is one history of the table. */
const TOGETHER = 'together';

interface Writer {
  readonly id: number;
  readonly random: Random;
  readonly client: pg.Client;
  /** Numbers of changes, counted on through rollbacks. */
  n: number;
  /** Slots that hold a row, and the number of its last change, by table. */
  alive: Map<string, Map<number, number>>;
}
interface Planned {
  readonly table: WorkloadTable;
  readonly key: string;
  readonly event: string;
}

export class TableWorkload {
  readonly #options: { server: PostgresAddress; database: string; random: Random; writers: number };
  readonly #histories = new Map(TABLES.map((table) => [table.name, new Map<string, string[]>()]));
  /** Events of each committed transaction, by its id; tombstones do not count. */
  readonly transactions = new Map<string, number>();
  readonly #kinds = new Map<string, number>();
  #rolledBack = 0;
  #stopping = false;
  #running: Promise<unknown> | null = null;

  constructor(options: { server: PostgresAddress; database: string; random: Random; writers: number }) {
    this.#options = options;
  }

  get figures(): Readonly<Record<string, number>> {
    return { transactions: this.transactions.size, rolledBack: this.#rolledBack, ...Object.fromEntries(this.#kinds) };
  }

  async createTables(): Promise<void> {
    const client = await this.#connect();
    for (const { name, ddl } of TABLES) {
      for (const statement of ddl) await client.query(statement);
      await client.query(`ALTER TABLE ${name} ALTER body SET STORAGE EXTERNAL`);
    }
    await client.query('CREATE TABLE zz_end (id int PRIMARY KEY)');
    await client.end();
  }

  start(): void {
    const { random, writers } = this.#options;
    this.#running = Promise.all(Array.from({ length: writers }, (_, id) => this.#write(id, random.fork(id))));
    this.#running.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  /** What the events of a table have to be, by key. */
  historyOf({ name, key }: WorkloadTable): ReadonlyMap<string, readonly string[]> {
    const history = this.#histories.get(name) ?? new Map<string, string[]>();
    return key.length > 0 ? history : new Map([...history].map(([of, events]) => [of, events.toSorted()]));
  }

  async #connect(): Promise<pg.Client> {
    const { host, port, user, password } = this.#options.server;
    const client = new pg.Client({ host, port, user, password, database: this.#options.database });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async #write(id: number, random: Random): Promise<void> {
    const alive = new Map(TABLES.map(({ name }) => [name, new Map<number, number>()]));
    const writer: Writer = { id, random, client: await this.#connect(), n: 0, alive };
    try {
      while (!this.#stopping) await this.#transact(writer);
    } finally {
      await writer.client.end();
    }
  }

  async #transact(writer: Writer): Promise<void> {
    const { client, random } = writer;
    const before = new Map([...writer.alive].map(([name, slots]) => [name, new Map(slots)]));
    const planned: Planned[] = [];
    await client.query('BEGIN');
    const changes = random.chance(0.03) ? LARGE_CHANGES : random.between(1, 8);
    const altersAt = writer.id === 0 && random.chance(0.1) ? random.between(0, changes - 1) : -1;
    try {
      for (let i = 0; i < changes; i++) {
        if (i === altersAt) await alter(writer);
        planned.push(...(await change(writer)));
      }
    } catch (error) {
      if ((error as pg.DatabaseError).code !== DEADLOCK) throw error;
      await client.query('ROLLBACK');
      writer.alive = before;
      this.#rolledBack++;
      return;
    }
    if (random.chance(0.15)) {
      await client.query('SAVEPOINT ghosts');
      const kept = new Map([...writer.alive].map(([name, slots]) => [name, new Map(slots)]));
      await change(writer);
      await client.query('ROLLBACK TO SAVEPOINT ghosts');
      writer.alive = kept;
    }
    if (random.chance(0.1)) {
      await client.query('ROLLBACK');
      writer.alive = before;
      this.#rolledBack++;
      return;
    }
    const { rows } = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
    await client.query('COMMIT');
    this.#remember(String(rows[0]?.xid), planned);
  }

  #remember(xid: string, planned: readonly Planned[]): void {
    this.transactions.set(xid, planned.filter(({ event }) => event !== TOMBSTONE).length);
    for (const { table, key, event } of planned) {
      const history = this.#histories.get(table.name) as History;
      const events = history.get(key) ?? [];
      history.set(key, events);
      events.push(event);
      const kind = event.split(':')[0] ?? '';
      this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
    }
  }
}

const TOMBSTONE = 'tombstone';
const DEADLOCK = '40P01';

/** The table as the log describes it changes in the middle of a transaction, and the catalog is ahead of the log. */
async function alter({ client, random }: Writer): Promise<void> {
  const { name } = random.pick(TABLES);
  const { rowCount } = await client.query(
    "SELECT FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'extra' AND NOT attisdropped",
    [name],
  );
  await client.query(
    rowCount === 0 ? `ALTER TABLE ${name} ADD extra int NOT NULL DEFAULT 7` : `ALTER TABLE ${name} DROP extra`,
  );
  if (name === 'accounts')
    await client.query(`ALTER TABLE accounts REPLICA IDENTITY ${random.chance(0.5) ? 'FULL' : 'DEFAULT'}`);
}

/** One change at random, and the events that it has to make. */
async function change(writer: Writer): Promise<readonly Planned[]> {
  const { random, client, id } = writer;
  const table = random.pick(TABLES.filter(({ truncated }) => truncated !== true || id === 0));
  const alive = writer.alive.get(table.name) as Map<number, number>;
  if (table.truncated === true && random.chance(0.1)) {
    await client.query(`TRUNCATE ${table.name}`);
    alive.clear();
    return [{ table, key: TOGETHER, event: 't' }];
  }
  const slot = random.between(0, SLOTS - 1);
  const row = table.row(id, slot);
  const was = alive.get(slot);
  const n = ++writer.n;
  const plan = (of: Row, event: string): Planned => ({ table, key: historyKey(table, of), event });
  if (was === undefined) {
    await insert(client, table, { ...row, w: id, n, body: bodyOf(random, n) });
    alive.set(slot, n);
    return [plan(row, `c:${id}.${n}`)];
  }
  const deleted = [plan(row, table.whole ? `d:${id}.${was}` : 'd'), plan(row, TOMBSTONE)];
  if (random.chance(0.2)) {
    await client.query(`DELETE FROM ${table.name} WHERE ${conditions(row)}`, Object.values(row));
    alive.delete(slot);
    return deleted;
  }
  const other = random.between(0, SLOTS - 1);
  const moves = table.key.length > 0 && random.chance(0.25) && !alive.has(other);
  const target = moves ? table.row(id, other) : row;
  // Where old rows are not whole, nobody could tell what a large value was that moves to another key unchanged.
  const body = random.chance(0.3) || (moves && !table.whole) ? { body: bodyOf(random, n) } : {};
  const serial = table.name === 'coded' && random.chance(0.3) ? ", id = nextval('coded_id_seq')" : '';
  const set = { ...(moves ? target : {}), n, ...body };
  const names = Object.keys(row).length;
  const assignments = Object.keys(set).map((column, i) => `${column} = $${names + i + 1}`);
  await client.query(`UPDATE ${table.name} SET ${assignments.join(', ')}${serial} WHERE ${conditions(row)}`, [
    ...Object.values(row),
    ...Object.values(set),
  ]);
  alive.delete(slot);
  alive.set(moves ? other : slot, n);
  if (moves) return [...deleted, plan(target, `c:${id}.${n}`)];
  return [plan(row, `u:${table.whole ? `${id}.${was}>` : ''}${id}.${n}`)];
}

function conditions(row: Row): string {
  return Object.keys(row)
    .map((column, i) => `${column} = $${i + 1}`)
    .join(' AND ');
}

async function insert(client: pg.Client, { name }: WorkloadTable, row: Row): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_, i) => `$${i + 1}`);
  await client.query(`INSERT INTO ${name} (${columns.join(', ')}) VALUES (${places.join(', ')})`, Object.values(row));
}

/** Small, nothing, or so large that it is not sent again when it does not change. */
function bodyOf(random: Random, n: number): string | null {
  if (random.chance(0.1)) return null;
  return random.chance(0.5) ? `ü"\\${n}` : `${n}\n"`.repeat(800);
}

function historyKey(table: WorkloadTable, row: Row): string {
  if (table.key.length === 0 || table.truncated === true) return TOGETHER;
  return JSON.stringify(Object.fromEntries(table.key.map((column) => [column, row[column]])));
}

const stamp = (row: Row | null): string => `${String(row?.['w'])}.${String(row?.['n'])}`;

/** The events of a topic in the words of the workload; counts those of each transaction. */
export function historyOf(
  table: WorkloadTable,
  records: readonly CommittedRecord[],
  transactions: Map<string, number>,
): ReadonlyMap<string, readonly string[]> {
  const history: History = new Map();
  for (const { key, value } of records) {
    const of = table.key.length === 0 || table.truncated === true ? TOGETHER : String(key);
    const event = value === null ? null : (JSON.parse(String(value)) as Event);
    if (event !== null) {
      const xid = String(event.source.txId);
      transactions.set(xid, (transactions.get(xid) ?? 0) + 1);
    }
    const events = history.get(of) ?? [];
    history.set(of, events);
    events.push(event === null ? TOMBSTONE : wordOf(table, event));
  }
  return table.key.length > 0 ? history : new Map([...history].map(([of, events]) => [of, events.toSorted()]));
}

function wordOf({ whole }: WorkloadTable, { op, before, after }: Event): string {
  if (op === 'd') return whole ? `d:${stamp(before)}` : 'd';
  if (op === 'u') return `u:${whole ? `${stamp(before)}>` : ''}${stamp(after)}`;
  return op === 'c' ? `c:${stamp(after)}` : op;
}

/** The columns that a table always has. */
export const columnsOf = ({ name, key }: WorkloadTable): string =>
  [...new Set([...(name === 'coded' ? ['id'] : []), ...key, 'w', 'n', 'body'])].join(', ');

/** The table as a consumer of its topic has it. */
export function rebuilt(table: WorkloadTable, records: readonly CommittedRecord[]): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const { key, value } of records) {
    if (value === null) continue;
    const event = JSON.parse(String(value)) as Event;
    if (event.op === 't') rows.clear();
    else if (event.after === null) rows.delete(String(key));
    else {
      const before = rows.get(String(key));
      const { body } = event.after;
      const row = { ...event.after, body: body === placeholderOf && !table.whole ? before?.['body'] : body };
      rows.set(
        String(key),
        Object.fromEntries(
          columnsOf(table)
            .split(', ')
            .map((column) => [column, row[column as keyof typeof row]]),
        ),
      );
    }
  }
  return [...rows.values()];
}
