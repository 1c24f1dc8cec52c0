import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { PostgresServer } from './postgres-server.ts';

/** A session on the demo's server, with the outbox table of sql/postgres/ in place. */
export async function openDatabase({ host, port, user, password }: PostgresServer): Promise<pg.Client> {
  const sql = new pg.Client({ host, port, user, password, database: 'postgres' });
  // Unheard, the end of the server would end the process.
  sql.on('error', () => {});
  await sql.connect();
  await sql.query(readFileSync(new URL('../../sql/postgres/outbox.sql', import.meta.url), 'utf8'));
  return sql;
}
