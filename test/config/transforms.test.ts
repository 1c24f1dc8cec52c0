/** `transforms`, `predicates` and modules of one's own in a connector's file. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type ConnectorConfig, checkConnector } from '../../src/config/connector.ts';
import type { SharedValue } from '../../src/config/given.ts';
import { formatMistake } from '../../src/config/mistake.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-modules-'));
after(() => rmSync(folder, { recursive: true }));
const [inside, other] = [join(folder, 'inside'), join(folder, 'inside-not')];
for (const each of [inside, other, join(inside, 'deep')]) mkdirSync(each);
for (const file of ['inside/a.ts', 'inside/deep/b.mjs', 'inside-not/c.js']) writeFileSync(join(folder, file), '');
symlinkSync(join(other, 'c.js'), join(inside, 'link.js'));
symlinkSync(join(inside, 'a.ts'), join(inside, 'alias.ts'));
mkdirSync(join(inside, 'folder.js'));

const MINIMUM = {
  'connector.class': 'postgres',
  'database.hostname': 'localhost',
  'database.user': 'u',
  'database.dbname': 'd',
  'kafka.bootstrap.servers': 'localhost:9092',
  transforms: 'o',
  'transforms.o.type': 'outbox',
};
type Values = Readonly<Record<string, unknown>>;
const path = (...folders: string[]): SharedValue[] => [
  { key: 'plugin.path', text: folders.join(' , '), source: '--plugin.path' },
];
function check(over: Values, shared: readonly SharedValue[] = path(inside)): ReturnType<typeof checkConnector> {
  return checkConnector(JSON.stringify({ name: 'c', config: { ...MINIMUM, ...over } }), null, { shared });
}
function mistakes(over: Values, shared?: readonly SharedValue[]): string[] {
  const checked = check(over, shared);
  return 'mistakes' in checked ? checked.mistakes.map(formatMistake) : [];
}
function parse(over: Values, shared?: readonly SharedValue[]): ConnectorConfig {
  const checked = check(over, shared);
  if ('mistakes' in checked) assert.fail(checked.mistakes.map(formatMistake).join('\n'));
  return checked.config;
}

test('a chain keeps its order, with the predicate of each; aliases may hold dots', () => {
  const config = parse({
    transforms: 'first, o ,a.b',
    'transforms.first.type': 'a.ts',
    'transforms.first.predicate': 'p',
    'transforms.first.negate': true,
    'transforms.first.field.name': 'x',
    'transforms.first.level': 3,
    'transforms.a.b.type': 'deep/b.mjs',
    predicates: 'p, q, r',
    'predicates.p.type': 'org.apache.kafka.connect.transforms.predicates.TopicNameMatches',
    'predicates.p.pattern': 'shop\\.(outbox|audit)',
    'predicates.q.type': 'HasHeaderKey',
    'predicates.q.name': 'id',
    'predicates.r.type': 'RecordIsTombstone',
  });
  assert.deepEqual(
    config.transforms.map(({ alias, predicate, transform }) => [
      alias,
      predicate,
      transform.kind === 'module'
        ? [transform.module.name, transform.module.options]
        : transform.kind === 'outbox' && transform.values.routeBy,
    ]),
    [
      ['first', { name: 'p', negate: true }, ['transforms.first', { 'field.name': 'x', level: '3' }]],
      ['o', null, 'aggregatetype'],
      ['a.b', null, ['transforms.a.b', {}]],
    ],
  );
  const pattern = config.predicates.get('p');
  assert.ok(pattern?.kind === 'topic');
  assert.deepEqual(
    ['shop.outbox', 'shop.audit', 'shop.outbox2', 'my.shop.outbox', 'shopxoutbox'].map((each) =>
      pattern.pattern.test(each),
    ),
    [true, true, false, false, false],
  );
  assert.deepEqual(
    [config.predicates.get('q'), config.predicates.get('r')],
    [{ kind: 'header', name: 'id' }, { kind: 'tombstone' }],
  );
});

test('mistakes in a chain are said where they are', () => {
  const cases: readonly (readonly [Values, RegExp])[] = [
    [{ transforms: 'o,o' }, /^"transforms" names "o" twice/],
    [{ 'skipped.operations': 'u,c' }, /^"skipped\.operations" leaves out what the outbox router lives on: remove c/],
    [
      { 'transforms.o.predicate': 'p' },
      /^"transforms\.o\.predicate" names "p", which is not in "predicates" \(which is empty\)/,
    ],
    [{ 'transforms.o.negate': 'true' }, /^"transforms\.o\.negate" stands without "transforms\.o\.predicate"/],
    [{ 'transforms.o.negate': 'perhaps' }, /^"transforms\.o\.negate" expected true or false, got "perhaps"/],
    [{ predicates: 'p' }, /^"predicates\.p\.type" is missing/],
    [
      { predicates: 'p', 'predicates.p.type': 'Whatever' },
      /^"predicates\.p\.type" expected one of TopicNameMatches, HasHeaderKey, RecordIsTombstone, or the path of a module, got "Whatever"/,
    ],
    [{ predicates: 'p', 'predicates.p.type': 'TopicNameMatches' }, /^"predicates\.p\.pattern" is missing/],
    [
      { predicates: 'p', 'predicates.p.type': 'TopicNameMatches', 'predicates.p.pattern': '(' },
      /^"predicates\.p\.pattern" cannot be read, or not with the same meaning as in Java/,
    ],
    [
      { predicates: 'p', 'predicates.p.type': 'HasHeaderKey', 'predicates.p.name': '' },
      /^"predicates\.p\.name" expected a text that is not empty/,
    ],
    [
      { predicates: 'p', 'predicates.p.type': 'RecordIsTombstone', 'predicates.p.pattern': 'x' },
      /^"predicates\.p\.pattern" is not a key of this connector/,
    ],
    [
      { 'predicates.p.type': 'RecordIsTombstone' },
      /^"predicates\.p\.type" belongs to the alias "p", which "predicates" does not name/,
    ],
    [{ 'transforms.o.typ': 'x' }, /did you mean "transforms\.o\.type"\?/],
  ];
  for (const [over, expected] of cases) {
    const said = mistakes(over);
    assert.equal(said.length, 1, said.join('\n'));
    assert.match(said[0] ?? '', expected);
  }
});

test('modules are loaded from inside the allowed folders and from nowhere else', () => {
  const module = (type: string, shared = path(inside)): string => {
    const over = { transforms: 'o,m', 'transforms.m.type': type };
    const [mistake] = mistakes(over, shared);
    if (mistake !== undefined) return mistake;
    const transform = parse(over, shared).transforms[1]?.transform;
    return transform?.kind === 'module' ? transform.module.file : '';
  };
  for (const [type, file] of [
    ['a.ts', 'inside/a.ts'],
    ['./deep/b.mjs', 'inside/deep/b.mjs'],
    ['deep/../a.ts', 'inside/a.ts'],
    ['alias.ts', 'inside/a.ts'],
    [join(inside, 'a.ts'), 'inside/a.ts'],
  ] as const) {
    assert.equal(module(type), join(folder, file), type);
  }
  for (const type of ['../inside-not/c.js', 'link.js', join(other, 'c.js'), '/etc/../' + join(other, 'c.js')]) {
    assert.match(module(type), /^"transforms\.m\.type" leads out of the folders of plugin\.path \(".*inside"\)/, type);
  }
  for (const type of ['none.ts', 'folder.js', '../none.js', 'a.ts/../a.ts\0.js']) {
    assert.match(module(type), /^"transforms\.m\.type" names no file in the folders of plugin\.path/, type);
  }
  assert.equal(module('c.js', path(inside, other)), join(other, 'c.js'), 'a second folder');
  for (const shared of [[], path('')]) {
    assert.match(
      module('a.ts', shared),
      /modules are loaded only from folders that are allowed: give them with --plugin\.path or MILLRACE_PLUGIN_PATH/,
    );
  }
});

test('a connector file cannot allow folders itself', () => {
  const over = { transforms: 'o,m', 'transforms.m.type': 'c.js', 'plugin.path': other };
  assert.match(mistakes(over, []).join(), /modules are loaded only from folders that are allowed/);
  assert.match(mistakes(over, path(inside)).join(), /names no file in the folders of plugin\.path/);
  const { remarks } = parse({ 'plugin.path': other });
  assert.deepEqual(
    remarks.map(({ key }) => key),
    ['plugin.path'],
  );
});

test('a converter may be a module, with options of its own; the others keep theirs', () => {
  const config = parse({
    'value.converter': 'a.ts',
    'value.converter.schema.id': 7,
    'value.converter.schemas.enable': 'true',
  });
  assert.deepEqual(config.converters.key, null);
  assert.deepEqual(config.converters.value, {
    name: 'value.converter',
    path: 'a.ts',
    file: join(inside, 'a.ts'),
    options: { 'schema.id': '7', 'schemas.enable': 'true' },
  });
  assert.equal(config.values.keyConverter, 'raw');
  assert.match(mistakes({ 'key.converter': 'none.ts' }).join(), /^"key\.converter" names no file/);
  assert.match(
    mistakes({ 'key.converter': 'org.example.Converter' }).join(),
    /^"key\.converter" expected one of raw, string, json, bytes, or the path of a module, got/,
  );
});
