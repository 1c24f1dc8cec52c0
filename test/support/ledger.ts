/**
 * The ledger: writers that commit numbered rows to the outbox, so that whoever reads them on the other side can tell
 * exactly what is missing, repeated, torn or out of order. The table is the truth: a COMMIT whose answer never came is
 * looked up.
 */
import pg from 'pg';
import { type Random, seededRandom } from './random.ts';
import type { PostgresAddress } from './servers.ts';

export const LEDGER_TYPES = ['order', 'payment', 'shipment'] as const;

/** A row's payload, as it is delivered. */
export interface LedgerRow {
  /** Writer. */
  readonly w: number;
  /** Number of the row among the committed rows of its writer, from 1 without a gap; 0 in rows that never commit. */
  readonly s: number;
  /** Number of the transaction among all that its writer began: one that was rolled back is never used again. */
  readonly t: number;
  /** Rows in the transaction. */
  readonly n: number;
  /** Index in the transaction, from 0. */
  readonly i: number;
  /** Number of the row among those of its key, from 1 without a gap, where several writers share the key. */
  readonly k: number | null;
}

export interface LedgerOptions {
  readonly server: PostgresAddress;
  readonly database: string;
  readonly seed: number;
  readonly writers: number;
  /** Rows of an ordinary transaction: 1 to this many. */
  readonly rows: number;
  /** Rows of a large transaction: half of this to this many. */
  readonly largeRows: number;
  /** One transaction in so many is large; 0: none. */
  readonly largeEvery: number;
  /** Rows a second, all writers together; large transactions count as what they are. */
  readonly rowsPerSecond: number;
  /** Filling of the payload, in characters. */
  readonly padding: number;
}

/** What the table says about one committed row. */
export interface TruthRow {
  readonly topic: string;
  readonly key: string;
  readonly payload: string;
}

interface Writer {
  readonly number: number;
  readonly random: Random;
  client: pg.Client | null;
  /** Last committed row number. */
  sequence: number;
  /** Last transaction number that was begun. */
  transaction: number;
}

const DDL = `
  CREATE TABLE ledger_transaction (writer int, number int, rows int, PRIMARY KEY (writer, number));
  CREATE TABLE ledger_key (key text PRIMARY KEY, rows int NOT NULL);
  INSERT INTO ledger_key VALUES ('shared-0', 0), ('shared-1', 0), ('shared-2', 0);`;

/** Parameters: writer, sequence before, transaction, rows, first index, last index, padding, types. */
const INSERT = `
  INSERT INTO outbox
  SELECT md5(concat_ws('/', $1::int, $3::int, i))::uuid, ($8::text[])[1 + ($2 + i) % 5 % 3], concat('w', $1::int, '-', ($2 + i) % 5), 'Ledger',
         jsonb_build_object('w', $1::int, 's', $2 + i + 1, 't', $3::int, 'n', $4::int, 'i', i, 'k', NULL, 'pad', repeat(chr(97 + i % 26), $7))
    FROM generate_series($5::int, $6::int) AS i`;
/** The same with a key that all writers use; its counter's row lock is held until the commit, so numbers follow commits. */
const INSERT_SHARED = `
  WITH counter AS (UPDATE ledger_key SET rows = rows + $6::int - $5::int + 1 WHERE key = 'shared-' || $9::int RETURNING rows - ($6::int - $5::int) AS first)
  INSERT INTO outbox
  SELECT md5(concat_ws('/', $1::int, $3::int, i))::uuid, ($8::text[])[1 + $9::int], 'shared-' || $9::int, 'Ledger',
         jsonb_build_object('w', $1::int, 's', $2 + i + 1, 't', $3::int, 'n', $4::int, 'i', i, 'k', first + i - $5::int, 'pad', repeat(chr(97 + i % 26), $7))
    FROM counter, generate_series($5::int, $6::int) AS i ORDER BY i`;
/** Rows that a savepoint takes back. */
const INSERT_GHOSTS = `
  INSERT INTO outbox
  SELECT gen_random_uuid(), ($3::text[])[1 + i % 3], 'ghost', 'Ledger',
         jsonb_build_object('w', $1::int, 's', 0, 't', $2::int, 'n', 0, 'i', i, 'k', NULL)
    FROM generate_series(0, 4) AS i`;

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #writers: Writer[];
  #running: Promise<void> | null = null;
  #stopping = false;
  #rolledBack = 0;
  #reconnects = 0;
  #transactions = 0;
  #large = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
    const random = seededRandom(options.seed);
    this.#writers = Array.from({ length: options.writers }, (_, number) => ({
      number,
      random: random.fork(number),
      client: null,
      sequence: 0,
      transaction: 0,
    }));
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Rows committed so far. */
  get committed(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.sequence, 0);
  }

  get figures(): Readonly<Record<string, number>> {
    return {
      rows: this.committed,
      transactions: this.#transactions,
      large: this.#large,
      rolledBack: this.#rolledBack,
      reconnects: this.#reconnects,
    };
  }

  /** Once per database, beside the outbox. */
  async createTables(): Promise<void> {
    await this.#query(DDL);
  }

  start(): void {
    this.#stopping = false;
    this.#running = Promise.all(this.#writers.map((writer) => this.#write(writer))).then(() => {});
    // Seen by `stop`; until then it must not count as unhandled.
    this.#running.catch(() => {});
  }

  /** Ends the transactions under way and closes the sessions. Rejects with what a writer could not survive. */
  async stop(): Promise<void> {
    this.#stopping = true;
    try {
      await this.#running;
    } finally {
      this.#running = null;
      for (const writer of this.#writers) await disconnect(writer);
    }
  }

  /** Commits one transaction of so many rows, while nothing else runs. */
  async commitLarge(rows: number): Promise<void> {
    const writer = this.#writers[0];
    if (!writer || this.#running) throw new Error('the ledger has to be stopped first');
    while (!(await this.#transact(writer, { rows, rollback: false, shared: null, ghosts: false }))) {
      // A server that went away in the middle: again, under a new number.
    }
    await disconnect(writer);
  }

  /** All committed rows, as the table has them. */
  async truth(): Promise<readonly TruthRow[]> {
    const result = await this.#query<TruthRow>(
      'SELECT aggregatetype AS topic, aggregateid AS key, payload::text AS payload FROM outbox',
    );
    return result.rows;
  }

  /** Cleans the outbox up, as a service would; its numbers go on. */
  async forget(): Promise<void> {
    await this.#query('DELETE FROM outbox');
    await this.#query('DELETE FROM ledger_transaction');
  }

  /** Some statement in the ledger's database, on a session of its own. */
  async run(sql: string): Promise<void> {
    await this.#query(sql);
  }

  async #write(writer: Writer): Promise<void> {
    const { rows, largeRows, largeEvery, rowsPerSecond, writers } = this.#options;
    const { random } = writer;
    let dueAt = Date.now();
    while (!this.#stopping) {
      const large = largeEvery > 0 && random.chance(1 / largeEvery);
      const count = large ? random.between(Math.ceil(largeRows / 2), largeRows) : random.between(1, rows);
      await this.#transact(writer, {
        rows: count,
        rollback: random.chance(0.1),
        shared: large || random.chance(0.5) ? null : random.between(0, 2),
        ghosts: random.chance(0.1),
      });
      if (large) this.#large++;
      // What an outage has held up is not caught up with: the load stays modest.
      dueAt = Math.max(dueAt + (count * 1000 * writers) / rowsPerSecond, Date.now() - 1000);
      while (Date.now() < dueAt && !this.#stopping) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** True when it has committed. */
  async #transact(
    writer: Writer,
    plan: {
      readonly rows: number;
      readonly rollback: boolean;
      readonly shared: number | null;
      readonly ghosts: boolean;
    },
  ): Promise<boolean> {
    const number = ++writer.transaction;
    let committing = false;
    let committed = false;
    try {
      const client = (writer.client ??= await this.#connect());
      await client.query('BEGIN');
      await this.#insert(client, writer, number, plan);
      await client.query('INSERT INTO ledger_transaction VALUES ($1, $2, $3)', [writer.number, number, plan.rows]);
      committing = !plan.rollback;
      await client.query(plan.rollback ? 'ROLLBACK' : 'COMMIT');
      committed = committing;
    } catch (error) {
      if (!isOutage(error)) throw error;
      this.#reconnects++;
      await disconnect(writer);
      if (committing) committed = await this.#didCommit(writer, number);
    }
    if (committed) {
      writer.sequence += plan.rows;
      this.#transactions++;
    } else this.#rolledBack++;
    return committed;
  }

  async #insert(
    client: pg.Client,
    writer: Writer,
    number: number,
    { rows, shared, ghosts }: { readonly rows: number; readonly shared: number | null; readonly ghosts: boolean },
  ): Promise<void> {
    const { padding } = this.#options;
    const insert = (from: number, to: number): Promise<unknown> =>
      client.query(INSERT, [writer.number, writer.sequence, number, rows, from, to, padding, LEDGER_TYPES]);
    // Several statements, so that the transactions of the writers interleave in the log.
    const own = shared === null ? rows : Math.floor(rows / 2);
    const half = Math.ceil(own / 2);
    if (half > 0) await insert(0, half - 1);
    if (ghosts) {
      await client.query('SAVEPOINT ghosts');
      await client.query(INSERT_GHOSTS, [writer.number, number, LEDGER_TYPES]);
      await client.query('ROLLBACK TO SAVEPOINT ghosts');
    }
    if (own > half) await insert(half, own - 1);
    if (shared === null) return;
    await client.query(INSERT_SHARED, [
      writer.number,
      writer.sequence,
      number,
      rows,
      own,
      rows - 1,
      padding,
      LEDGER_TYPES,
      shared,
    ]);
  }

  /** A server accepts new sessions only when its old ones are gone, so the answer is final. */
  async #didCommit(writer: Writer, number: number): Promise<boolean> {
    const result = await this.#query('SELECT FROM ledger_transaction WHERE writer = $1 AND number = $2', [
      writer.number,
      number,
    ]);
    return result.rowCount === 1;
  }

  /** On a session of its own, again and again until the server is there. */
  async #query<R extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<pg.QueryResult<R>> {
    for (const until = Date.now() + 60_000; ; ) {
      let client: pg.Client | null = null;
      try {
        client = await this.#connect();
        return await client.query<R>(sql, values);
      } catch (error) {
        if (!isOutage(error) || Date.now() > until) throw error;
      } finally {
        await client?.end().catch(() => {});
      }
    }
  }

  async #connect(): Promise<pg.Client> {
    const { server, database } = this.#options;
    const { host, port, user, password } = server;
    for (const until = Date.now() + 60_000; ; ) {
      const client = new pg.Client({ host, port, user, password, database, application_name: 'ledger' });
      client.on('error', () => {});
      try {
        await client.connect();
        return client;
      } catch (error) {
        await client.end().catch(() => {});
        if (!isOutage(error) || Date.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

async function disconnect(writer: Writer): Promise<void> {
  const { client } = writer;
  writer.client = null;
  await client?.end().catch(() => {});
}

/** The server went away or is not there yet, as against a statement it does not like. */
function isOutage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return !/^[0-9A-Z]{5}$/.test(code) || /^(08|57)/.test(code) || error instanceof AggregateError;
}
