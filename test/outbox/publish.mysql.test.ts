import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import mysqlCallbacks from 'mysql2';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import { type ColumnValue, type OutboxEvent, type TransactionClient, publish, row } from '../../src/outbox/publish.ts';
import { type MysqlDatabase, freshMysqlDatabase } from '../support/mysql.ts';
import { freshName } from '../support/servers.ts';

const sqlFile = (name: string): string => readFileSync(new URL(`../../sql/mysql/${name}.sql`, import.meta.url), 'utf8');
const ORDER = { aggregateType: 'order', aggregateId: '7', type: 'Created' } as const;

async function database(t: TestContext): Promise<MysqlDatabase> {
  const fresh = await freshMysqlDatabase();
  t.after(() => fresh.drop());
  return fresh;
}
const settings = ({ name, address: { host, port, user, password } }: MysqlDatabase): mysql.ConnectionOptions => ({
  host,
  port,
  user,
  password,
  database: name,
});
/** What a SELECT gives: arrays, so that the order of columns is seen, too. */
async function rows({ connection }: MysqlDatabase, sql: string): Promise<unknown[][]> {
  const [found] = await connection.query<RowDataPacket[][]>({
    sql,
    rowsAsArray: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  return found;
}

type Ask = (sql: string) => Promise<unknown>;
/** A connection of every kind that mysql2 has, and how it runs plain SQL. */
const CONNECTIONS: Readonly<
  Record<string, (t: TestContext, at: mysql.ConnectionOptions) => Promise<readonly [TransactionClient, Ask]>>
> = {
  'mysql2/promise': async (t, at) => {
    const connection = await mysql.createConnection(at);
    t.after(() => connection.end());
    return [connection, (sql) => connection.query(sql)];
  },
  'a pool of mysql2/promise': async (t, at) => {
    const pool = mysql.createPool(at);
    t.after(() => pool.end());
    const connection = await pool.getConnection();
    t.after(() => connection.release());
    return [connection, (sql) => connection.query(sql)];
  },
  'mysql2 with callbacks': async (t, at) => {
    const connection = mysqlCallbacks.createConnection(at as mysqlCallbacks.ConnectionOptions);
    t.after(() => connection.end());
    return [connection, (sql) => connection.promise().query(sql)];
  },
  'a pool of mysql2 with callbacks': async (t, at) => {
    const pool = mysqlCallbacks.createPool(at as mysqlCallbacks.PoolOptions);
    t.after(() => pool.end());
    const connection = await new Promise<mysqlCallbacks.PoolConnection>((resolve, reject) => {
      pool.getConnection((error, given) => (error ? reject(error) : resolve(given)));
    });
    t.after(() => connection.release());
    return [connection, (sql) => connection.promise().query(sql)];
  },
};
for (const [kind, connect] of Object.entries(CONNECTIONS)) {
  test(`an event is there after COMMIT and not before, and never after ROLLBACK: ${kind}`, async (t) => {
    const db = await database(t);
    await db.connection.query(sqlFile('outbox'));
    const [client, ask] = await connect(t, settings(db));
    await ask('BEGIN');
    await publish(client, { ...ORDER, payload: { n: 0 } });
    await ask('ROLLBACK');
    await ask('START TRANSACTION');
    const id = await publish(client, { ...ORDER, payload: { n: 1 } });
    assert.deepEqual(await rows(db, 'SELECT * FROM outbox'), []);
    await ask('COMMIT');
    assert.deepEqual(await rows(db, 'SELECT * FROM outbox'), [[id, 'order', '7', 'Created', { n: 1 }]]);
    await assert.rejects(publish(client, { ...ORDER, id, payload: null }), { code: 'ER_DUP_ENTRY' });
  });
}

test('a pool, and one of a cluster, is refused and writes nothing', async (t) => {
  const db = await database(t);
  await db.connection.query(sqlFile('outbox'));
  const pools = [mysql.createPool(settings(db)), mysqlCallbacks.createPool(settings(db) as mysqlCallbacks.PoolOptions)];
  const cluster = mysql.createPoolCluster();
  cluster.add(settings(db));
  const event = { ...ORDER, payload: null };
  for (const pool of [...pools, cluster, cluster.of('*')]) {
    await assert.rejects(publish(pool as never, event), /publish was given a pool/);
  }
  assert.deepEqual(await rows(db, 'SELECT * FROM outbox'), []);
  for (const each of [...pools, cluster]) await each.end();
});

/** Of every kind, with the bytes that are to be in the table. */
const PAYLOADS: readonly (readonly [OutboxEvent['payload'], Buffer | null])[] = [
  [{ path: 'C:\\n', quote: `"'`, b: [1, 'ü😀'] }, Buffer.from(`{"path":"C:\\\\n","quote":"\\"'","b":[1,"ü😀"]}`)],
  ['text \\x \0 \u{1F600} ', Buffer.from('text \\x \0 \u{1F600} ')],
  [Buffer.from('{"already": "JSON"}'), Buffer.from('{"already": "JSON"}')],
  ['', Buffer.alloc(0)],
  [null, null],
];
const hex = (bytes: Buffer | null): string | null => bytes?.toString('hex').toUpperCase() ?? null;

test('payloads are stored byte for byte; JSON columns take JSON and say no to bytes', async (t) => {
  const db = await database(t);
  const stored = async (expression: string): Promise<unknown[]> =>
    (await rows(db, `SELECT ${expression} FROM outbox ORDER BY id`)).flat();
  const write = async (payloads: readonly OutboxEvent['payload'][], payloadAs: 'text' | 'bytes'): Promise<void> => {
    for (const [n, payload] of payloads.entries()) {
      await publish(db.connection, { ...ORDER, id: String(n), payload }, { payloadAs });
    }
  };
  const [payloads, bytes] = [PAYLOADS.map(([payload]) => payload), PAYLOADS.map(([, each]) => hex(each))];
  await db.connection.query(sqlFile('outbox').replace(/json$/m, 'longtext'));
  await write(payloads, 'text');
  assert.deepEqual(await stored('HEX(payload)'), bytes);
  await db.connection.query(`DROP TABLE outbox; ${sqlFile('outbox').replace(/json$/m, 'longblob')}`);
  await write([...payloads, new Uint8Array([9, 0, 255, 92, 39]).subarray(1)], 'bytes');
  assert.deepEqual(await stored('HEX(payload)'), [...bytes, '00FF5C27']);
  await db.connection.query(`DROP TABLE outbox; ${sqlFile('outbox')}`);
  await write([{ long: 1, b: 'ü😀\\' }, '[1.0, 2]', null], 'text');
  assert.deepEqual(await stored('CAST(payload AS char)'), ['{"b": "ü😀\\\\", "long": 1}', '[1.0, 2]', null]);
  await assert.rejects(publish(db.connection, { ...ORDER, payload: Buffer.from('{}') }), {
    code: 'ER_INVALID_JSON_CHARSET',
  });
  await assert.rejects(publish(db.connection, { ...ORDER, payload: 'no JSON' }), { code: 'ER_INVALID_JSON_TEXT' });
});

test('ids as text or as 16 bytes, keys and further columns of every type', async (t) => {
  const db = await database(t);
  const connection = await mysql.createConnection({ ...settings(db), timezone: 'Z' });
  t.after(() => connection.end());
  await connection.query("SET time_zone = '+00:00'");
  await connection.query(`CREATE TABLE outbox (
    id binary(16) PRIMARY KEY, aggregatetype varchar(255) CHARACTER SET latin1, aggregateid bigint unsigned, type enum('Created'),
    payload json, tenant varchar(20), big bigint unsigned, small int, ratio double, amount decimal(65, 5), flag boolean,
    at datetime(3), ts timestamp(3), raw varbinary(8), nothing text)`);
  const columns: Record<string, ColumnValue> = {
    tenant: 'ü😀',
    big: 2n ** 64n - 1n,
    small: -5,
    ratio: 0.1,
    amount: '123456789012345678901234567890.12345',
    flag: true,
    at: new Date('2026-02-03T04:05:06.789Z'),
    ts: new Date('2026-02-03T04:05:06.789Z'),
    raw: new Uint8Array([0, 255]),
    nothing: null,
  };
  const event = { ...ORDER, aggregateType: 'Straße', aggregateId: '18446744073709551615', payload: null, columns };
  const id = await publish(connection, event, { idAs: 'bytes' });
  const shown = ['aggregatetype', 'aggregateid', 'type', ...Object.keys(columns)].map((name) => {
    const value = { raw: 'HEX(raw)', ts: 'UNIX_TIMESTAMP(ts)' }[name] ?? name;
    return `CAST(${value} AS char)`;
  });
  assert.deepEqual(await rows(db, `SELECT BIN_TO_UUID(id), ${shown.join()} FROM outbox`), [
    [
      id,
      'Straße',
      '18446744073709551615',
      'Created',
      'ü😀',
      '18446744073709551615',
      '-5',
      '0.1',
      '123456789012345678901234567890.12345',
      '1',
      '2026-02-03 04:05:06.789',
      '1770091506.789',
      '00FF',
      null,
    ],
  ]);
  const given = '0193F0C4-0000-7000-8000-00000000ABCD';
  assert.equal(await publish(connection, { ...ORDER, id: given, payload: null }, { idAs: 'bytes' }), given);
  const stored = await rows(db, 'SELECT BIN_TO_UUID(id) FROM outbox');
  assert.ok(stored.flat().includes(given.toLowerCase()));
});

test('names are names, whatever is in them, in every SQL mode and with named placeholders', async (t) => {
  const db = await database(t);
  const names = {
    id: 'i`d',
    aggregateType: '?',
    aggregateId: ':id',
    type: "t'y\\pe",
    payload: 'x`) VALUES (1); DROP TABLE kept; --',
  };
  const table = 'out`box" ? :a --';
  const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
  await db.connection.query('CREATE TABLE kept (id int)');
  await db.connection.query(
    `CREATE TABLE ${quoted(table)} (${Object.values(names)
      .map((name) => `${quoted(name)} varchar(100)`)
      .join()})`,
  );
  const evil = "'; DROP TABLE kept; -- \\";
  const event = { id: evil, aggregateType: evil, aggregateId: '?', type: ':id', payload: evil };
  const connection = await mysql.createConnection({
    ...settings(db),
    namedPlaceholders: true,
    multipleStatements: true,
  });
  t.after(() => connection.end());
  const modes = ['', 'ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES', 'ANSI,TRADITIONAL'];
  for (const mode of modes) {
    await connection.query(`SET SESSION sql_mode = '${mode}'`);
    await publish(connection, event, { schema: db.name, table, columns: names });
  }
  assert.deepEqual(
    await rows(db, `SELECT * FROM ${quoted(table)}`),
    modes.map(() => Object.values(event)),
  );
  assert.deepEqual(await rows(db, 'SELECT * FROM kept'), []);
});

test('row gives a query builder what it inserts: mysql2’s own SET ?, and columns with their values', async (t) => {
  const db = await database(t);
  await db.connection.query(sqlFile('outbox'));
  const one = row({ ...ORDER, payload: { quote: `"'\\` } });
  await db.connection.query('INSERT INTO outbox SET ?', [one]);
  const two = row({ ...ORDER, type: 'Paid', payload: null });
  await db.connection.query('INSERT INTO outbox (??) VALUES (?)', [Object.keys(two), Object.values(two)]);
  assert.deepEqual(await rows(db, 'SELECT * FROM outbox ORDER BY type'), [
    [one.id, 'order', '7', 'Created', { quote: `"'\\` }],
    [two.id, 'order', '7', 'Paid', null],
  ]);
});

test('sql/mysql may run again; its account reads the log and the outbox, and no more, once it has a password', async (t) => {
  const account = freshName('millrace');
  const db = await freshMysqlDatabase();
  const grants = sqlFile('grants').replace(/--.*$/gm, '').replaceAll('millrace', account);
  t.after(async () => {
    await db.connection.query(`DROP USER ${account}`);
    await db.drop();
  });
  for (const _ of ['first', 'again']) await db.connection.query(sqlFile('outbox') + grants);
  const login = { ...settings(db), user: account, password: 'pa55word-of-the-test' };
  await assert.rejects(mysql.createConnection({ ...login, password: '' }), { code: 'ER_ACCOUNT_HAS_BEEN_LOCKED' });
  await db.connection.query(`ALTER USER ${account} IDENTIFIED BY 'pa55word-of-the-test' ACCOUNT UNLOCK`);
  const connection = await mysql.createConnection(login);
  t.after(() => connection.end());
  assert.equal((await connection.query<RowDataPacket[]>('SHOW BINARY LOG STATUS'))[0].length, 1);
  await connection.query('SELECT * FROM outbox');
  await assert.rejects(publish(connection, { ...ORDER, payload: null }), { code: 'ER_TABLEACCESS_DENIED_ERROR' });
});

/** Never called: the compiler is the test. */
export async function types(
  connection: mysql.Connection,
  pooled: mysql.PoolConnection,
  pool: mysql.Pool,
  callbacks: mysqlCallbacks.Connection,
  pooledCallbacks: mysqlCallbacks.PoolConnection,
  poolCallbacks: mysqlCallbacks.Pool,
): Promise<void> {
  const event: OutboxEvent = { ...ORDER, payload: null };
  await publish(connection, event);
  await publish(pooled, event);
  await publish(callbacks, event);
  await publish(pooledCallbacks, event);
  // @ts-expect-error: a pool commits apart from the transaction
  await publish(pool, event);
  // @ts-expect-error: so does one with callbacks
  await publish(poolCallbacks, event);
}
