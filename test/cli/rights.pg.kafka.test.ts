/** The SQL of sql/postgres/ is what the README tells people to run: the connector has to work with these rights alone. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { millrace } from '../support/command.ts';
import { freshOutbox, upTo } from '../support/outbox.ts';
import { waitFor } from '../support/servers.ts';

const PASSWORD = 'pa55word-of-the-role';
const sql = (name: string): string => readFileSync(new URL(`../../sql/postgres/${name}`, import.meta.url), 'utf8');

async function delivers(t: TestContext, statements: string, over: Readonly<Record<string, unknown>>): Promise<string> {
  const outbox = await freshOutbox(t, { 'database.user': 'millrace', 'database.password': PASSWORD, ...over });
  await outbox.db.client.query(statements);
  await outbox.db.client.query(`ALTER ROLE millrace PASSWORD '${PASSWORD}'`);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-rights-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'connector.json'), JSON.stringify(outbox.connector));
  const run = millrace(['run', folder, '--http', '127.0.0.1:0']);
  t.after(() => run.child.kill('SIGKILL'));
  await run.says(/"msg":"(running|failed)"/);
  assert.doesNotMatch(run.stderr(), /"level":"error"/);
  await outbox.insert(1, 5);
  await waitFor('5 records', async () => (await outbox.numbers()).length >= 5);
  run.child.kill('SIGTERM');
  assert.equal(await run.ended, 0);
  assert.deepEqual(await outbox.numbers(), upTo(5));
  const { rows } = await outbox.db.client.query<{ owner: string }>(
    "SELECT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE oid = 'public.outbox'::regclass",
  );
  // The role outlives the database; its rights in it do not.
  await outbox.db.client.query('REASSIGN OWNED BY millrace TO CURRENT_USER; DROP OWNED BY millrace');
  return rows[0]?.owner ?? '';
}

test('with grants.sql the connector creates its publication and delivers', async (t) => {
  assert.equal(await delivers(t, sql('grants.sql'), {}), 'millrace');
});

test('with the first part of grants.sql and publication.sql it needs no rights on the table', async (t) => {
  const [role = '', create = ''] = sql('grants.sql').split(/^(?=DO \$\$ BEGIN EXECUTE)/m);
  assert.match(create, /^DO .*GRANT CREATE[^]*ALTER TABLE public\.outbox OWNER TO millrace;\s*$/);
  const over = { 'publication.autocreate.mode': 'disabled', 'publication.name': 'millrace_postgres_outbox' };
  assert.equal(await delivers(t, role + sql('publication.sql'), over), 'postgres');
});
