/** The MySQL that all test files share, and a database of one's own in it. */
import { after } from 'node:test';
import { type Connection, createConnection } from 'mysql2/promise';
import { type MysqlAddress, type MysqlServer, startMysql } from './mysql-server.ts';
import { freshName } from './servers.ts';

let own: Promise<MysqlServer> | null = null;
// Of the file, not of the test that asks first.
after(async () => (await own)?.dispose());

/** The one that `npm test` started, or that MILLRACE_TEST_MYSQL names; else one of this process. */
export async function mysql(): Promise<MysqlAddress> {
  const given = process.env['MILLRACE_TEST_MYSQL'];
  if (given) return JSON.parse(given) as MysqlAddress;
  own ??= startMysql((line) => process.stderr.write(`${line}\n`));
  return own;
}

export interface MysqlDatabase {
  readonly name: string;
  readonly address: MysqlAddress;
  readonly connection: Connection;
  drop(): Promise<void>;
}

/** A database of its own; `connection` is in it. */
export async function freshMysqlDatabase(): Promise<MysqlDatabase> {
  const address = await mysql();
  const { host, port, user, password } = address;
  const name = freshName('test');
  const connection = await createConnection({ host, port, user, password, multipleStatements: true });
  await connection.query(`CREATE DATABASE ${name}; USE ${name}`);
  const drop = async (): Promise<void> => {
    // A test that failed within a transaction holds its tables still.
    await connection.query(`SET lock_wait_timeout = 10; DROP DATABASE ${name}`);
    await connection.end();
  };
  return { name, address, connection, drop };
}
