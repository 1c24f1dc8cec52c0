import pg from 'pg';
import type { PostgresServer } from './postgres-server.ts';

/** A session on the demo's server, with the tables of a scene in place. */
export async function openDatabase({ host, port, user, password }: PostgresServer, ddl: string): Promise<pg.Client> {
  const sql = new pg.Client({ host, port, user, password, database: 'postgres' });
  // Unheard, the end of the server would end the process.
  sql.on('error', () => {});
  await sql.connect();
  await sql.query(ddl);
  return sql;
}
