import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Sample, aheadOf, figuresOf } from '../../src/bench/figures.ts';
import { quantileOf, spreadOf } from '../../src/bench/spread.ts';
import { presentIn, reportText, rowsOf, spreadText } from '../../src/bench/table.ts';
import { REPORT, sample } from './report.ts';

test('a spread is the middle and both ends, whatever the order of the runs', () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3, values: [3, 1, 2] });
  assert.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4, values: [4, 1, 2, 3] });
  assert.deepEqual(spreadOf([7]), { median: 7, min: 7, max: 7, values: [7] });
  const runs = fc.array(fc.integer({ min: -1e9, max: 1e9 }), { minLength: 1 });
  fc.assert(
    fc.property(runs, (values) => {
      const { median, min, max } = spreadOf(values);
      const below = values.filter((value) => value < median).length;
      const above = values.filter((value) => value > median).length;
      return min <= median && median <= max && Math.max(below, above) * 2 <= values.length;
    }),
  );
});

test('a quantile is the smallest value that at least that share does not exceed', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual(
    [0, 0.5, 0.99, 0.999, 1].map((q) => quantileOf(hundred, q)),
    [1, 50, 99, 100, 100],
  );
  assert.equal(quantileOf([5], 0.5), 5);
  const sorted = fc.array(fc.integer(), { minLength: 1 }).map((values) => values.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(sorted, fc.double({ min: 0.001, max: 1, noNaN: true }), (values, q) => {
      const found = quantileOf(values, q);
      const within = values.filter((value) => value <= found).length;
      const below = values.filter((value) => value < found).length;
      return within >= values.length * q && below < values.length * q;
    }),
  );
});

test('samples of the same thing become one figure with a spread for each side, in order of appearance', () => {
  const figures = figuresOf([
    sample({ value: 100 }),
    sample({ contestant: 'debezium', value: 40 }),
    sample({ measure: 'cpu', value: 5 }),
    sample({ value: 120 }),
    sample({ contestant: 'debezium', value: 60 }),
  ]);
  assert.deepEqual(
    figures.map(({ measure, results }) => [measure, results.millrace?.values, results.debezium?.values]),
    [
      ['rate', [100, 120], [40, 60]],
      ['cpu', [5], undefined],
    ],
  );
});

test('ahead means more of what is good and less of what is not', () => {
  const ahead = (measure: Sample['measure'], ours: number, theirs: number): number | null => {
    const [figure] = figuresOf([
      sample({ measure, value: ours }),
      sample({ measure, contestant: 'debezium', value: theirs }),
    ]);
    return figure ? aheadOf(figure) : null;
  };
  assert.deepEqual([ahead('rate', 200, 100), ahead('cpu', 200, 100)], [2, 0.5]);
  assert.equal(aheadOf(REPORT.figures.find(({ results }) => !results.millrace) ?? assert.fail()), null);
});

test('the table has a column for each side, says who is ahead, and repeats no condition', () => {
  const drain = REPORT.figures.filter(({ group }) => group === 'drain');
  const [heading, ...rows] = rowsOf(drain);
  assert.deepEqual(heading, ['', '', 'Millrace', 'Debezium, tuned', 'ceiling, TCP', 'Millrace is']);
  assert.deepEqual(rows[0], [
    '1 row a transaction, first run of the JVM',
    'throughput, events/s',
    '-',
    '30,000',
    '-',
    '',
  ]);
  assert.deepEqual(rows[1], [
    '1 row a transaction',
    'throughput, events/s',
    '95,000 (90,000..100,000)',
    '50,000 (40,000..50,100)',
    '60,000 (55,000..60,001)',
    '1.9 x better',
  ]);
  assert.deepEqual(rows[2], ['', 'CPU an event, µs', '40.0 (39.0..41.5)', '20.0 (20.0..20.0)', '-', '2.0 x worse']);
  assert.deepEqual(presentIn(drain), ['millrace', 'debezium', 'raw-tcp']);
  assert.equal(
    spreadText({ median: 1234.56, min: 1, max: 9, values: [1234.56] }, 1),
    '1,234.6',
    'one run has no spread',
  );
});

test('the text for a terminal has both columns of every group, machine, versions, failures; its columns line up', () => {
  const text = reportText({ ...REPORT, failures: [{ part: '100/s: Debezium, round 1', reason: 'gone' }] });
  for (const words of [
    'Draining a backlog',
    'From COMMIT to visible',
    'Until events flow',
    'The ceiling, and a Unix socket',
    '4 cores (Example)',
    'Debezium 3.4.3.Final',
    'FAILED 100/s: Debezium, round 1: gone',
  ]) {
    assert.ok(text.includes(words), words);
  }
  const lines = text.split('\n');
  const heading = lines.findIndex((line) => line.includes('Millrace  ') && line.includes('Debezium'));
  const end = (line: string | undefined, word: string): number => (line?.indexOf(word) ?? -1) + word.length;
  assert.equal(end(lines[heading], 'Debezium, tuned'), end(lines[heading + 2], '50,000 (40,000..50,100)'));
  assert.doesNotMatch(text, /quick/);
  assert.match(reportText({ ...REPORT, quick: true }), /A quick run shows that it works; its figures say little/);
});
