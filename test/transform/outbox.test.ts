import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '../../src/change/change.ts';
import type { Message } from '../../src/change/message.ts';
import { MillraceError } from '../../src/errors.ts';
import { createSerializer } from '../../src/serialize/serializer.ts';
import { PgoutputDecoder } from '../../src/source/postgres/pgoutput.ts';
import { createChain } from '../../src/transform/chain.ts';
import { type OutboxSettings, createOutboxRouter } from '../../src/transform/outbox.ts';
import * as bytes from '../support/pgoutput-bytes.ts';

const SETTINGS: OutboxSettings = {
  idField: 'id',
  keyField: 'aggregateid',
  payloadField: 'payload',
  routeByField: 'aggregatetype',
  topicRegex: /(?<routedByValue>.*)/,
  topicReplacement: 'outbox.event.$<routedByValue>',
  headers: [],
  missingHeaderColumn: 'error',
  tombstoneOnEmptyPayload: false,
  onUpdate: 'warn',
};
const COLUMNS = [
  { name: 'id', type: 2950, key: true },
  { name: 'aggregatetype', type: 1043 },
  { name: 'aggregateid', type: 1043 },
  { name: 'type', type: 1043 },
  { name: 'payload', type: 3802 },
];

function changeOf(message: Buffer, columns = COLUMNS): Change {
  const decoder = new PgoutputDecoder();
  const relation = bytes.relation({ oid: 1, schema: 'public', name: 'outbox', columns });
  decoder.decode(relation, 0, relation.length);
  return decoder.decode(message, 0, message.length) as Change;
}
function route(change: Change, settings: Partial<OutboxSettings> = {}): { messages: Message[]; warnings: string[] } {
  const warnings: string[] = [];
  const messages: Message[] = [];
  const log = {
    debug: () => {},
    info: () => {},
    warn: (text: string) => warnings.push(text),
    error: (text: string) => warnings.push(`error: ${text}`),
  };
  const metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
  const stage = createOutboxRouter({ ...SETTINGS, ...settings }, { log, metrics });
  const chain = createChain([{ stage, predicate: null }], { topicPrefix: 'shop', now: () => 1234 });
  chain(change, null, messages);
  return { messages, warnings };
}
const ROW: bytes.Cell[] = ['e1', 'order', 'a 1', 'OrderCreated', '{"n": 1}'];

test('a row becomes an event: topic of its type, key, id header, payload bytes untouched', () => {
  const { messages } = route(changeOf(bytes.insert(1, ROW)));
  assert.deepEqual(messages.map(createSerializer({ key: 'string', value: 'raw' })), [
    {
      topic: 'outbox.event.order',
      key: Buffer.from('a 1'),
      value: Buffer.from('{"n": 1}'),
      headers: [{ name: 'id', value: Buffer.from('e1') }],
      timestampMs: 1234,
    },
  ]);
});

test('deletes and truncates are free; updates are warned of, logged as errors, or stop us', () => {
  assert.deepEqual(route(changeOf(bytes.remove(1, 'K', ['e1', null, null, null, null]))).messages, []);
  assert.deepEqual(route(changeOf(bytes.truncate([1]))).messages, []);
  const update = changeOf(bytes.update(1, null, ROW));
  const warned = route(update);
  assert.deepEqual([warned.messages.length, warned.warnings.length], [0, 1]);
  assert.match(
    route(update, { onUpdate: 'error' }).warnings[0] ?? '',
    /^error: an UPDATE of outbox table public.outbox/,
  );
  assert.throws(
    () => route(update, { onUpdate: 'fatal' }),
    (error) => error instanceof MillraceError && error.kind === 'data',
  );
});

test('a null payload is a record without a value; with the option an empty one is a tombstone', () => {
  const nothing = changeOf(bytes.insert(1, ['e1', 'order', 'k', 't', null]));
  const blank = changeOf(bytes.insert(1, ['e1', 'order', 'k', 't', ' \t\n']), [
    ...COLUMNS.slice(0, 4),
    { name: 'payload', type: 25 },
  ]);
  assert.equal(createSerializer({ key: 'raw', value: 'raw' })(route(nothing).messages[0] as Message).value, null);
  assert.equal(
    String(createSerializer({ key: 'raw', value: 'json' })(route(nothing).messages[0] as Message).value),
    'null',
  );
  assert.equal(route(blank).messages[0]?.body.kind, 'payload');
  for (const change of [nothing, blank]) {
    const { messages } = route(change, { tombstoneOnEmptyPayload: true });
    assert.equal(createSerializer({ key: 'raw', value: 'json' })(messages[0] as Message).value, null);
  }
});

test('the topic regex has to match the whole value; else the topic is the value', () => {
  const change = changeOf(bytes.insert(1, ['e1', 'shop-order', 'k', 't', '{}']));
  const topic = (topicRegex: RegExp, topicReplacement: string): string | undefined =>
    route(change, { topicRegex, topicReplacement }).messages[0]?.topic;
  assert.equal(topic(/shop-(.*)/, 'events.$1'), 'events.order');
  assert.equal(topic(/shop/, 'events'), 'shop-order');
});

test('a value that makes no legal topic stops us without showing the value', () => {
  for (const value of ['', 'a b', 'ü', 'x'.repeat(250), null]) {
    assert.throws(
      () =>
        route(changeOf(bytes.insert(1, ['e1', value, 'k', 't', '{}'])), { topicReplacement: '$1', topicRegex: /(.*)/ }),
      (error) =>
        error instanceof MillraceError &&
        error.kind === 'data' &&
        error.message.includes('public.outbox') &&
        !(value && value.length > 1 && error.message.includes(value)),
    );
  }
});

test('a header whose column is NULL is there, with a null value', () => {
  const headers = [{ column: 'payload', name: 'body' }];
  const { messages } = route(changeOf(bytes.insert(1, ['e1', 'order', 'k', 't', null])), { headers });
  assert.deepEqual(messages[0]?.headers[1], { name: 'body', value: null });
});

test('extra columns become headers; a missing one is an error or ignored', () => {
  const headers = [
    { column: 'type', name: 'eventType' },
    { column: 'nope', name: 'nope' },
  ];
  const change = changeOf(bytes.insert(1, ROW));
  assert.throws(() => route(change, { headers }), /has no column "nope" \(table.fields.additional.placement\)/);
  const { messages } = route(change, { headers, missingHeaderColumn: 'ignore' });
  assert.deepEqual(
    messages[0]?.headers.map((header) => [header.name, String(header.value)]),
    [
      ['id', 'e1'],
      ['eventType', 'OrderCreated'],
    ],
  );
});

test('a binary payload arrives as its bytes, a typed key as its text', () => {
  const change = changeOf(bytes.insert(1, ['e1', 'order', '42', 't', '\\x00ff10']), [
    ...COLUMNS.slice(0, 2),
    { name: 'aggregateid', type: 20 },
    { name: 'type', type: 25 },
    { name: 'payload', type: 17 },
  ]);
  const message = route(change).messages[0] as Message;
  const raw = createSerializer({ key: 'json', value: 'raw' })(message);
  assert.deepEqual([String(raw.key), raw.value], ['42', Buffer.from([0, 255, 16])]);
  assert.equal(String(createSerializer({ key: 'string', value: 'json' })(message).value), '"AP8Q"');
  assert.throws(() => createSerializer({ key: 'string', value: 'string' })(message), /binary column/);
});
