/** Connect's transforms as links of a chain: on rows and payloads, whose bytes stay as they are where nothing changes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Row } from '../../../src/change/change.ts';
import type { ChangeEvent } from '../../../src/change/event.ts';
import type { Message } from '../../../src/change/message.ts';
import type { Data, Datum, Schema, Struct } from '../../../src/change/schema.ts';
import { MillraceError } from '../../../src/errors.ts';
import { type ConnectTransform, createConnectTransform } from '../../../src/transform/connect/create.ts';
import { type Decoding, RecordView } from '../../../src/transform/record.ts';
import { messageToJson } from './data-json.ts';

const ENVELOPE: Datum = { schema: null, value: { op: 'c', after: { id: 1, name: 'secret' } } };
/** Of a row change nobody may ask. */
const SEALED: Decoding = {
  columnType: () => assert.fail('decoded'),
  rowKey: () => assert.fail('decoded'),
  eventValue: () => assert.fail('decoded'),
};
const OPEN: Decoding = {
  columnType: () => null,
  rowKey: () => ({ schema: null, value: { id: 1 } }),
  eventValue: () => ENVELOPE,
};
const COUNTS: Record<string, number> = {};
const metrics = {
  count: (name: string, by: number): void => void (COUNTS[name] = (COUNTS[name] ?? 0) + by),
  gauge: () => {},
  observe: () => {},
};
function apply(transform: ConnectTransform, message: Message, decoding = SEALED): Message | null {
  const name = `transforms.x (${transform.name})`;
  return createConnectTransform(transform, { name, decoding, metrics, now: 0 })(message);
}
const PAYLOAD: Message = {
  topic: 'events.order',
  key: { form: 'text', bytes: Buffer.from('17'), column: null },
  body: { kind: 'payload', payload: { form: 'json', bytes: Buffer.from('{"n": 1}'), column: null } },
  headers: [
    { name: 'id', value: Buffer.from([0xff, 0x00]) },
    { name: 'type', value: Buffer.from('Created') },
  ],
  timestampMs: 1234,
};
const CHANGE = {
  topic: 'shop.public.outbox',
  key: { row: {} as Row },
  body: { kind: 'change', event: {} as ChangeEvent },
  headers: [],
  timestampMs: 1,
} as unknown as Message;
const toTopic = (text: string): ConnectTransform => ({
  name: 'RegexRouter',
  options: { whole: /^(?:.*)$/v, found: /.*/v, text },
});

test('what only touches topic or headers decodes nothing and keeps key and body as they are', () => {
  for (const message of [PAYLOAD, CHANGE]) {
    for (const transform of [
      toTopic('other'),
      { name: 'InsertHeader', options: { header: 'h', literal: '5' } },
      { name: 'DropHeaders', options: { headers: ['id'] } },
    ] as const) {
      const out = apply(transform, message);
      assert.equal(out?.body, message.body);
      assert.equal(out?.key, message.key);
    }
    assert.equal(apply({ name: 'Filter' }, message), null);
  }
  assert.equal(COUNTS['skipped_changes'], 2);
});

test('headers that are left alone keep their bytes, also those that are no text', () => {
  const out = apply({ name: 'DropHeaders', options: { headers: ['type'] } }, PAYLOAD);
  assert.deepEqual(out?.headers, [PAYLOAD.headers[0]]);
  assert.equal(out?.headers[0], PAYLOAD.headers[0]);
});

test('a key is decoded for the key alone, a value for the value alone', () => {
  const key = apply({ name: 'HoistField', of: 'key', options: { field: 'id' } }, PAYLOAD, OPEN);
  assert.equal(key?.body, PAYLOAD.body);
  assert.deepEqual({ ...(new RecordView(key as Message, SEALED).key as Struct) }, { id: '17' });
  const value = apply({ name: 'HoistField', of: 'value', options: { field: 'payload' } }, PAYLOAD, OPEN);
  assert.equal(value?.key, PAYLOAD.key);
  assert.equal(value?.body.kind, 'data');
});

test('a row change whose value is replaced keeps the key that it says', () => {
  const options = { path: ['after'], nullAsDefault: true };
  const out = apply({ name: 'ExtractField', of: 'value', options }, CHANGE, OPEN) as Message;
  const view = new RecordView(out, OPEN);
  assert.deepEqual([view.key, view.value], [{ id: 1 }, { id: 1, name: 'secret' }]);
  const copy = { fields: ['op'], headers: ['op'], operation: 'copy', nullAsDefault: true } as const;
  const copied = apply({ name: 'HeaderFrom', of: 'value', options: copy }, CHANGE, OPEN);
  assert.equal(copied?.body, CHANGE.body, 'a copy leaves the row to the router behind it');
  assert.equal(copied?.headers[0]?.value?.toString(), 'c');
});

test('what goes wrong has the name of the transform, the topic, and no value', () => {
  const cases: readonly (readonly [ConnectTransform, Message, RegExp])[] = [
    [
      { name: 'ExtractField', of: 'value', options: { path: ['n'], nullAsDefault: true } },
      PAYLOAD,
      /^transforms\.x \(ExtractField\), a record of events\.order: expected a struct, got string$/,
    ],
    [
      toTopic('no/topic'),
      PAYLOAD,
      /^transforms\.x \(RegexRouter\), a record of events\.order: the new topic has 8 characters/,
    ],
    [
      {
        name: 'Cast',
        of: 'value',
        options: { whole: null, fields: new Map([['after', 'int8']]), nullAsDefault: true },
      },
      CHANGE,
      /^transforms\.x \(Cast\), a record of shop\.public\.outbox: an object cannot be cast to int8$/,
    ],
  ];
  for (const [transform, message, expected] of cases) {
    assert.throws(
      () => apply(transform, message, OPEN),
      (error) => {
        assert.ok(error instanceof MillraceError && error.kind === 'data');
        assert.match(error.message, expected);
        assert.ok(!error.message.includes('secret') && !error.message.includes('no/topic'));
        return true;
      },
    );
  }
});

const primitive = fc.constantFrom('int8', 'int32', 'int64', 'float64', 'boolean', 'string', 'bytes');
/** A schema with a value of it. */
const datum: fc.Arbitrary<{ schema: Schema; value: Data }> = fc.letrec<{ datum: { schema: Schema; value: Data } }>(
  (tie) => ({
    datum: fc.oneof(
      { maxDepth: 2, depthSize: 'small', withCrossShrink: true },
      primitive.chain((type) => {
        const values: Record<string, fc.Arbitrary<Data>> = {
          int8: fc.integer({ min: -128, max: 127 }),
          int32: fc.integer(),
          int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          float64: fc.double(),
          boolean: fc.boolean(),
          string: fc.string(),
          bytes: fc.uint8Array(),
        };
        return fc.tuple(fc.boolean(), fc.option(values[type] ?? fc.constant(null))).map(([optional, value]) => ({
          schema: { type, optional: optional || value === null } as Schema,
          value,
        }));
      }),
      fc.dictionary(fc.constantFrom('a', 'b', 'op', '__proto__'), tie('datum'), { minKeys: 1 }).map((fields) => ({
        schema: {
          type: 'struct' as const,
          optional: false,
          fields: Object.entries(fields).map(([name, each]) => ({ name, schema: each.schema })),
        },
        value: Object.fromEntries(Object.entries(fields).map(([name, each]) => [name, each.value])),
      })),
    ),
  }),
).datum;

test('whatever the record, a transform gives a message of its schema or fails with "data"', () => {
  const nullAsDefault = fc.boolean();
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'op', 'c', '__proto__'), { minLength: 1 });
  const type = fc.constantFrom('int8', 'int64', 'float32', 'boolean', 'string') as fc.Arbitrary<'int8'>;
  const transform = fc.oneof(
    fc.record({ name: fc.constant('Flatten'), options: fc.record({ delimiter: fc.constantFrom('.', '_', '') }) }),
    fc.record({
      name: fc.constant('MaskField'),
      options: fc.record({ fields: names, replacement: fc.option(fc.constantFrom('1', 'x')), nullAsDefault }),
    }),
    fc.record({
      name: fc.constant('Cast'),
      options: fc.record({
        whole: fc.option(type),
        fields: names.map((all) => new Map(all.map((each) => [each, 'string' as const]))),
        nullAsDefault,
      }),
    }),
    fc.record({
      name: fc.constant('ReplaceField'),
      options: fc.record({
        exclude: names,
        include: fc.constant([]),
        renames: fc.constant(new Map([['a', 'z']])),
        nullAsDefault,
      }),
    }),
    fc.record({
      name: fc.constant('HeaderFrom'),
      options: names.map((all) => ({ fields: all, headers: all, operation: 'move', nullAsDefault: true })),
    }),
    fc.record({ name: fc.constant('ExtractField'), options: fc.record({ path: names, nullAsDefault }) }),
    fc.record({
      name: fc.constant('TimestampConverter'),
      options: fc.record({
        field: fc.option(fc.constantFrom('a', 'b')),
        target: fc.constantFrom('unix', 'Date', 'Time', 'Timestamp'),
        format: fc.constant(null),
        precision: fc.constant('seconds'),
        nullAsDefault,
      }),
    }),
  ) as unknown as fc.Arbitrary<ConnectTransform>;
  fc.assert(
    fc.property(transform, datum, fc.boolean(), (each, { schema, value }, schemaless) => {
      const message: Message = {
        ...PAYLOAD,
        key: null,
        body: { kind: 'data', datum: { schema: schemaless ? null : schema, value } },
      };
      let out: Message | null;
      try {
        out = apply({ of: 'value', ...each } as ConnectTransform, message);
      } catch (error) {
        if (error instanceof MillraceError && error.kind === 'data') return;
        throw error;
      }
      assert.ok(out !== null);
      // Every value can be written by its schema.
      messageToJson({ ...out, headers: [] });
    }),
    { numRuns: 1500 },
  );
});
