import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSynchronous, synchronousNames } from '../../../src/source/postgres/synchronous.ts';

test('the names are read in every form that PostgreSQL accepts', () => {
  for (const [setting, names] of [
    ['', []],
    ['a', ['a']],
    ['a, b', ['a', 'b']],
    ['2 (a, b)', ['a', 'b']],
    ['FIRST 1 (a,b , c)', ['a', 'b', 'c']],
    ['any 2(*)', ['*']],
    ['"a ""quoted"", name", b', ['a "quoted", name', 'b']],
    ['any', ['any']],
  ] as const) {
    assert.deepEqual(synchronousNames(setting), names, setting);
  }
});

test('our walsender is refused as a synchronous standby, by name in any case or by a star', () => {
  for (const setting of ['*', 'other, *', 'ANY 1 ("Millrace/Walsender/ab")']) {
    assert.throws(() => checkSynchronous(setting, 'millrace/walsender/ab'), { kind: 'refused' }, setting);
  }
  checkSynchronous('FIRST 1 (replica1, "millrace/walsender/other")', 'millrace/walsender/ab');
  checkSynchronous('', 'millrace/walsender/ab');
});
