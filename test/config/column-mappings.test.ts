import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConnector, parseConnector } from '../../src/config/connector.ts';
import { formatMistake } from '../../src/config/mistake.ts';

const MINIMUM = {
  'connector.class': 'postgres',
  'database.hostname': 'localhost',
  'database.user': 'u',
  'database.dbname': 'd',
  'kafka.bootstrap.servers': 'localhost:9092',
};
const SALT = 'CzQ.MA0cB5K';

function mistakesOf(config: string): string {
  const checked = checkConnector(config, 'c.json', { env: {} });
  return 'mistakes' in checked ? checked.mistakes.map((each) => formatMistake(each)).join('\n') : '';
}
const withKeys = (over: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ name: 'c', config: { ...MINIMUM, ...over } });

test('masks come before cuts and source types, whatever the order in the file', () => {
  const { columns } = parseConnector({
    name: 'c',
    config: {
      ...MINIMUM,
      'column.propagate.source.type': '.*',
      'column.truncate.to.3.chars': '.*',
      [`column.mask.hash.SHA-256.with.salt.${SALT}`]: 'a,b',
      [`column.mask.hash.v2.sha3-512.with.salt.${SALT}`]: 'a',
      'column.mask.with.0.chars': 'a',
    },
  });
  assert.deepEqual(
    columns.mappings.filter(({ patterns }) => patterns.length > 0).map(({ mapping }) => mapping),
    [
      { kind: 'mask', length: 0 },
      { kind: 'hash', version: 2, algorithm: 'sha3-512', salt: SALT },
      { kind: 'hash', version: 1, algorithm: 'sha256', salt: SALT },
      { kind: 'truncate', length: 3 },
      { kind: 'source-type' },
    ],
  );
  assert.ok(columns.mappings[2]?.patterns[1]?.test('B'));
});

test('a key that says no length or no algorithm is a mistake', () => {
  for (const [key, expected] of [
    ['column.mask.with.-1.chars', /"column\.mask\.with\.-1\.chars" is no key .* n from 0 to/],
    ['column.mask.with.2000000.chars', /n from 0 to 1000000/],
    ['column.truncate.to.x.chars', /n from 0 to 2147483647/],
    ['column.truncate.to.99999999999.chars', /n from 0 to 2147483647/],
    ['column.mask.hash.MD2.with.salt.x', /expected .*SHA-256/],
    ['column.mask.hash.v2.with.salt.x', /v2\.<algorithm>/],
    ['column.mask.hash.SHA-256.with.salt.', /<salt>/],
    ['column.mask.blur', /column\.mask\.with\.\*\.chars/],
  ] as const) {
    assert.match(mistakesOf(withKeys({ [key]: 'a' })), expected, key);
  }
});

test('no mistake shows a salt', () => {
  const key = `column.mask.hash.SHA-256.with.salt.${SALT}`;
  const twice = withKeys({ [key]: 'a' }).replace(/\}\}$/, `,"${key}":"b"}}`);
  const outside = JSON.stringify({ name: 'c', config: MINIMUM, [key]: 'a' });
  for (const config of [
    withKeys({ [key]: '(' }),
    withKeys({ [key]: '${env:MISSING}' }),
    withKeys({ [key]: null }),
    withKeys({ [`column.mask.hash.SHA-257.with.salt.${SALT}`]: 'a' }),
    withKeys({ [`column.mask.hash.SHA-256.with.salts.${SALT}`]: 'a' }),
    withKeys({ [`Column.Mask.Hash.v2.SHA-256.with.salt.${SALT}`]: 'a' }),
    withKeys({ [`columns.mask.hash.SHA-256.with.salt.${SALT}`]: 'a' }),
    twice,
    outside,
  ]) {
    const text = mistakesOf(config);
    assert.match(text, /\*\*\*\*/);
    assert.ok(!text.includes(SALT) && !text.includes('MA0cB5K'), text);
  }
});

test('replica identities are read part by part, and a part that says nothing is a mistake', () => {
  const given = { 'replica.identity.autoset.values': 'a\\.b:full, (.*)\\.c:INDEX c_key ,d:Nothing' };
  const { identities } = parseConnector({ name: 'c', config: { ...MINIMUM, ...given } });
  assert.deepEqual(
    identities.map(({ identity }) => identity),
    ['FULL', { index: 'c_key' }, 'NOTHING'],
  );
  assert.ok(identities[1]?.table.test('PUBLIC.C'));
  for (const wrong of ['a', 'a:ALL', 'a:INDEX', 'a:FULL,,b:FULL', '(:FULL']) {
    assert.match(mistakesOf(withKeys({ 'replica.identity.autoset.values': wrong })), /replica\.identity/, wrong);
  }
});
