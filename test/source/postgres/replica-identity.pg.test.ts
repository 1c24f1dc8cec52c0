import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planDatabase } from '../../../src/source/postgres/plan.ts';
import type { IdentityRule } from '../../../src/source/postgres/replica-identity.ts';
import { CLUSTER, OUTBOX_DDL, runSource, sourceSettings } from '../../support/postgres-source.ts';
import { freshDatabase, freshName, postgres } from '../../support/servers.ts';

test('captured tables get the replica identity that is asked for, and plan says so before', async (t) => {
  const server = await postgres(18);
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(OUTBOX_DDL);
  await db.client.query('CREATE TABLE items (id int PRIMARY KEY, code text NOT NULL UNIQUE)');
  await db.client.query('CREATE TABLE other (id int PRIMARY KEY)');
  const rules: readonly IdentityRule[] = [
    { table: /^public\.(?:outbox|other)$/i, identity: 'FULL' },
    { table: /^public\.items$/i, identity: { index: 'items_code_key' } },
  ];
  const base = sourceSettings(server, db.name);
  const settings = { ...base, includeTables: [/^public\.(?:outbox|items)$/i], identities: rules };
  const asked = { position: null, claim: null, clusterId: CLUSTER, needed: [], signal: new AbortController().signal };
  const plan = await planDatabase({ settings, ...asked });
  assert.deepEqual(
    plan.findings.flatMap(({ statement }) => (statement?.includes('REPLICA IDENTITY') ? [statement] : [])),
    [
      'ALTER TABLE public.items REPLICA IDENTITY USING INDEX "items_code_key"',
      'ALTER TABLE public.outbox REPLICA IDENTITY FULL',
    ],
  );
  const run = await runSource(settings);
  await run.stop();
  const { rows } = await db.client.query<{ name: string; identity: string }>(
    "SELECT relname AS name, relreplident AS identity FROM pg_class WHERE relname IN ('outbox', 'items', 'other') ORDER BY 1",
  );
  assert.deepEqual(
    rows.map(({ name, identity }) => `${name} ${identity}`),
    ['items i', 'other d', 'outbox f'],
  );
  const after = await planDatabase({ settings, ...asked });
  assert.ok(!JSON.stringify(after.findings).includes('REPLICA IDENTITY'));
  const twice = { ...settings, identities: [...rules, ...rules] };
  const refused = (await planDatabase({ settings: twice, ...asked })).findings.filter(
    ({ level }) => level === 'obstacle',
  );
  assert.match(JSON.stringify(refused), /two parts of .* match public\.items/);
});

test('a table of another role is named with the statement for its owner', async (t) => {
  const server = await postgres(18);
  const db = await freshDatabase(server);
  const role = freshName('role');
  t.after(async () => {
    await db.drop();
    const admin = await freshDatabase(server);
    await admin.client.query(`DROP ROLE ${role}`);
    await admin.drop();
  });
  await db.client.query(OUTBOX_DDL);
  await db.client.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'pa55word of the role'`);
  const settings = {
    ...sourceSettings(server, db.name, { user: role, password: 'pa55word of the role' }),
    publicationAutocreate: 'disabled' as const,
    identities: [{ table: /^public\.outbox$/i, identity: 'FULL' as const }],
  };
  await db.client.query(`CREATE PUBLICATION "${settings.publicationName}" FOR TABLE outbox`);
  await assert.rejects(runSource(settings), {
    kind: 'database-rejected',
    message: /does not own public\.outbox.*ALTER TABLE public\.outbox REPLICA IDENTITY FULL/,
  });
});
