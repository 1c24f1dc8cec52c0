/** The transforms of Connect and Debezium in a connector's file: names, options, mistakes, and what describes them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { CONNECT_OPTIONS, CONNECT_TRANSFORMS } from '../../src/config/connect-transforms/described.ts';
import { readFieldPath } from '../../src/config/connect-transforms/field-path.ts';
import { CONNECT_TYPES } from '../../src/config/connect-transforms/types.ts';
import { type ConnectorConfig, checkConnector } from '../../src/config/connector.ts';
import { formatMistake } from '../../src/config/mistake.ts';
import { connectorSchema } from '../../src/config/schema.ts';
import { compiled } from '../support/json-schema.ts';

const MINIMUM = {
  'connector.class': 'postgres',
  'database.hostname': 'localhost',
  'database.user': 'u',
  'database.dbname': 'd',
  'kafka.bootstrap.servers': 'localhost:9092',
  transforms: 'o,x',
  'transforms.o.type': 'outbox',
};
type Values = Readonly<Record<string, unknown>>;
const file = (over: Values): object => ({ name: 'c', config: { ...MINIMUM, ...over } });
function check(over: Values): ReturnType<typeof checkConnector> {
  return checkConnector(JSON.stringify(file(over)), null, {});
}
/** With the options behind the alias. */
function of(type: string, options: Values = {}, more: Values = {}): Values {
  const behind = Object.fromEntries(Object.entries(options).map(([key, value]) => [`transforms.x.${key}`, value]));
  return { 'transforms.x.type': type, ...behind, ...more };
}
function mistakes(over: Values): string[] {
  const checked = check(over);
  return 'mistakes' in checked ? checked.mistakes.map(formatMistake) : [];
}
function parse(over: Values): ConnectorConfig {
  const checked = check(over);
  if ('mistakes' in checked) assert.fail(checked.mistakes.map(formatMistake).join('\n'));
  return checked.config;
}

/** Options without which a type is wrong. */
const NEEDED: Readonly<Record<string, Values>> = {
  ByLogicalTableRouter: { 'topic.regex': '(.*)_\\d', 'topic.replacement': '$1' },
  RegexRouter: { regex: '(.*)', replacement: 'a.$1' },
  ValueToKey: { fields: 'id' },
  InsertHeader: { header: 'h', 'value.literal': '1' },
  DropHeaders: { headers: 'h' },
  InsertField: { 'topic.field': 't' },
  MaskField: { fields: 'ssn' },
  ExtractField: { field: 'after' },
  HoistField: { field: 'id' },
  Cast: { spec: 'int8' },
  TimestampConverter: { 'target.type': 'unix' },
  HeaderFrom: { fields: 'a', headers: 'h', operation: 'copy' },
  SetSchemaMetadata: { 'schema.name': 'n' },
};
const needed = (type: string): Values => NEEDED[type.replace(/\$.*/, '')] ?? {};

test('every class is taken with and without its package', () => {
  assert.equal(CONNECT_TYPES.length, 27);
  for (const { types, package: name } of CONNECT_TRANSFORMS) {
    for (const type of types) {
      for (const spelled of [type, `${name}.${type}`]) {
        const transform = parse(of(spelled, needed(type))).transforms[1]?.transform;
        assert.ok(transform?.kind === 'connect' && transform.type === type, spelled);
        if (type.includes('$')) {
          assert.equal('of' in transform.transform && transform.transform.of, type.endsWith('Key') ? 'key' : 'value');
        }
      }
    }
  }
});

test('every option that the classes declare themselves is ours, and no other', () => {
  const url = new URL('../fixtures/transforms/options.jsonl', import.meta.url);
  const lines = readFileSync(url, 'utf8').trimEnd().split('\n');
  const declared = new Map(lines.map((line) => JSON.parse(line) as [string, readonly string[]]));
  for (const { types, package: name, fields } of CONNECT_TRANSFORMS) {
    for (const type of types) {
      const ours = fields.map(({ key }) => key).sort();
      const theirs = declared.get(`${name}.${type}`) ?? assert.fail(`${name}.${type} was not asked`);
      // Read by Debezium and not declared there; and what only sink connectors can use.
      const more = {
        ByLogicalTableRouter: ['key.field.name', 'schema.name.adjustment.mode'],
        ExtractNewRecordState: ['replace.null.with.default'],
      }[type];
      const all = [...theirs.filter((key) => key !== 'offset.field'), ...(more ?? [])].sort();
      assert.deepEqual(ours, all, type);
    }
  }
});

test('mistakes are said once, at their key, with what is right', () => {
  const cases: readonly (readonly [Values, RegExp])[] = [
    [of('MaskFeld$Value'), /is none of the transforms: "MaskFeld\$Value"; did you mean "MaskField\$Value"\?/],
    [of('org.example.Mask'), /"transforms\.x\.type" expected one of outbox, .*MaskField\$Key, MaskField\$Value/],
    [
      of('MaskField', { fields: 'a' }),
      /"transforms\.x\.type" is none of the transforms: "MaskField"; did you mean "MaskField\$Value" for values, "MaskField\$Key" for keys\?/,
    ],
    [
      of('MaskField$Value', { field: 'a', fields: 'a' }),
      /"transforms\.x\.field" is not a key.*did you mean "transforms\.x\.fields"/,
    ],
    [
      of('RegexRouter', { regex: 'a', replacement: 'b', replacment: 'c' }),
      /did you mean "transforms\.x\.replacement"\?/,
    ],
    [of('RegexRouter', { regex: '(', replacement: 'b' }), /"transforms\.x\.regex" cannot be read/],
    [of('RegexRouter', { regex: 'a', replacement: '$1' }), /"transforms\.x\.replacement" cannot be read.*0 groups/],
    [of('RegexRouter', { regex: 'a', replacement: 'b c' }), /"transforms\.x\.replacement" makes no legal topic names/],
    [of('RegexRouter', { replacement: 'b' }), /"transforms\.x\.regex" is missing/],
    [of('Filter', { condition: 'x' }), /"transforms\.x\.condition" is not a key of this connector/],
    [
      of('Cast$Value', { spec: 'a:int33' }),
      /"transforms\.x\.spec" expected field:type for each field, or one type alone/,
    ],
    [of('Cast$Value', { spec: 'int8,a:int8' }), /"transforms\.x\.spec" expected field:type/],
    [of('ReplaceField$Key', { renames: 'a' }), /"transforms\.x\.renames" expected old:new for each field/],
    [of('InsertField$Value', {}), /"transforms\.x\.static\.field" is missing/],
    [of('InsertField$Value', { 'static.field': 'a' }), /"transforms\.x\.static\.value" is missing/],
    [of('InsertField$Value', { 'offset.field': 'a' }), /"transforms\.x\.offset\.field" is only for sink connectors/],
    [
      of('HeaderFrom$Value', { fields: 'a,b', headers: 'h', operation: 'copy' }),
      /"transforms\.x\.headers" has to have as many items/,
    ],
    [
      of('HeaderFrom$Value', { fields: 'a', headers: 'h', operation: 'cut' }),
      /"transforms\.x\.operation" expected one of copy, move/,
    ],
    [of('SetSchemaMetadata$Value', {}), /"transforms\.x\.schema\.name" is missing/],
    [
      of('SetSchemaMetadata$Value', { 'schema.version': 'one' }),
      /"transforms\.x\.schema\.version" expected a whole number/,
    ],
    [of('TimestampConverter$Value', { 'target.type': 'string' }), /"transforms\.x\.format" is missing/],
    [
      of('TimestampConverter$Value', { 'target.type': 'string', format: 'YYYY-MM-dd' }),
      /"transforms\.x\.format".*Y, the year of the week.*the year is y/,
    ],
    [
      of('TimestampConverter$Value', { 'target.type': 'string', format: "yyyy'" }),
      /"transforms\.x\.format".*a quote without its partner/,
    ],
    [
      of('TimestampConverter$Value', { 'target.type': 'string', format: 'yyyyTHH' }),
      /"transforms\.x\.format".*T is no letter of a pattern/,
    ],
    [
      of('ExtractField$Value', { field: '`a', 'field.syntax.version': 'V2' }),
      /"transforms\.x\.field" has a backtick without its partner/,
    ],
    [
      of('ByLogicalTableRouter', { ...NEEDED['ByLogicalTableRouter'], 'key.field.regex': 'a' }),
      /"transforms\.x\.key\.field\.replacement" is missing/,
    ],
    [
      of('ExtractNewRecordState', { 'add.fields': 'op:a:b' }),
      /"transforms\.x\.add\.fields" expected field, struct\.field/,
    ],
    [
      of('ExtractNewRecordState', { 'delete.tombstone.handling.mode': 'keep' }),
      /expected one of drop, tombstone, rewrite/,
    ],
    [
      of('Flatten$Value', { 'replace.null.with.default': 'true' }),
      /"transforms\.x\.replace\.null\.with\.default" is not a key/,
    ],
  ];
  for (const [over, expected] of cases) {
    const said = mistakes(over);
    assert.equal(said.length, 1, `${JSON.stringify(over)}\n${said.join('\n')}`);
    assert.match(said[0] ?? '', expected);
  }
});

test('what changes the value before a router is refused, unless a predicate keeps it away from the rows', () => {
  const before = { transforms: 'x,o' };
  const refused = mistakes(of('MaskField$Value', { fields: 'payload' }, before));
  assert.match(
    refused.join('\n'),
    /^"transforms\.x\.type" changes the value before the outbox router "o", which takes rows/,
  );
  const predicate = { predicates: 'p', 'predicates.p.type': 'RecordIsTombstone', 'transforms.x.predicate': 'p' };
  for (const over of [
    of('MaskField$Value', { fields: 'payload' }, { ...before, ...predicate }),
    of('MaskField$Key', { fields: 'payload' }, before),
    of('RegexRouter', NEEDED['RegexRouter'], before),
    of('InsertHeader', NEEDED['InsertHeader'], before),
    of('HeaderFrom$Value', NEEDED['HeaderFrom'], before),
    of('MaskField$Value', { fields: 'payload' }),
  ]) {
    assert.deepEqual(mistakes(over), []);
  }
});

test('options of ExtractNewRecordState from before Debezium 3 are accepted without effect, and said', () => {
  const { remarks, transforms } = parse(
    of('ExtractNewRecordState', { 'drop.tombstones': 'false', 'delete.handling.mode': 'rewrite' }),
  );
  assert.deepEqual(
    remarks.map(({ key }) => key),
    ['transforms.x.drop.tombstones', 'transforms.x.delete.handling.mode'],
  );
  const transform = transforms[1]?.transform;
  assert.ok(transform?.kind === 'connect' && transform.transform.name === 'ExtractNewRecordState');
  assert.equal(transform.transform.options.deletes, 'tombstone');
  assert.match(mistakes(of('Filter', { 'drop.tombstones': 'false' })).join(), /is not a key of this connector/);
});

test('the JSON Schema and the reference know every transform and option', () => {
  const isValid = compiled(connectorSchema());
  const reference = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  for (const { types, fields } of CONNECT_TRANSFORMS) {
    for (const type of types) {
      assert.ok(reference.includes(`\`${type}\``), type);
      const examples = Object.fromEntries(fields.map(({ key, example }) => [key, example]));
      for (const given of [needed(type), examples]) {
        assert.ok(isValid(file(of(type, given))), `${type} ${JSON.stringify(given)}`);
        if (given === examples) assert.deepEqual(mistakes(of(type, given)), []);
      }
    }
  }
  assert.ok(!isValid(file(of('MaskField$Value', { fields: 'a', colour: 'b' }))));
  for (const [key, fields] of CONNECT_OPTIONS) for (const { doc } of fields) assert.match(doc, /\.$/, key);
});

test('no options make it crash', () => {
  const keys = [...CONNECT_OPTIONS.keys(), 'predicate', 'offset.field', '__proto__'];
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '',
      'a',
      'a:b',
      'a,b',
      'true',
      'V2',
      '(',
      '$1',
      '`',
      'int8',
      'string',
      "yyyy-MM-dd'T'",
      '[1,',
      'copy',
      '2',
    ),
  );
  const options = fc.dictionary(fc.constantFrom(...keys), text);
  fc.assert(
    fc.property(fc.constantFrom(...CONNECT_TYPES), options, (type, given) => {
      const checked = check(of(type, { ...needed(type), ...given }));
      if ('mistakes' in checked) assert.ok(checked.mistakes.every((mistake) => formatMistake(mistake).length < 2000));
    }),
    { numRuns: 300 },
  );
});

test('a path is split at dots outside of backticks', () => {
  const cases: readonly (readonly [string, readonly string[] | null])[] = [
    ['a', ['a']],
    ['a.b.c', ['a', 'b', 'c']],
    ['`a.b`.c', ['a.b', 'c']],
    ['a.`b.c`', ['a', 'b.c']],
    ['a`b.c', ['a`b', 'c']],
    ['`a`b`', ['a`b']],
    ['a.', ['a', '']],
    ['.a', ['', 'a']],
    ['', []],
    ['`a', null],
    ['`a\\`', null],
    ['`a\\`.b`.c', ['a`.b', 'c']],
  ];
  for (const [path, steps] of cases) assert.deepEqual(readFieldPath(path), steps, path);
});
