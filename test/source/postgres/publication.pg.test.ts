import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ensurePublication } from '../../../src/source/postgres/publication.ts';
import type { PostgresSettings } from '../../../src/source/postgres/settings.ts';
import { OUTBOX_DDL, insertOutbox, keepingLog, runSource, sourceSettings } from '../../support/postgres-source.ts';
import { type Database, freshDatabase, postgres, waitFor } from '../../support/servers.ts';

const PARTITIONED = `
  CREATE TABLE events (id int, kind text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
  CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a');
  CREATE TABLE events_b PARTITION OF events FOR VALUES IN ('b');`;

interface Setting {
  readonly db: Database;
  readonly settings: PostgresSettings;
  /** `ensurePublication` with its warnings. */
  readonly ensure: (over?: Partial<PostgresSettings>, start?: 'first' | 'continued') => Promise<readonly string[]>;
}

async function setting(t: TestContext, major: 14 | 18 = 18): Promise<Setting> {
  const server = await postgres(major);
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(OUTBOX_DDL);
  const settings = sourceSettings(server, db.name);
  const ensure = async (over: Partial<PostgresSettings> = {}, start: 'first' | 'continued' = 'first') => {
    const { log, warnings } = keepingLog();
    await ensurePublication(db.client, { ...settings, ...over }, { log, start });
    return warnings;
  };
  return { db, settings, ensure };
}

async function published(db: Database): Promise<readonly string[]> {
  const { rows } = await db.client.query<{ name: string }>(
    "SELECT schemaname || '.' || tablename AS name FROM pg_publication_tables ORDER BY 1",
  );
  return rows.map((row) => row.name);
}

const refused = (message: RegExp): { kind: string; message: RegExp } => ({ kind: 'refused', message });

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: a missing publication is created for the captured tables alone, and found again`, async (t) => {
    const { db, ensure } = await setting(t, major);
    await db.client.query('CREATE TABLE other (id int PRIMARY KEY)');
    assert.deepEqual(await ensure(), []);
    assert.deepEqual(await published(db), ['public.outbox']);
    assert.deepEqual(await ensure({}, 'continued'), []);
  });

  test(`PostgreSQL ${major}: a partition in the include list is refused with the name of its table`, async (t) => {
    const { db, ensure } = await setting(t, major);
    await db.client.query(PARTITIONED);
    const leaf = { includeTables: [/^public\.events_a$/] };
    await assert.rejects(
      ensure(leaf),
      refused(/public\.events_a, which is a partition of public\.events:.*Put public\.events into/),
    );
    assert.deepEqual(await published(db), []);
    await ensure({ includeTables: [/^public\.events$/] });
    await assert.rejects(ensure(leaf), refused(/Put public\.events into table\.include\.list/));
    assert.deepEqual(
      await ensure({ includeTables: [/^public\.events.*$/] }),
      [],
      'a pattern that matches both is fine',
    );
    assert.deepEqual(await published(db), ['public.events']);
  });

  test(`PostgreSQL ${major}: a publication that lists the partitions may be captured by partition`, async (t) => {
    const { db, settings, ensure } = await setting(t, major);
    await db.client.query(PARTITIONED);
    await db.client.query(`CREATE PUBLICATION ${settings.publicationName} FOR TABLE events`);
    assert.deepEqual(await ensure({ includeTables: [/^public\.events_a$/] }), []);
    await assert.rejects(
      ensure({ includeTables: [/^public\.events$/] }),
      refused(/SET \(publish_via_partition_root = true\)/),
    );
  });

  test(`PostgreSQL ${major}: a publication for all tables covers every captured table`, async (t) => {
    const { db, settings, ensure } = await setting(t, major);
    await ensure({ publicationAutocreate: 'all_tables' });
    await db.client.query(PARTITIONED);
    assert.deepEqual(await ensure({ publicationAutocreate: 'disabled', includeTables: [] }), []);
    await db.client.query(`DROP PUBLICATION ${settings.publicationName}`);
  });
}

test('a publication that went missing while a slot exists is refused, not made anew', async (t) => {
  const { db, settings } = await setting(t);
  const first = await runSource(settings);
  await insertOutbox(db, 'a');
  await waitFor('the row', async () => first.delivered().length > 0);
  await first.stop();
  await db.client.query(`DROP PUBLICATION ${settings.publicationName}`);
  await insertOutbox(db, 'lost');
  const position = first.fragments.at(-1)?.position ?? null;
  await assert.rejects(
    runSource(settings, { position }),
    refused(/does not exist any more, but slot .*To accept that gap: SELECT pg_drop_replication_slot/),
  );
  assert.deepEqual(await published(db), []);
});

test('a captured table that the publication does not cover is added under "filtered", and refused otherwise', async (t) => {
  const { db, settings, ensure } = await setting(t);
  await ensure();
  await db.client.query('CREATE TABLE "Second" (id int PRIMARY KEY)');
  const both = { includeTables: [/^public\.(outbox|Second)$/] };
  await assert.rejects(
    ensure({ ...both, publicationAutocreate: 'disabled' }, 'continued'),
    refused(
      new RegExp(
        `does not cover public.Second.*Run: ALTER PUBLICATION "${settings.publicationName}" ADD TABLE "public"."Second"`,
      ),
    ),
  );
  const warnings = await ensure(both, 'continued');
  assert.match(warnings.join('\n'), /rows committed to these tables before now were not captured.*public\.Second/);
  assert.deepEqual(await published(db), ['public.Second', 'public.outbox']);
});

test('a missing publication under "disabled" is refused with the statement that makes it', async (t) => {
  const { settings, ensure } = await setting(t);
  await assert.rejects(
    ensure({ publicationAutocreate: 'disabled' }),
    refused(new RegExp(`Run: CREATE PUBLICATION "${settings.publicationName}" FOR TABLE "public"."outbox" WITH`)),
  );
});

test('a publication without inserts, and an include list that matches nothing, are refused', async (t) => {
  const { db, settings, ensure } = await setting(t);
  await assert.rejects(ensure({ includeTables: [/^public\.outbx$/] }), refused(/matches no table of database/));
  await db.client.query(`CREATE PUBLICATION ${settings.publicationName} FOR TABLE outbox WITH (publish = 'update')`);
  await assert.rejects(ensure(), refused(/does not publish inserts. Run: ALTER PUBLICATION/));
});

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: a publication that is created leaves out what skipped.operations names`, async (t) => {
    const { db, ensure } = await setting(t, major);
    await db.client.query('CREATE TABLE keyless (id int)');
    const some = { includeTables: [/^public\.keyless$/], operations: ['insert', 'truncate'] as const };
    // Without updates and deletes in it, they do not fail either.
    assert.deepEqual(await ensure({ ...some, publish: ['insert', 'truncate'] }), []);
    const { rows } = await db.client.query(
      'SELECT pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication',
    );
    assert.deepEqual(rows, [
      { pubinsert: true, pubupdate: false, pubdelete: false, pubtruncate: true, pubviaroot: true },
    ]);
  });
}

test('a publication that leaves out what is to be events is pointed out with the statement that mends it', async (t) => {
  const { db, settings, ensure } = await setting(t);
  const name = settings.publicationName;
  await db.client.query(`CREATE PUBLICATION ${name} FOR TABLE outbox WITH (publish = 'truncate, insert')`);
  assert.deepEqual(await ensure(), [], 'of an outbox inserts are enough');
  const all = { operations: ['insert', 'update', 'delete'] as const };
  const [warning = '', ...others] = await ensure(all);
  assert.deepEqual(others, []);
  assert.match(warning, /does not publish update and delete: such row changes are never sent/);
  await db.client.query(/Run: (.*'\))/.exec(warning)?.[1] ?? '');
  assert.deepEqual(await ensure({ operations: ['insert', 'update', 'delete', 'truncate'] }), []);
  await db.client.query(`ALTER PUBLICATION ${name} SET (publish = 'update')`);
  assert.deepEqual(await ensure({ operations: ['update'] }), [], 'inserts are skipped on purpose');
});

test('row filters and column lists on captured tables are pointed out', async (t) => {
  const { db, settings, ensure } = await setting(t);
  await db.client.query(
    `CREATE PUBLICATION ${settings.publicationName} FOR TABLE outbox WHERE (type <> 'Internal') WITH (publish = 'insert')`,
  );
  assert.match((await ensure()).join('\n'), /row filter or a column list.*public\.outbox/);
  await db.client.query(`ALTER PUBLICATION ${settings.publicationName} SET TABLE outbox (id, aggregatetype)`);
  assert.match((await ensure()).join('\n'), /row filter or a column list.*public\.outbox/);
});

test('a table on which our publication makes UPDATE and DELETE fail is pointed out', async (t) => {
  const { db, ensure } = await setting(t);
  await db.client.query('CREATE TABLE keyless (id int)');
  const keyless = { includeTables: [/^public\.keyless$/] };
  assert.match((await ensure(keyless)).join('\n'), /UPDATE and DELETE on them fail.*public\.keyless/);
  await assert.rejects(
    db.client.query('DELETE FROM keyless; INSERT INTO keyless VALUES (1); DELETE FROM keyless'),
    /replica identity/,
  );
  await db.client.query('ALTER TABLE keyless REPLICA IDENTITY FULL');
  assert.deepEqual(await ensure(keyless), []);
});

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: dropping the publication ends a running stream before anything behind it is passed`, async (t) => {
    const { db, settings } = await setting(t, major);
    // The server may be set to keep its warnings for itself.
    await db.client.query(`ALTER DATABASE ${db.name} SET client_min_messages = error`);
    const running = await runSource(settings);
    t.after(() => running.stop());
    await insertOutbox(db, 'before');
    await waitFor('the row', async () => running.delivered().length === 1);
    await db.client.query(`DROP PUBLICATION ${settings.publicationName}`);
    await insertOutbox(db, 'lost');
    await assert.rejects(running.ended, refused(/no publication to read by.*drop the slot.*reset the stored position/));
    // Whoever makes it anew must not cover the gap up.
    await running.source.close();
    await db.client.query(`CREATE PUBLICATION ${settings.publicationName} FOR TABLE outbox`);
    await insertOutbox(db, 'after');
    const position = running.fragments.at(-1)?.position ?? running.start;
    const resumed = await runSource(settings, { position });
    t.after(() => resumed.stop());
    await assert.rejects(resumed.ended, refused(/no publication to read by/));
    assert.deepEqual(resumed.delivered(), []);
  });
}
