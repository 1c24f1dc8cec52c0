import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childLog, createLog, isLogLevel } from '../../src/runtime/log.ts';

test('lines are JSON with level, time, message and fields; on a terminal one readable line', () => {
  const lines: string[] = [];
  const log = childLog(createLog({ level: 'info', readable: false, write: (line) => void lines.push(line) }), () => ({
    connector: 'a',
  }));
  log.debug('not shown');
  log.warn('retrying', { kind: 'fenced', retryInMs: 12 });
  assert.equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.deepEqual(rest, { level: 'warn', connector: 'a', kind: 'fenced', retryInMs: 12, msg: 'retrying' });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(lines[0]?.endsWith('}\n'));

  const readable: string[] = [];
  createLog({ level: 'debug', readable: true, write: (line) => void readable.push(line) }).error('broken', {
    slot: 's',
    list: ['x'],
  });
  assert.match(readable.join(''), /^\d\d:\d\d:\d\d\.\d{3} ERROR broken slot=s list=\["x"\]\n$/);
});

test('levels are known', () => {
  assert.deepEqual(['info', 'trace', ''].map(isLogLevel), [true, false, false]);
});
