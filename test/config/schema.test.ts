import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkConnector } from '../../src/config/connector.ts';
import type { Field } from '../../src/config/field.ts';
import { KEYS } from '../../src/config/keys.ts';
import { MAPPING_KEYS } from '../../src/config/column-mappings.ts';
import { CONNECTOR_FAMILIES, ROUTER_FAMILIES } from '../../src/config/known/families.ts';
import type { KnownKey } from '../../src/config/known/known-key.ts';
import { configurationReference } from '../../src/config/reference.ts';
import { ROUTER_KEYS } from '../../src/config/router-keys.ts';
import { connectorSchema } from '../../src/config/schema.ts';
import { compiled } from '../support/json-schema.ts';

const ROOT = new URL('../../', import.meta.url);
const SCHEMA = connectorSchema();
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const accepts: (file: unknown) => boolean = compiled(SCHEMA);

const MINIMUM = {
  'connector.class': 'postgres',
  'database.hostname': 'localhost',
  'database.user': 'u',
  'database.dbname': 'd',
  transforms: 'o',
  'transforms.o.type': 'outbox',
  'kafka.bootstrap.servers': 'localhost:9092',
};
const connector = (over: Readonly<Record<string, unknown>>): object => ({ name: 'c', config: { ...MINIMUM, ...over } });
const FIELDS: readonly (readonly [string, Field<unknown>])[] = [
  ...Object.values(KEYS).map((field) => [field.key, field] as const),
  ...Object.values(ROUTER_KEYS).map((field) => [`transforms.o.${field.key}`, field] as const),
];

test('docs/connector.schema.json and docs/configuration.md are what the declarations say (npm run docs)', () => {
  assert.equal(read('docs/connector.schema.json'), `${JSON.stringify(SCHEMA, null, 2)}\n`);
  assert.equal(read('docs/configuration.md'), configurationReference());
  for (const [, { key }] of FIELDS) assert.ok(read('docs/configuration.md').includes(`| \`${key}\``), key);
});

test('the examples name the schema by a path that leads to it, and are valid by it', () => {
  for (const name of readdirSync(new URL('connectors/', ROOT))) {
    const file = JSON.parse(read(`connectors/${name}`)) as { $schema: string };
    const target = new URL(file.$schema, new URL(`connectors/${name}`, ROOT));
    assert.ok(existsSync(target) && target.href.endsWith('docs/connector.schema.json'), name);
    assert.ok(accepts(file), name);
  }
});

test('what is wrong for every reader is wrong by the schema', () => {
  assert.ok(accepts(connector({})));
  for (const wrong of [
    {},
    { name: 'a b', config: MINIMUM },
    { name: 'c', config: MINIMUM, extra: 1 },
    { name: 'c', config: { ...MINIMUM, transforms: undefined, 'database.user': null } },
    connector({ 'slot.nam': 's' }),
    connector({ 'slot.name': 'Upper' }),
    connector({ 'database.port': 70_000 }),
    connector({ 'database.port': '5432x' }),
    connector({ 'database.port': null }),
    connector({ 'slot.adopt': 'yes' }),
    connector({ 'database.sslmode': 'on' }),
    connector({ 'database.dbname': '' }),
    connector({ 'snapshot.mode': 'initial' }),
    connector({ 'transforms.o.typ': 'outbox' }),
    connector({ 'transforms.o.type': 'mask' }),
    connector({ 'topic.creation.default.Cleanup': 'x' }),
    connector({ 'database.port': '70000' }),
    connector({ 'topic.creation.default.partitions': '0' }),
    connector({ 'topic.creation.default.partitions': '-2' }),
    connector({ 'kafka.bootstrap.servers': ' , ' }),
    connector({ 'producer.override.acks': '1' }),
    connector({ 'offsets.storage.topic': 'x' }),
    connector({ 'column.mask.with.x.chars': 'x' }),
    connector({ 'column.mask.hash.SHA-256.with.salt.': 'x' }),
    connector({ 'column.truncate.to.-1.chars': 'x' }),
    connector({ 'topic.creation.big.partitions': '3' }),
    connector({ 'key.converter.schema.registry.url': 'x' }),
    connector({ 'transforms.o.table.expand.json.payload': 'true' }),
    connector({ 'producer.override.max.request.size': 'big' }),
  ]) {
    assert.ok(!accepts(JSON.parse(JSON.stringify(wrong))), JSON.stringify(wrong));
  }
});

test('texts, numbers, booleans, references, any case of words and any alias are valid', () => {
  for (const right of [
    { 'database.port': 5432 },
    { 'database.port': ' 5432 ' },
    { 'database.port': '${env:PORT}' },
    { 'slot.adopt': true },
    { 'slot.adopt': 'TRUE' },
    { 'slot.name': '' },
    { 'slot.name': 'a${env:X}' },
    { 'database.password': 12345 },
    { 'database.sslmode': 'Verify-Full' },
    { 'value.converter.schemas.enable': false },
    { 'topic.creation.default.replication.factor': -1, 'topic.creation.default.retention.ms': 1000 },
    {
      'database.port': '+05432',
      'topic.creation.default.partitions': ' -01 ',
      'topic.creation.default.replication.factor': '-1',
    },
    { 'tombstones.on.delete': false, 'poll.interval.ms': 5, 'internal.x': 'y', 'heartbeat.interval.ms': '${env:H}' },
    { 'producer.override.acks': ' ALL ', 'skipped.operations': 'U, d' },
    { 'producer.override.acks': -1, 'slot.drop.on.stop': false, 'producer.override.max.request.size': 2_000_000 },
    { 'key.converter.schemas.enable': 'false', 'key.converter.delegate.converter.type.schemas.enable': true },
    { 'table.whitelist': 'public\\.outbox', 'transforms.o.table.fields.additional.error.on.missing': 'TRUE' },
    { transforms: 'my.odd', 'transforms.my.odd.type': 'outbox', 'transforms.my.odd.table.field.event.type': 'kind' },
  ]) {
    assert.ok(accepts(connector(right)), JSON.stringify(right));
  }
});

test('secrets, and only secrets, are writeOnly', () => {
  const written = JSON.stringify(SCHEMA.properties);
  for (const [, { key, secret }] of FIELDS) {
    const at = written.indexOf(`"${key}":{`);
    if (secret !== true || at < 0) continue;
    assert.match(
      written.slice(at, written.indexOf('}', written.indexOf('"examples"', at)) + 60),
      /"writeOnly":true/,
      key,
    );
  }
  const secret = FIELDS.filter(([, field]) => field.secret === true).map(([key]) => key);
  const mapped = THEIRS.filter(([, known]) => known.verdict === 'mapped' && secret.includes(known.to));
  const ofColumns = MAPPING_KEYS.filter(({ field }) => field.secret === true);
  assert.equal(written.match(/"writeOnly":true/g)?.length, secret.length + mapped.length + ofColumns.length);
});

/** A key that a pattern is for. */
const starred = (key: string): string => key.replaceAll('*', 'x.5');
const THEIRS: readonly (readonly [string, KnownKey])[] = [
  ...CONNECTOR_FAMILIES.flatMap(({ keys }) => keys.map((known) => [starred(known.key), known] as const)),
  ...ROUTER_FAMILIES.flatMap(({ keys }) => keys.map((known) => [`transforms.o.${starred(known.key)}`, known] as const)),
];
const EVERY_KEY = [...FIELDS, ...THEIRS].map(([key]) => key);
const WORDS = [
  ...FIELDS.flatMap(([, { form, example }]) => (form.kind === 'choice' ? [...form.words, ...form.aliases] : [example])),
  ...THEIRS.flatMap(([, known]) => (known.verdict === 'fixed' && !('expected' in known.accepts) ? known.accepts : [])),
];
const VALUE = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.integer({ min: -2, max: 70_000 }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constantFrom(...WORDS, '', ' ', ' TRUE', '5432', '-1', 'u,d', 'log, jmx', '${env:X}', '${file:/none:k}'),
);
const checked = (file: object): ReturnType<typeof checkConnector> =>
  checkConnector(JSON.stringify(file), null, { absent: 'open' });

test('every example is right', () => {
  for (const [key, field] of FIELDS) {
    assert.ok('value' in field.parse(field.example), key);
    assert.ok(accepts(connector({ [key]: field.example })), key);
  }
});

test('property: no value that is read is called wrong by the schema', () => {
  fc.assert(
    fc.property(fc.constantFrom(...EVERY_KEY), VALUE, (key, given) => {
      const file = connector({ [key]: given });
      const result = checked(file);
      const own = 'mistakes' in result ? result.mistakes.filter((mistake) => mistake.key === key) : [];
      if (own.length === 0) assert.ok(accepts(file), `${key}: ${JSON.stringify(given)}`);
    }),
    { numRuns: 4000 },
  );
});

test('property: what validate finds right as a whole is right by the schema', () => {
  let right = 0;
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...EVERY_KEY), VALUE, { maxKeys: 4 }), (over) => {
      const file = connector(over);
      if (!('config' in checked(file))) return;
      right++;
      assert.ok(accepts(file), JSON.stringify(over));
    }),
    { numRuns: 3000 },
  );
  assert.ok(right > 300, `only ${right} were right`);
});

test('property: where the schema can say what is wrong, it says it', () => {
  const closed = [
    ...FIELDS.flatMap(([key, { form }]) =>
      form.kind === 'integer' || form.kind === 'boolean' || form.kind === 'choice' ? [key] : [],
    ),
    ...THEIRS.flatMap(([key, { verdict }]) => (verdict === 'fixed' || verdict === 'refused' ? [key] : [])),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...closed), VALUE, (key, given) => {
      if (String(given).includes('${')) return;
      const file = connector({ [key]: given });
      const result = checked(file);
      // Of itself, and not for what stands beside it.
      const isWrong =
        'mistakes' in result &&
        result.mistakes.some((mistake) => mistake.key === key && /^(?:expected|is refused)/.test(mistake.text));
      if (isWrong) assert.ok(!accepts(file), `${key}: ${JSON.stringify(given)}`);
    }),
    { numRuns: 4000 },
  );
});

test('null, arrays and objects are wrong for every key', () => {
  for (const key of EVERY_KEY) {
    for (const wrong of [null, [], {}]) {
      const file = connector({ [key]: wrong });
      assert.ok('mistakes' in checked(file) && !accepts(file), `${key}: ${JSON.stringify(wrong)}`);
    }
  }
});

test('a key that nobody knows is wrong, and one known key has one meaning', () => {
  for (const key of ['slot.nam', 'tombstone.on.delete', 'producer.override.ack', 'transforms.o.typ', 'internal.']) {
    assert.ok(!accepts(connector({ [key]: 'x' })), key);
  }
  const { properties, patternProperties } = (SCHEMA.properties as { config: Record<string, object> }).config;
  const named = new Set(Object.keys(properties ?? {}));
  // What stands behind an alias may be an option of a module, too.
  const patterns = Object.keys(patternProperties ?? {})
    .filter((source) => source !== '^(?:transforms|predicates)\\..')
    .map((source) => new RegExp(source, 'u'));
  for (const [key] of THEIRS) {
    const meanings = (named.has(key) ? 1 : 0) + patterns.filter((pattern) => pattern.test(key)).length;
    assert.equal(meanings, 1, key);
  }
});

test('VS Code shows why a key is refused, and completes only what does something', () => {
  type Value = { description?: string; errorMessage?: string; doNotSuggest?: boolean; not?: object };
  const { properties } = (SCHEMA.properties as { config: { properties: Record<string, Value> } }).config;
  const refused = properties['offsets.storage.topic'];
  assert.deepEqual([refused?.not, refused?.doNotSuggest], [{}, true]);
  assert.match(refused?.errorMessage ?? '', /^Refused: Connect's positions .*offsets\.topic/);
  assert.match(properties['max.queue.size']?.description ?? '', /^Accepted without effect: memory is bounded/);
  assert.match(properties['table.whitelist']?.description ?? '', /^Read as table\.include\.list: its earlier name\./);
  for (const [key] of FIELDS) assert.equal(properties[key]?.doNotSuggest, undefined, key);
});
