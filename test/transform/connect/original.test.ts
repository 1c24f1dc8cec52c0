/**
 * Our transforms against those of Kafka Connect 4.3.1 and Debezium 3.4.3 themselves: test/fixtures/transforms/*.jsonl
 * has what these give (`node test/fixtures/transforms/capture.ts` asks them again).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Message } from '../../../src/change/message.ts';
import { misfit } from '../../../src/change/conforms.ts';
import { checkConnector } from '../../../src/config/connector.ts';
import { MillraceError } from '../../../src/errors.ts';
import { createConnectTransform } from '../../../src/transform/connect/create.ts';
import { hasHeaderKey, recordIsTombstone, topicNameMatches } from '../../../src/transform/predicates.ts';
import type { Case, Result } from '../../fixtures/transforms/case.ts';
import { groups } from '../../fixtures/transforms/cases.ts';
import { messageFrom, messageToJson } from './data-json.ts';

const MINIMUM = {
  'connector.class': 'postgres',
  'database.hostname': 'localhost',
  'database.user': 'u',
  'database.dbname': 'd',
  'kafka.bootstrap.servers': 'localhost:9092',
  transforms: 'o,x',
  'transforms.o.type': 'outbox',
};
const NOW = Date.UTC(2026, 0, 1);

/** Where ours is otherwise on purpose. */
const DEVIATIONS: readonly { readonly why: string; readonly is: (each: Case) => boolean }[] = [
  {
    why: 'offset.field, which only sink connectors can use, is refused before the first record that is no tombstone',
    is: ({ options }) => 'offset.field' in options,
  },
  {
    why: 'a replacement that makes topics Kafka does not take, or names a group that is not there, is refused at the start',
    is: ({ transform, options: { replacement = '', regex } }) =>
      transform === 'RegexRouter' && (replacement.includes('\\$') || (replacement === '$1' && regex === 'a')),
  },
  {
    why: 'before Java 19 some floats were written with a digit too many (JDK-4511638)',
    is: ({ options }) => options['value.literal'] === '123456789.123456789',
  },
];

type Ours = (message: Message) => Message | boolean | null;

/** What the configuration makes of it, or its mistakes. */
function ours(transform: string, options: Readonly<Record<string, string>>): Ours | readonly string[] {
  const predicate = /^(?:TopicNameMatches|HasHeaderKey|RecordIsTombstone)$/.test(transform);
  const prefix = predicate ? 'predicates.x.' : 'transforms.x.';
  const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [prefix + key, value]));
  const lists = predicate ? { transforms: 'o', predicates: 'x' } : {};
  const config = { ...MINIMUM, ...lists, [`${prefix}type`]: transform, ...given };
  const checked = checkConnector(JSON.stringify({ name: 'c', config }), null, {});
  if ('mistakes' in checked) return checked.mistakes.map(({ key, text }) => `${key} ${text}`);
  if (predicate) {
    const made = checked.config.predicates.get('x');
    if (made?.kind === 'topic') return (message) => topicNameMatches(made.pattern)(message);
    if (made?.kind === 'header') return (message) => hasHeaderKey(made.name)(message);
    return (message) => recordIsTombstone()(message);
  }
  const made = checked.config.transforms[1]?.transform;
  assert.ok(made?.kind === 'connect');
  const stage = createConnectTransform(made.transform, {
    name: `transforms.x (${made.type})`,
    decoding: {
      columnType: () => null,
      rowKey: () => assert.fail('there is no change'),
      eventValue: () => assert.fail('there is no change'),
    },
    metrics: { count: () => {}, gauge: () => {}, observe: () => {} },
    now: NOW,
  });
  return (message) => stage(message);
}

function outcome(each: Case, made: Ours | readonly string[]): unknown {
  if (typeof made !== 'function') return { error: made.join('; ') };
  let out: Message | boolean | null;
  try {
    out = made(messageFrom(each.record));
  } catch (error) {
    if (!(error instanceof MillraceError && error.kind === 'data')) throw error;
    assert.match(error.message, /^transforms\.x \(\S+\), a record of \S+: /);
    return { error: error.message };
  }
  if (typeof out === 'boolean' || out === null) return out;
  for (const datum of [out.key, out.body.kind === 'data' ? out.body.datum : null]) {
    if (datum === null || 'form' in datum || 'row' in datum || datum.schema === null || datum.value === null) continue;
    assert.equal(misfit(datum.schema, datum.value, ''), null);
  }
  return messageToJson(out);
}

function fixture(name: string): Map<string, Readonly<Record<string, Result>>> {
  const text = readFileSync(new URL(`../../fixtures/transforms/${name}.jsonl`, import.meta.url), 'utf8');
  const [first = '', ...lines] = text.trimEnd().split('\n');
  const schemas: unknown[] = [];
  const whole = (_: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && '$schema' in value ? schemas[value.$schema as number] : value;
  schemas.push(...(JSON.parse(first) as unknown[]));
  return new Map(
    lines.map((line) => {
      const [transform, options, results] = JSON.parse(line, whole) as [string, object, Record<string, Result>];
      return [JSON.stringify([transform, options]), results];
    }),
  );
}

for (const [name, cases] of Object.entries(groups())) {
  test(`${name}: ${cases.length} cases come out as the original classes give them`, () => {
    const results = fixture(name);
    const made = new Map<string, Ours | readonly string[]>();
    const wrong: string[] = [];
    const deviating: boolean[] = [];
    for (const each of cases) {
      const id = JSON.stringify([each.transform, each.options]);
      const original = results.get(id)?.[each.name];
      assert.notEqual(original, undefined, `${id} ${each.name} is in no fixture: run capture.ts`);
      const stage = made.get(id) ?? ours(each.transform, each.options);
      made.set(id, stage);
      const out = outcome(each, stage);
      const failed = typeof original === 'string';
      const same = failed
        ? typeof out === 'object' && out !== null && 'error' in out
        : isSame(out, typeof original === 'object' && original !== null ? { ...before(each), ...original } : original);
      if (DEVIATIONS.some(({ is }) => is(each))) deviating.push(same);
      else if (!same)
        wrong.push(`${id} ${each.name}\n  original ${JSON.stringify(original)}\n  ours     ${JSON.stringify(out)}`);
    }
    assert.ok(deviating.length === 0 || deviating.includes(false), 'a deviation is none any more');
    assert.equal(
      wrong.length,
      0,
      `${wrong.length} differ\n${wrong.slice(0, Number(process.env['SHOW'] ?? 5)).join('\n')}`,
    );
  });
}

function before({ record }: Case): object {
  const { key = null, value = null, headers = [], ...rest } = record;
  const schemaless = value !== null && value.schema === undefined && value.value === null;
  return { ...rest, key, value: schemaless ? null : value, headers };
}

function isSame(a: unknown, b: unknown): boolean {
  try {
    assert.deepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
    return true;
  } catch {
    return false;
  }
}
