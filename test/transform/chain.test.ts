import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '../../src/change/change.ts';
import type { Message } from '../../src/change/message.ts';
import type { Struct } from '../../src/change/schema.ts';
import { MillraceError } from '../../src/errors.ts';
import type { ConnectRecord, RecordChanges, RecordTransform } from '../../src/plugin.ts';
import { createChangeData } from '../../src/serialize/envelope.ts';
import { createSerializer } from '../../src/serialize/serializer.ts';
import { PgoutputDecoder } from '../../src/source/postgres/pgoutput.ts';
import { type Step, createChain } from '../../src/transform/chain.ts';
import { createOutboxRouter } from '../../src/transform/outbox.ts';
import { hasHeaderKey, recordIsTombstone, topicNameMatches } from '../../src/transform/predicates.ts';
import type { Decoding } from '../../src/transform/record.ts';
import { userPredicate, userStage } from '../../src/transform/user-module.ts';
import * as bytes from '../support/pgoutput-bytes.ts';

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
const DECODING: Decoding = {
  columnType: () => null,
  changeData: createChangeData({ name: 'shop', columnType: () => null, unavailable: 'unavailable', now: () => 5 }),
};
const ROUTER: Step = {
  stage: createOutboxRouter(
    {
      idField: 'id',
      keyField: 'aggregateid',
      payloadField: 'payload',
      routeByField: 'aggregatetype',
      topicRegex: /(?<routedByValue>.*)/,
      topicReplacement: 'events.$<routedByValue>',
      headers: [{ column: 'type', name: 'type' }],
      missingHeaderColumn: 'error',
      tombstoneOnEmptyPayload: true,
      onUpdate: 'warn',
    },
    { log: quiet, metrics },
  ),
  predicate: null,
};
const COLUMNS = [
  { name: 'id', type: 2950, key: true },
  { name: 'aggregatetype', type: 1043 },
  { name: 'aggregateid', type: 23 },
  { name: 'type', type: 1043 },
  { name: 'payload', type: 3802 },
];
const ROW: bytes.Cell[] = ['e1', 'order', '17', 'Created', '{"n": 1}'];

function insert(row: bytes.Cell[] = ROW, table = 'outbox'): Change {
  const decoder = new PgoutputDecoder();
  const relation = bytes.relation({ oid: 1, schema: 'public', name: table, columns: COLUMNS });
  decoder.decode(relation, 0, relation.length);
  const message = bytes.insert(1, row);
  return decoder.decode(message, 0, message.length) as Change;
}
function own(apply: (record: ConnectRecord) => unknown, predicate: Step['predicate'] = null): Step {
  const stage = userStage('transforms.mine (mine.ts)', { apply } as RecordTransform, DECODING, metrics);
  return { stage, predicate };
}
function run(steps: readonly Step[], change: Change = insert()): Message[] {
  const out: Message[] = [];
  createChain(steps, { topicPrefix: 'shop', now: () => 1234 })(change, null, out);
  return out;
}
const raw = createSerializer({ key: 'string', value: 'raw' });
const json = createSerializer({ key: 'json', value: 'json' });
const texts = (message: Message | undefined, serialize = raw): [string, string, string] => {
  const record = serialize(message as Message);
  return [record.topic, String(record.key), String(record.value)];
};

test('transforms are applied in order, and each sees what the one before it made', () => {
  const seen: string[] = [];
  const note = (suffix: string): Step =>
    own((record) => {
      seen.push(record.topic);
      return record.with({ topic: record.topic + suffix });
    });
  const [message] = run([note('.ignored'), ROUTER, note('.a'), note('.b')]);
  assert.deepEqual(texts(message), ['events.order.a.b', '17', '{"n": 1}']);
  assert.deepEqual(seen, ['shop.public.outbox', 'events.order', 'events.order.a']);
});

test('a row change is seen as an envelope before the router, and the payload behind it', () => {
  const seen: unknown[] = [];
  const look = own((record) => {
    seen.push([record.key, record.value]);
    return record;
  });
  const [message] = run([look, ROUTER, look]);
  const [before, behind] = seen as [[Struct, Struct], [unknown, unknown]];
  const { before: none, after, op, source } = before[1];
  assert.deepEqual([none, op, (source as Struct)['table']], [null, 'c', 'outbox']);
  assert.deepEqual(
    { ...(after as Struct) },
    { id: 'e1', aggregatetype: 'order', aggregateid: 17, type: 'Created', payload: '{"n": 1}' },
  );
  assert.deepEqual({ ...before[0] }, { id: 'e1' });
  assert.deepEqual(behind, [17n, '{"n": 1}']);
  // Nothing was changed: the record's bytes are those of the row.
  assert.deepEqual(message?.body.kind, 'payload');
});

test('what is not changed keeps its bytes; what is changed is checked and written by its converter', () => {
  const changed = (changes: RecordChanges): Message | undefined =>
    run([ROUTER, own((record) => record.with(changes))])[0];
  assert.equal(changed({ topic: 'x' })?.body.kind, 'payload');
  assert.deepEqual(texts(changed({ value: 'näw' })), ['events.order', '17', 'näw']);
  assert.deepEqual(texts(changed({ value: 'näw' }), json), ['events.order', '17', '"näw"']);
  assert.deepEqual(
    texts(changed({ value: { a: [1, null, true, 2n ** 62n], b: Buffer.from('x') } }), json)[2],
    '{"a":[1,null,true,4611686018427387904],"b":"eA=="}',
  );
  assert.deepEqual(texts(changed({ value: { a: 1 } }))[2], '{"a":1}', 'raw writes JSON of what is no text');
  assert.equal(raw(changed({ value: Buffer.from([0, 255]) }) as Message).value?.toString('hex'), '00ff');
  assert.equal(raw(changed({ key: null, keySchema: null }) as Message).key, null);
  const deleted = changed({ value: null, valueSchema: null });
  assert.equal(deleted?.body.kind, 'tombstone');
  assert.equal(json(deleted as Message).value, null);
  assert.deepEqual([changed({ partition: 3 })?.partition, changed({ timestampMs: 9 })?.timestampMs], [3, 9]);
  const { headers } = changed({
    headers: [
      { name: 'n', value: 5n },
      { name: 'o', value: { a: 1 } },
      { name: 'z', value: null },
    ],
  }) as Message;
  assert.deepEqual(
    headers.map(({ name, value }) => `${name}=${value?.toString() ?? null}`),
    ['n=5', 'o={"a":1}', 'z=null'],
  );
});

test('a schema is kept by a value that fits it, and decides what JSON is', () => {
  const out = run([
    ROUTER,
    own((record) => record.with({ key: 18n })),
    own((record) => {
      assert.equal(record.keySchema?.type, 'int64');
      return record.with({ key: 'text' });
    }),
    own((record) => {
      assert.equal(record.keySchema, null);
      const schema = {
        type: 'struct',
        optional: false,
        fields: [{ name: 'x', schema: { type: 'float64', optional: true } }],
      } as const;
      return record.with({ value: { x: 1 }, valueSchema: schema });
    }),
  ]);
  assert.deepEqual(texts(out[0], json), ['events.order', '"text"', '{"x":1.0}']);
});

test('predicates decide who sees a record, and negate turns them around', () => {
  const tag = (predicate: Step['predicate']): string[] =>
    run([ROUTER, own((record) => record.with({ topic: 'seen' }), predicate)]).map(({ topic }) => topic);
  const cases = [
    [topicNameMatches(/^(?:events\.order)$/), true],
    [topicNameMatches(/^(?:order)$/), false],
    [hasHeaderKey('type'), true],
    [hasHeaderKey('tope'), false],
    [recordIsTombstone(), false],
    [userPredicate('predicates.p (p.ts)', { test: (record) => record.key === 17n }, DECODING), true],
  ] as const;
  for (const [test, holds] of cases) {
    assert.deepEqual(tag({ test, negate: false }), [holds ? 'seen' : 'events.order']);
    assert.deepEqual(tag({ test, negate: true }), [holds ? 'events.order' : 'seen']);
  }
  const empty = run(
    [ROUTER, own((record) => record.with({ topic: 'gone' }), { test: recordIsTombstone(), negate: false })],
    insert(['e1', 'order', '17', 'Deleted', null]),
  );
  assert.deepEqual(
    empty.map(({ topic, body }) => [topic, body.kind]),
    [['gone', 'tombstone']],
  );
});

test('a router with a predicate leaves other tables alone; two routers share the work', () => {
  const only = (pattern: RegExp): Step => ({
    ...ROUTER,
    predicate: { test: topicNameMatches(pattern), negate: false },
  });
  const steps = [only(/^shop\.public\.outbox$/), only(/^shop\.public\.outbox2$/)];
  assert.deepEqual(
    run(steps, insert(ROW, 'outbox2')).map(({ topic }) => topic),
    ['events.order'],
  );
  const [left] = run(steps, insert(ROW, 'orders'));
  assert.deepEqual([left?.topic, left?.body.kind], ['shop.public.orders', 'change']);
  assert.throws(() => raw(left as Message), /a row change for topic shop\.public\.orders is not an outbox event/);
});

test('null drops a record, and nothing behind it sees it', () => {
  let seen = 0;
  assert.deepEqual(run([own(() => null), own(() => seen++), ROUTER]), []);
  assert.deepEqual(run([ROUTER, own(() => null), own(() => seen++)]), []);
  assert.equal(seen, 0);
});

test('a faulty transform fails with its name, and no row value is in the message', () => {
  const secret = 'row-value-4711';
  const faults: readonly (readonly [(record: ConnectRecord) => unknown, RegExp])[] = [
    [() => undefined, /apply\(\) gave nothing: expected the record/],
    [() => 5, /apply\(\) gave a whole number/],
    [async (record) => record, /apply\(\) gave a promise.*synchronous/],
    [(record) => ({ ...record }), /apply\(\) gave an object|apply\(\) gave a RecordView/],
    [
      () => {
        throw new TypeError(secret);
      },
      /: TypeError at chain\.test\.ts:\d+:\d+\. Its message may hold row values/,
    ],
    [
      () => {
        throw secret;
      },
      /: a text thrown\./,
    ],
    [(record) => record.with({ topic: secret + '/' }), /topic: expected 1 to 249 of .*got a text of 15 characters/],
    [(record) => record.with({ topic: null as unknown as string }), /topic: expected .*got null/],
    [(record) => record.with({ partition: -1 }), /partition: expected a whole number from 0/],
    [(record) => record.with({ partition: 1.5 }), /partition: expected/],
    [(record) => record.with({ timestampMs: Number.NaN }), /timestampMs: expected whole milliseconds/],
    [(record) => record.with({ headers: [{ name: 5 } as never] }), /headers\[0\]: expected \{name, value\}/],
    [(record) => record.with({ headers: secret as never }), /headers: expected an array, got a text/],
    [(record) => record.with({ value: (() => 5) as never }), /value: a function is no data/],
    [(record) => record.with({ value: { a: [new Date()] } as never }), /value\.a\[0\]: a Date is no data/],
    [
      (record) => record.with({ value: secret, valueSchema: { type: 'int32', optional: false } }),
      /value: expected int32, got a text/,
    ],
    [
      (record) => record.with({ value: { a: 1 }, valueSchema: { type: 'struct', optional: false, fields: [] } }),
      /value\.a: the schema has no such field/,
    ],
    [(record) => record.with({ key: 5, keySchema: { type: 'int' } as never }), /a schema has no type/],
    [
      (record) => record.with({ value: null, valueSchema: { type: 'string', optional: false } }),
      /value: expected string, got null/,
    ],
  ];
  for (const [apply, expected] of faults) {
    assert.throws(
      () => run([ROUTER, own(apply)]),
      (error) => {
        assert.ok(error instanceof MillraceError && error.kind === 'data', String(error));
        assert.match(error.message, expected);
        assert.match(error.message, /^transforms\.mine \(mine\.ts\): /);
        assert.ok(!error.message.includes(secret));
        return true;
      },
    );
  }
  const test = userPredicate('predicates.p (p.ts)', { test: () => 'yes' as never }, DECODING);
  assert.throws(
    () => run([{ ...ROUTER, predicate: { test, negate: false } }]),
    /predicates\.p \(p\.ts\): test\(\) gave a text: expected true or false/,
  );
});

test('converters say what they cannot write', () => {
  const [message] = run([ROUTER, own((record) => record.with({ value: { a: 1 } }))]) as [Message];
  assert.throws(
    () => createSerializer({ key: 'string', value: 'string' })(message),
    /the string converter cannot write an object/,
  );
  assert.throws(
    () => createSerializer({ key: 'string', value: 'bytes' })(message),
    /the bytes converter cannot write an object/,
  );
});
