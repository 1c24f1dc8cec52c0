import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { connect, socketOf } from '../../../src/source/postgres/connection.ts';
import type { PostgresSettings } from '../../../src/source/postgres/settings.ts';
import { walsenderName } from '../../../src/source/postgres/slot.ts';
import { ReplicationStream, startReplication } from '../../../src/source/postgres/stream.ts';
import { CLUSTER, OUTBOX_DDL, insertOutbox, runSource, sourceSettings } from '../../support/postgres-source.ts';
import { type Database, freshDatabase, freshName, postgres, waitFor } from '../../support/servers.ts';

const GRANTS = readFileSync(new URL('../../../sql/postgres/grants.sql', import.meta.url), 'utf8');

/** A database in which our role has what sql/postgres/grants.sql gives, and nothing more. */
async function setting(t: TestContext, major: 14 | 18): Promise<{ db: Database; settings: PostgresSettings }> {
  const server = await postgres(major);
  const db = await freshDatabase(server);
  const role = freshName('role');
  t.after(async () => {
    await db.drop();
    const admin = await freshDatabase(server);
    await admin.client.query(`DROP ROLE ${role}`);
    await admin.drop();
  });
  await db.client.query(OUTBOX_DDL);
  await db.client.query(GRANTS.replaceAll(/\bmillrace\b/g, role).replaceAll(/\borders\b/g, db.name));
  await db.client.query(`ALTER ROLE ${role} PASSWORD 'pa55word of the role'`);
  return { db, settings: sourceSettings(server, db.name, { user: role, password: 'pa55word of the role' }) };
}

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: the rights of sql/postgres/grants.sql are enough to start, to resume and to end a stale walsender`, async (t) => {
    const { db, settings } = await setting(t, major);
    const first = await runSource(settings);
    await insertOutbox(db, 'a');
    await waitFor('the row', async () => first.delivered().length > 0);
    await first.stop();
    const { signal } = new AbortController();
    const applicationName = walsenderName(CLUSTER, settings.transactionalId);
    const stale = await connect(settings, { applicationName, replication: true, signal });
    t.after(() => void socketOf(stale).destroy());
    const options = { proto_version: '1', publication_names: settings.publicationName };
    await new ReplicationStream(stale, signal).start(startReplication(settings.slotName, 0n, options), 0n);
    const second = await runSource(settings, { position: first.fragments.at(-1)?.position ?? null });
    t.after(() => second.stop());
    await insertOutbox(db, 'b');
    await waitFor('the row', async () => second.delivered().length > 0);
    assert.deepEqual(second.delivered(), ['b']);
  });

  test(`PostgreSQL ${major}: without the right to replicate, or to publish the table, the remedy is named`, async (t) => {
    const { db, settings } = await setting(t, major);
    await db.client.query('ALTER TABLE outbox OWNER TO postgres');
    await assert.rejects(runSource(settings), {
      kind: 'database-rejected',
      message: /CREATE PUBLICATION .*must be owner of table outbox/,
    });
    await db.client.query(`ALTER ROLE ${settings.user} NOREPLICATION`);
    await assert.rejects(runSource(settings), {
      kind: 'database-rejected',
      message: /replication.*grants\.sql|permission denied to start WAL sender.*grants\.sql/,
    });
  });
}
