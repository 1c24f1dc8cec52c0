import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UNCHANGED } from '../../../src/change/value.ts';
import { headerBytes } from '../../../src/source/postgres/header.ts';
import { runSource, sourceSettings } from '../../support/postgres-source.ts';
import { freshDatabase, postgres, waitFor } from '../../support/servers.ts';

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: columns as the stream sends them become Debezium's headers`, async (t) => {
    const server = await postgres(major);
    const db = await freshDatabase(server);
    t.after(() => db.drop());
    await db.client.query(`CREATE TABLE typed (
      b bool, i int, f4 float4, f8 float8, n numeric, n2 numeric(8,2), d date, t time, t3 time(3),
      ts timestamp, ts3 timestamp(3), tz timestamptz, tz3 timestamptz(3), j jsonb, by bytea, PRIMARY KEY (i))`);
    for (const preference of ["datestyle = 'German'", "timezone = 'Asia/Tokyo'", "bytea_output = 'escape'"]) {
      await db.client.query(`ALTER DATABASE ${db.name} SET ${preference}`);
    }
    const running = await runSource(sourceSettings(server, db.name, { includeTables: [/^public\.typed$/] }));
    t.after(() => running.stop());
    await db.client.query(`SET datestyle = 'ISO'; SET timezone = 'UTC'; INSERT INTO typed VALUES (true, 7, 0.1, 1e7, 1.50, 12.5,
      '2024-02-29', '01:02:03.5', '01:02:03.5', '2024-02-29 01:02:03.123456', '2024-02-29 01:02:03.123456',
      '2024-02-29 03:02:03.12+02', '2024-02-29 03:02:03.12+02', '{"a": 1}', '\\x0102ff')`);
    const change = await waitFor(
      'the row',
      async () => running.fragments.flatMap((fragment) => fragment.changes)[0] ?? null,
    );
    assert.ok(change.op === 'insert' && change.after);
    const row = change.after;
    const headers = row.table.columns.map(({ name, typeId, typeModifier }, index) => {
      const bytes = row.bytes(index);
      assert.ok(bytes !== null && bytes !== UNCHANGED);
      return [name, headerBytes(typeId, typeModifier, bytes).toString()];
    });
    assert.deepEqual(Object.fromEntries(headers), {
      b: 'true',
      i: '7',
      f4: '0.1',
      f8: '1.0E7',
      n: '{"scale":1,"value":"Dw=="}',
      n2: '12.50',
      d: '19782',
      t: '3723500000',
      t3: '3723500',
      ts: '1709168523123456',
      ts3: '1709168523123',
      tz: '2024-02-29T01:02:03.120000Z',
      tz3: '2024-02-29T01:02:03.120Z',
      j: '{"a": 1}',
      by: 'AQL/',
    });
  });
}
