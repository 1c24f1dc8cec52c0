/**
 * Row changes against the real Debezium's: what is done in `scenario.ts` is done again, and each record has to equal the
 * captured one byte for byte, but for versions, times and positions.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { masked } from '../../fixtures/debezium/masked.ts';
import { EVENT_MODES, stepsOf, tablesOf } from '../../fixtures/debezium/scenario.ts';
import { startMillrace } from '../../support/process.ts';
import { committed, freshDatabase, freshName, kafka, postgres, waitFor } from '../../support/servers.ts';

interface Captured {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string | null>>;
}
type Topics = Readonly<Record<string, readonly Captured[]>>;

const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';

/** Where ours differ on purpose: the topic, and why (docs/debezium-compatibility.md). */
const ON_PURPOSE: Readonly<Record<string, string>> = {
  parted_eu: 'partitions are captured under the name of their table',
  by_index: 'the key of REPLICA IDENTITY USING INDEX is that index: Debezium sends deletes with the key 0',
  defaults: 'a default with a quote in it: Debezium cuts it off, and now() differs',
};

/** What we refuse in a mode, set to something that we do not; the tables that it is about are not compared. */
const REFUSED: Readonly<
  Record<string, { readonly settings: Readonly<Record<string, string>>; readonly tables: readonly string[] }>
> = {
  keys: {
    // Debezium deletes under the default of the column that the old row does not carry, which is another row's key.
    settings: { 'message.key.columns': '(.*).full_no_key:name' },
    tables: ['plain'],
  },
};

function comparable({ key, value, headers }: Captured, name: string): Captured {
  const mask = (text: string | null): string | null =>
    text === null
      ? null
      : // Of partitions see ON_PURPOSE.
        masked(text.replaceAll('"public.parted_eu"', '"public.parted"'))
          .replaceAll(`"${name}"`, '"shop"')
          .replaceAll(`"${name}.`, '"shop.')
          .replaceAll(`"${name}_`, '"shop_');
  return {
    key: mask(key),
    value: mask(value),
    headers: Object.fromEntries(Object.entries(headers).map(([header, each]) => [header, each])),
  };
}

for (const [mode, settings] of Object.entries(EVENT_MODES)) {
  test(`every kind of change is the record that Debezium makes of it (${mode})`, async (t) => {
    const expected = JSON.parse(
      readFileSync(new URL(`../../fixtures/debezium/events-${mode}.json`, import.meta.url), 'utf8'),
    ) as Topics;
    const [server, bootstrap] = [await postgres(18), await kafka()];
    const db = await freshDatabase(server);
    t.after(() => db.drop());
    for (const statement of tablesOf(mode)) await db.client.query(statement);
    await db.client.query('CREATE PUBLICATION dbz FOR ALL TABLES WITH (publish_via_partition_root = true)');
    const name = freshName('shop');
    const run = await startMillrace({
      name,
      config: {
        'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
        'database.hostname': server.host,
        'database.port': server.port,
        'database.user': server.user,
        'database.password': server.password,
        'database.dbname': db.name,
        'topic.prefix': name,
        'publication.name': 'dbz',
        'publication.autocreate.mode': 'disabled',
        'snapshot.mode': 'no_data',
        'key.converter': JSON_CONVERTER,
        'value.converter': JSON_CONVERTER,
        'kafka.bootstrap.servers': bootstrap,
        'offsets.topic': `${name}-offsets`,
        'topic.creation.default.replication.factor': 1,
        'topic.creation.default.partitions': 1,
        ...settings,
        ...REFUSED[mode]?.settings,
      },
    });
    t.after(() => run.child.kill('SIGKILL'));
    await run.reaches('running');
    for (const step of stepsOf(mode)) {
      if (typeof step === 'string') await db.client.query(step);
      else {
        await db.client.query('BEGIN');
        for (const statement of step) await db.client.query(statement);
        await db.client.query('COMMIT');
      }
      // The catalog is read when the log describes a table: later statements must not be seen then, as in the capture.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const delimiter = settings['topic.delimiter'] ?? '.';
    const end = [name, 'public', 'zz_end'].join(delimiter);
    await waitFor('the end', async () => {
      if (run.child.exitCode !== null) throw new Error(run.log());
      return (await committed(bootstrap, end).catch(() => [])).length > 0;
    });
    const different: string[] = [];
    for (const [topic, records] of Object.entries(expected)) {
      const table = topic.slice(['shop', 'public', ''].join(delimiter).length);
      if (table in ON_PURPOSE || REFUSED[mode]?.tables.includes(table)) continue;
      const ours = (await committed(bootstrap, topic.replace(/^shop/, name)).catch(() => [])).map(
        ({ key, value, headers }): Captured => ({
          key: key === null ? null : String(key),
          value: value === null ? null : String(value),
          headers: Object.fromEntries(
            Object.entries(headers).map(([header, each]) => [header, each === undefined ? null : String(each)]),
          ),
        }),
      );
      const database = (text: string | null): string | null =>
        text === null ? null : text.replaceAll(`"db":"${db.name}"`, '"db":"shop"');
      const [left, right] = [
        ours.map((each) => comparable({ ...each, value: database(each.value) }, name)),
        records.map((each) => comparable(each, 'shop')),
      ];
      for (let i = 0; i < Math.max(left.length, right.length); i++) {
        const [one, other] = [JSON.stringify(left[i] ?? null), JSON.stringify(right[i] ?? null)];
        if (one === other) continue;
        // From shortly before the first difference: a record with its schema is long.
        const at = Math.max(0, Array.from(one).findIndex((letter, index) => letter !== other[index]) - 60);
        different.push(
          `${topic}[${i}]\n  ours     …${one.slice(at, at + 200)}\n  debezium …${other.slice(at, at + 200)}`,
        );
      }
    }
    assert.equal(different.length, 0, different.join('\n'));
    run.child.kill('SIGTERM');
    assert.equal((await run.exited).code, 0, run.log());
  });
}
