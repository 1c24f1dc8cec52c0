import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../src/demo/ledger.ts';

function ledger(): { ledger: Ledger; clock: { ms: number } } {
  const clock = { ms: 0 };
  return { ledger: new Ledger(() => clock.ms), clock };
}

test('what was committed and arrived once agrees, with its latency', () => {
  const { ledger: at, clock } = ledger();
  at.committed(['a', 'b']);
  clock.ms = 4;
  assert.equal(at.delivered('a'), 4);
  clock.ms = 10;
  assert.equal(at.delivered('b'), 10);
  assert.equal(at.summary(), 'committed 2 delivered 2 duplicates 0 missing 0\np50 10.0 ms\np99 10.0 ms');
  assert.ok(at.agrees);
});

test('an event that overtakes the answer to COMMIT took no time and is ours once the answer is there', () => {
  const { ledger: at, clock } = ledger();
  assert.equal(at.delivered('a'), null);
  assert.deepEqual(at.totals(), { committed: 0, delivered: 1, duplicates: 0, missing: 0, strangers: 1 });
  clock.ms = 3;
  at.committed(['a']);
  assert.deepEqual(at.totals(), { committed: 1, delivered: 1, duplicates: 0, missing: 0, strangers: 0 });
  assert.deepEqual(at.latenciesMs(), [0]);
  assert.ok(at.agrees);
});

test('nothing at all, a missing, a repeated or a strange event do not agree', () => {
  assert.ok(!ledger().ledger.agrees);
  const missing = ledger().ledger;
  missing.committed(['a', 'b']);
  missing.delivered('a');
  assert.ok(!missing.agrees);
  assert.match(missing.summary(), /^committed 2 delivered 1 duplicates 0 missing 1\n/);

  const repeated = ledger().ledger;
  repeated.committed(['a']);
  for (let i = 0; i < 3; i++) repeated.delivered('a');
  assert.ok(!repeated.agrees);
  assert.match(repeated.summary(), /^committed 1 delivered 1 duplicates 2 missing 0\n/);
  assert.equal(repeated.latenciesMs().length, 1, 'a repeat has no latency');

  // An event of a transaction that was rolled back.
  const strange = ledger().ledger;
  strange.committed(['a']);
  strange.delivered('a');
  strange.delivered('x');
  assert.ok(!strange.agrees);
  assert.match(strange.summary(), /never committed, and yet arrived: 1$/);
});
