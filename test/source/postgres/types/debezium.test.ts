/** Every type in every mode against what the real Debezium made of it (test/fixtures/debezium). */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { JsonWriter } from '../../../../src/change/json-writer.ts';
import { withOptional } from '../../../../src/change/schema.ts';
import { type CatalogRow, typeCatalog } from '../../../../src/source/postgres/types/catalog.ts';
import { createColumnTypes } from '../../../../src/source/postgres/types/column-types.ts';
import { DEFAULT_TYPE_OPTIONS, type TypeOptions } from '../../../../src/source/postgres/types/options.ts';
import { DIFFERENCES, type Difference } from './differences.ts';
import { converterJson, converterSchema } from './json-converter.ts';

interface Fixture {
  readonly debezium: string;
  readonly postgres: string;
  readonly catalog: readonly CatalogRow[];
  readonly columns: Readonly<
    Record<string, { type: string; typeId: number; typeModifier: number; texts: readonly (string | null)[] }>
  >;
  readonly modes: Readonly<
    Record<
      string,
      {
        settings: Readonly<Record<string, string>>;
        columns: Readonly<Record<string, { schema: unknown; json: readonly (string | null)[] }>>;
      }
    >
  >;
}

/** The options that Debezium's settings mean. */
function optionsOf(settings: Readonly<Record<string, string>>): TypeOptions {
  return {
    decimal: settings['decimal.handling.mode'] ?? DEFAULT_TYPE_OPTIONS.decimal,
    time: settings['time.precision.mode'] ?? DEFAULT_TYPE_OPTIONS.time,
    interval: settings['interval.handling.mode'] ?? DEFAULT_TYPE_OPTIONS.interval,
    binary: settings['binary.handling.mode'] ?? DEFAULT_TYPE_OPTIONS.binary,
    hstore: settings['hstore.handling.mode'] ?? DEFAULT_TYPE_OPTIONS.hstore,
    moneyFractionDigits: Number(settings['money.fraction.digits'] ?? DEFAULT_TYPE_OPTIONS.moneyFractionDigits),
    includeUnknown: settings['include.unknown.datatypes'] === 'true',
  } as TypeOptions;
}

const seen = new Set<Difference>();

function isMeant(difference: Difference, column: string, value: string, mode: string, ours: string): boolean {
  const { columns, values, modes } = difference;
  return (
    columns.some((each) => (each.endsWith('*') ? column.startsWith(each.slice(0, -1)) : each === column)) &&
    (values === undefined || values.test(value)) &&
    (modes === undefined || modes.includes(mode)) &&
    difference.ours.some((each) => (typeof each === 'string' ? each === ours : each.test(ours)))
  );
}

for (const name of ['postgres-18', 'postgres-14', 'postgres-extensions']) {
  const url = new URL(`../../../fixtures/debezium/${name}.json`, import.meta.url);
  const fixture = JSON.parse(readFileSync(url, 'utf8')) as Fixture;
  const catalog = typeCatalog(fixture.catalog);
  const base = fixture.modes['default']?.columns ?? {};

  for (const [mode, { settings, columns }] of Object.entries(fixture.modes)) {
    test(`${name}, mode ${mode}: schema and JSON of every value are those of Debezium ${fixture.debezium}`, () => {
      const typeOf = createColumnTypes(optionsOf(settings), catalog);
      const wrong: object[] = [];
      for (const [column, facts] of Object.entries(fixture.columns)) {
        const theirs = columns[column] ?? base[column];
        assert.ok(theirs, column);
        const type = typeOf(facts);
        const nullable = !facts.type.endsWith('NOT NULL');
        const schema = type && converterSchema(withOptional(type.schema, nullable || type.schema.optional));
        const compare = (value: string, ours: unknown, expected: unknown): void => {
          if (JSON.stringify(ours) === JSON.stringify(expected)) return;
          const text = typeof ours === 'string' ? ours : JSON.stringify(ours);
          const difference = DIFFERENCES.find((each) => isMeant(each, column, value, mode, text));
          if (difference === undefined) wrong.push({ column, value, ours, expected });
          else seen.add(difference);
        };
        compare('schema', schema, theirs.schema);
        for (const [index, text] of facts.texts.entries()) {
          if (text === null || type === null) continue;
          compare(text, jsonOf(type, text), theirs.json[index] ?? null);
        }
      }
      assert.deepEqual(wrong, []);
    });
  }
}

function jsonOf(type: NonNullable<ReturnType<ReturnType<typeof createColumnTypes>>>, text: string): string {
  const bytes = Buffer.from(text);
  const out = new JsonWriter(1);
  let json: string;
  try {
    type.json(bytes, out);
    json = out.view().toString();
  } catch (error) {
    assert.throws(() => type.data(bytes), error as Error);
    return (error as Error).message;
  }
  assert.equal(converterJson(type.schema, type.data(bytes)), json, `data and JSON of ${text}`);
  return json;
}

test('every difference on purpose is one', () => {
  assert.deepEqual(
    DIFFERENCES.filter((each) => !seen.has(each)).map(({ what }) => what),
    [],
  );
});

const PAGE = new URL('../../../../docs/postgres-types.md', import.meta.url);

/** As biome does not care for it. */
const compact = (markdown: string): string => markdown.replaceAll(/ {2,}/g, ' ').replaceAll(/-{3,}/g, '---');

test('docs/postgres-types.md lists the differences (UPDATE_DOCS=1 writes it, then format it)', () => {
  const rows = DIFFERENCES.map(({ what, debezium, millrace }) => `| ${what} | ${debezium} | ${millrace} |\n`);
  const head = readFileSync(PAGE, 'utf8').split(/^\| What /m)[0] ?? '';
  const page = `${head}| What | Debezium 3.4 | Millrace |\n| --- | --- | --- |\n${rows.join('')}`;
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, page);
  assert.ok(compact(readFileSync(PAGE, 'utf8')) === compact(page), 'it differs: run UPDATE_DOCS=1 on this test');
});
