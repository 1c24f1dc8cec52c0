/** The types as PostgreSQL's own catalog and stream have them: the texts of the fixtures are what arrives. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { JsonWriter } from '../../../../src/change/json-writer.ts';
import { UNCHANGED } from '../../../../src/change/value.ts';
import { loadTypeCatalog, typeCatalog } from '../../../../src/source/postgres/types/catalog.ts';
import { createColumnTypes, missingTypes } from '../../../../src/source/postgres/types/column-types.ts';
import { DEFAULT_TYPE_OPTIONS } from '../../../../src/source/postgres/types/options.ts';
import { enumLabels } from '../../../../src/source/postgres/types/text.ts';
import { CASES, SETUP } from '../../../fixtures/debezium/cases.ts';
import { runSource, sourceSettings } from '../../../support/postgres-source.ts';
import { freshDatabase, postgres, waitFor } from '../../../support/servers.ts';

const OPTIONS = { ...DEFAULT_TYPE_OPTIONS, includeUnknown: true, decimal: 'string' } as const;

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: what the stream sends of every type is what the fixtures hold, by the server's own catalog`, async (t) => {
    const url = new URL(`../../../fixtures/debezium/postgres-${major}.json`, import.meta.url);
    const fixture = JSON.parse(readFileSync(url, 'utf8'));
    const server = await postgres(major);
    const db = await freshDatabase(server);
    t.after(() => db.drop());
    for (const statement of SETUP) await db.client.query(statement);
    const cases = CASES.filter(
      ({ since, type }) => (since === undefined || since <= major) && !type.includes('NOT NULL'),
    );
    await db.client.query(
      `CREATE TABLE typed (id int PRIMARY KEY, ${cases.map(({ name, type }) => `c_${name} ${type}`).join(', ')})`,
    );
    const running = await runSource(sourceSettings(server, db.name, { includeTables: [/^public\.typed$/] }));
    t.after(() => running.stop());
    const rows = Math.max(...cases.map(({ values }) => values.length));
    for (let id = 0; id < rows; id++) {
      const values = cases.map(({ values: each }) => each[id] ?? 'NULL');
      await db.client.query(`INSERT INTO typed VALUES (${[id, ...values].join(', ')})`);
    }
    const changes = await waitFor('the rows', async () => {
      const all = running.fragments.flatMap((fragment) => fragment.changes);
      return all.length === rows ? all : null;
    });

    const typeOf = createColumnTypes(OPTIONS, await loadTypeCatalog(db.client));
    const fixtureTypeOf = createColumnTypes(OPTIONS, typeCatalog(fixture.catalog));
    let compared = 0;
    for (const [id, change] of changes.entries()) {
      assert.ok(change.op === 'insert' && change.after);
      const { after: row } = change;
      for (const [index, column] of row.table.columns.entries()) {
        if (column.name === 'id') continue;
        const captured = fixture.columns[column.name.slice(2)];
        assert.equal(column.typeModifier, captured.typeModifier, column.name);
        const type = typeOf(column);
        const theirs = fixtureTypeOf(captured);
        assert.deepEqual(type?.schema, theirs?.schema, column.name);
        const bytes = row.bytes(index);
        assert.ok(bytes !== UNCHANGED);
        assert.equal(bytes === null ? null : bytes.toString(), captured.texts[id] ?? null, column.name);
        if (bytes === null || type === null || theirs === null) continue;
        assert.equal(json(type, bytes), json(theirs, Buffer.from(captured.texts[id])), column.name);
        compared++;
      }
    }
    assert.ok(compared > 500, `${compared} values`);
  });
}

function json(type: NonNullable<ReturnType<ReturnType<typeof createColumnTypes>>>, bytes: Buffer): string {
  const out = new JsonWriter();
  type.json(bytes, out);
  return out.view().toString();
}

test('the catalog knows what types are made of; newer ones are missing until it is read again', async (t) => {
  const db = await freshDatabase(await postgres());
  t.after(() => db.drop());
  await db.client.query(`CREATE TYPE pair AS (a numeric(5,2), "B c" text[]); CREATE TYPE mood AS ENUM ('b', 'a');
    ALTER TYPE mood ADD VALUE 'c' BEFORE 'a'; CREATE DOMAIN price AS numeric(8,3); CREATE DOMAIN feeling AS mood;
    CREATE TYPE float_range AS RANGE (subtype = float8)`);
  const oid = async (name: string): Promise<number> =>
    (await db.client.query<{ oid: number }>('SELECT $1::regtype::oid AS oid', [name])).rows[0]?.oid ?? 0;
  const catalog = await loadTypeCatalog(db.client);
  const pair = catalog.get(await oid('pair'));
  assert.deepEqual(pair?.attributes, [
    { name: 'a', typeId: 1700, modifier: ((5 << 16) | 2) + 4 },
    { name: 'B c', typeId: 1009, modifier: -1 },
  ]);
  assert.equal(catalog.get(await oid('pair[]'))?.element, await oid('pair'));
  assert.deepEqual(catalog.get(await oid('mood'))?.labels, ['b', 'c', 'a']);
  const price = catalog.get(await oid('price'));
  assert.deepEqual([price?.base, price?.modifier], [1700, ((8 << 16) | 3) + 4]);
  assert.equal(catalog.get(await oid('float_range'))?.subtype, 701);
  assert.equal(catalog.get(19)?.element, 0, 'a name has a subscript, but is no array');

  const feeling = createColumnTypes(DEFAULT_TYPE_OPTIONS, catalog)({ typeId: await oid('feeling'), typeModifier: -1 });
  assert.deepEqual(feeling?.schema.parameters, { allowed: 'b,c,a' });
  await db.client.query(`ALTER TYPE mood ADD VALUE 'd'; CREATE TYPE later AS ENUM ('x')`);
  const columns = [{ typeId: await oid('later') }, { typeId: await oid('mood') }];
  assert.deepEqual(missingTypes(catalog, columns), [columns[0]?.typeId]);
  assert.equal(feeling && enumLabels(feeling)?.has('d'), false);
  assert.deepEqual(missingTypes(await loadTypeCatalog(db.client), columns), []);
});
