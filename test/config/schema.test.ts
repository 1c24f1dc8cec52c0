import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkConnector } from '../../src/config/connector.ts';
import type { Field } from '../../src/config/field.ts';
import { KEYS } from '../../src/config/keys.ts';
import { configurationReference } from '../../src/config/reference.ts';
import { ROUTER_KEYS } from '../../src/config/router-keys.ts';
import { connectorSchema } from '../../src/config/schema.ts';
import { isValid } from '../support/json-schema.ts';

const ROOT = new URL('../../', import.meta.url);
const SCHEMA = connectorSchema();
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const accepts = (file: unknown): boolean => isValid(file, SCHEMA, SCHEMA);

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
  assert.equal(written.match(/"writeOnly":true/g)?.length, FIELDS.filter(([, { secret }]) => secret === true).length);
});

test('every example is right, and no value that is read is called wrong by the schema', () => {
  for (const [key, field] of FIELDS) {
    assert.ok('value' in field.parse(field.example), key);
    assert.ok(accepts(connector({ [key]: field.example })), key);
  }
  const words = FIELDS.flatMap(([, { form }]) => (form.kind === 'choice' ? [...form.words, ...form.aliases] : []));
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constantFrom(...words, '', ' TRUE', '5432', '-1'),
  );
  fc.assert(
    fc.property(fc.constantFrom(...FIELDS), value, ([key], given) => {
      const file = connector({ [key]: given });
      const checked = checkConnector(JSON.stringify(file), null);
      const own = 'mistakes' in checked ? checked.mistakes.filter((mistake) => mistake.key === key) : [];
      if (own.length === 0) assert.ok(accepts(file), `${key}: ${JSON.stringify(given)}`);
    }),
    { numRuns: 3000 },
  );
});
