import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ColumnType } from '../../../src/change/column-type.ts';
import { writeJson } from '../../../src/change/json-data.ts';
import { JsonWriter } from '../../../src/change/json-writer.ts';
import { type ColumnMapping, mapType } from '../../../src/source/postgres/column-mapping.ts';
import { typeCatalog } from '../../../src/source/postgres/types/catalog.ts';
import { columnFacts } from '../../../src/source/postgres/types/column-facts.ts';
import { createColumnTypes } from '../../../src/source/postgres/types/column-types.ts';
import { serializedString } from '../../../src/source/postgres/types/java-serialized.ts';
import { DEFAULT_TYPE_OPTIONS } from '../../../src/source/postgres/types/options.ts';

const CATALOG = typeCatalog([]);
const types = createColumnTypes(DEFAULT_TYPE_OPTIONS, CATALOG);
const TEXT = { typeId: 25, typeModifier: -1 };
/** varchar(10) */
const VARCHAR = { typeId: 1043, typeModifier: 14 };

function mapped(column: typeof TEXT, mapping: ColumnMapping): ColumnType {
  const type = types(column);
  assert.ok(type);
  return mapType(type, mapping, columnFacts(column, CATALOG), 'c').type;
}
function jsonOf(type: ColumnType, text: string): string {
  const out = new JsonWriter(16);
  type.json(Buffer.from(text), out);
  return out.view().toString('utf8');
}

test('JSON and data say the same of any text under any mapping', () => {
  const mapping = fc.oneof(
    fc.record({ kind: fc.constantFrom('mask' as const, 'truncate' as const), length: fc.nat(20) }),
    fc.record({
      kind: fc.constant('hash' as const),
      version: fc.constantFrom(1 as const, 2 as const),
      algorithm: fc.constantFrom('md5', 'sha3-256', 'sha512-224'),
      salt: fc.string({ minLength: 1 }),
    }),
  );
  fc.assert(
    fc.property(mapping, fc.constantFrom(TEXT, VARCHAR), fc.string({ unit: 'binary' }), (each, column, text) => {
      const type = mapped(column, each);
      const out = new JsonWriter(16);
      const data = type.data(Buffer.from(text));
      writeJson(type.schema, data, out);
      assert.equal(jsonOf(type, text), out.view().toString('utf8'));
      assert.ok(typeof data === 'string');
      if (each.kind === 'hash') assert.match(data, column === VARCHAR ? /^[0-9a-f]{10}$/ : /^[0-9a-f]{32,}$/);
      if (each.kind === 'truncate' && column === TEXT) assert.ok(text.startsWith(data) && data.length <= each.length);
    }),
  );
});

test('half a character is not left by a cut', () => {
  assert.equal(mapped(TEXT, { kind: 'truncate', length: 2 }).data(Buffer.from('a😀')), 'a');
  assert.equal(mapped(TEXT, { kind: 'truncate', length: 3 }).data(Buffer.from('a😀b')), 'a😀');
});

test('a text is serialized as Java does, long ones with a longer length', () => {
  assert.equal(serializedString('a\0é😀').toString('hex'), `aced000574${'000b'}61${'c080'}${'c3a9'}${'eda0bdedb880'}`);
  const long = serializedString('é'.repeat(0x8000));
  assert.equal(long.subarray(0, 15).toString('hex'), 'aced00057c0000000000010000c3a9');
  assert.equal(long.length, 13 + 0x10000);
});
