import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ERROR_KINDS } from '../../src/errors.ts';
import { POLICY, backoffMs } from '../../src/runtime/policy.ts';

test('every kind of error has an action and advice', () => {
  assert.deepEqual(Object.keys(POLICY).sort(), [...ERROR_KINDS].sort());
  for (const kind of ERROR_KINDS) assert.ok(POLICY[kind].advice.length > 10, kind);
});

test('what a new run can mend is tried again, everything else stops', () => {
  const retried = ERROR_KINDS.filter((kind) => POLICY[kind].action === 'retry');
  assert.deepEqual(retried, ['lease-lost', 'database-unavailable', 'database-shutdown', 'kafka-unavailable', 'fenced']);
});

test('only a refused batch is taken apart to find the record, and a record that is found stops', () => {
  assert.deepEqual(
    ERROR_KINDS.filter((kind) => POLICY[kind].action === 'isolate'),
    ['record-rejected'],
  );
  assert.equal(POLICY['poison-record'].action, 'stop');
});

test('waiting doubles from half a second to half a minute, and is never exactly the same', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 1000].map((attempt) => backoffMs('kafka-unavailable', attempt, 1)),
    [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000],
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...ERROR_KINDS),
      fc.integer({ min: 1, max: 1e9 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (kind, attempt, random) => {
        const ms = backoffMs(kind, attempt, random);
        assert.ok(Number.isInteger(ms) && ms >= 250 && ms <= 30_000);
        if (kind === 'fenced') assert.ok(ms >= 1000 && ms <= 3000, 'design 3.1.5');
      },
    ),
  );
});
