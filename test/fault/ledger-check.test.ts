/** The check itself: a fault suite that cannot fail proves nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerRow, TruthRow } from '../support/ledger.ts';
import { LedgerCheck } from '../support/ledger-check.ts';
import type { Segment } from '../support/transaction-log.ts';

const newCheck = (wholeUpTo = 100): LedgerCheck => new LedgerCheck({ topicPrefix: 'x.', wholeUpTo });
const payload = (row: Partial<LedgerRow>): string => JSON.stringify({ w: 0, s: 1, t: 1, n: 1, i: 0, k: null, ...row });

let offset = 0n;
function segment(partition: number, ...rows: Partial<LedgerRow>[]): Segment {
  const records = rows.map((row) => ({ offset: offset++, key: 'key', value: payload(row) }));
  return { topic: 'x.order', partition, committed: true, records };
}
function truth(...rows: Partial<LedgerRow>[]): TruthRow[] {
  return rows.map((row) => ({ topic: 'order', key: 'key', payload: payload(row) }));
}

test('accepts what is complete, in order and whole', () => {
  const check = newCheck();
  const [a, b] = [
    { s: 1, n: 2 },
    { s: 2, n: 2, i: 1 },
  ]; // prettier-ignore
  check.add([segment(0, a), segment(1, b), { ...segment(0, { s: 3, t: 2 }), committed: false }]);
  check.add([segment(0, { s: 3, t: 3 })]);
  check.equals(truth(a, b, { s: 3, t: 3 }));
  assert.deepEqual([check.delivered, check.aborted], [3, 1]);
});

const refused: readonly [string, RegExp, (check: LedgerCheck) => void][] = [
  ['a repeat', /came after row/, (check) => check.add([segment(0, { s: 1 }, { s: 1 })])],
  [
    'a repeat in another partition',
    /arrived twice/,
    (check) => check.add([segment(0, { s: 1 }), segment(1, { s: 1 })]),
  ],
  ['a wrong order', /came after row 2/, (check) => check.add([segment(0, { s: 2, t: 2 }, { s: 1 })])],
  ['a row of a savepoint', /savepoint took back/, (check) => check.add([segment(0, { s: 0 })])],
  ['a gap in a shared key', /has a gap/, (check) => check.add([segment(0, { k: 1 }, { s: 2, t: 2, k: 3 })])],
  [
    'interleaved transactions',
    /interleaved/,
    (check) => check.add([segment(0, { s: 1, n: 2 }, { w: 1 }, { s: 2, n: 2, i: 1 })]),
  ],
  [
    'a source transaction with a marker in its middle',
    /spans two Kafka transactions/,
    (check) => check.add([segment(0, { s: 1, n: 2 }), segment(0, { s: 2, n: 2, i: 1 })]),
  ],
  [
    'a source transaction in two Kafka transactions that another one proves to be different',
    /spans two Kafka transactions/,
    (check) => {
      // w1 t1 lies in partition 0 before a marker and in partition 1; w2 t1 in partition 1 with it and in 0 behind the marker.
      check.add([segment(0, { w: 1, s: 1, n: 2 }), segment(0, { w: 2, s: 1, n: 2 })]);
      check.add([segment(1, { w: 1, s: 2, n: 2, i: 1 }, { w: 2, s: 2, n: 2, i: 1 })]);
    },
  ],
  ['a missing row', /1 of 2 committed rows did not arrive/, (check) => check.equals(truth({ s: 1 }, { s: 2, t: 2 }))],
  ['a row of a rolled back transaction', /Expected values/, (check) => check.equals(truth({ s: 1, t: 2 }))],
  ['a row too many', /never committed/, (check) => check.equals([])],
];
for (const [what, message, act] of refused) {
  test(`finds ${what}`, () => {
    const check = newCheck();
    if (/missing|rolled|many/.test(what)) check.add([segment(0, { s: 1 })]);
    assert.throws(() => act(check), message);
  });
}

test('names the source transactions that are visible in part, but not those that may be split', () => {
  const check = newCheck(5);
  check.add([segment(0, { s: 1, n: 3 }, { w: 1, n: 6 })]);
  assert.deepEqual(check.partial, ['0/1: 1 of 3']);
});
