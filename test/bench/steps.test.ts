import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Digest } from '../../src/bench/digest.ts';
import { readPlan } from '../../src/bench/plan.ts';
import { type Part, type Step, runParts } from '../../src/bench/steps.ts';

function scene(): {
  readonly did: string[];
  readonly said: string[];
  readonly step: (label: string, side: string | null, fails?: boolean) => Step;
  readonly run: (parts: readonly Part[], signal?: AbortSignal) => ReturnType<typeof runParts>;
} {
  const did: string[] = [];
  const said: string[] = [];
  const step = (label: string, side: string | null, fails = false): Step => ({
    label,
    side,
    run: async () => {
      did.push(label);
      if (fails) throw new Error('broken');
      return `${label} done`;
    },
  });
  const run = (parts: readonly Part[], signal = new AbortController().signal): ReturnType<typeof runParts> =>
    runParts(parts, { say: (line) => void said.push(line), now: () => 61_000 * did.length, signal, limitMs: 50 });
  return { did, said, step, run };
}

test('a side that fails is left out of the rest of its part; the other side and the other parts go on', async () => {
  const { did, said, step, run } = scene();
  const end = async (): Promise<void> => void did.push('end of one');
  const failures = await run([
    {
      name: 'one',
      steps: [step('load', null), step('a1', 'a'), step('b1', 'b', true), step('a2', 'a'), step('b2', 'b')],
      end,
    },
    { name: 'two', steps: [step('b3', 'b')] },
  ]);
  assert.deepEqual(did, ['load', 'a1', 'b1', 'a2', 'end of one', 'b3']);
  assert.deepEqual(failures, [{ part: 'one: b1', reason: 'broken' }]);
  assert.deepEqual(said.slice(0, 4), [
    '[1/6 0:00] one: load',
    '           load done',
    '[2/6 1:01] one: a1',
    '           a1 done',
  ]);
  assert.ok(said.some((line) => line.includes('FAILED one: b1: broken')));
});

test('without what nobody in particular had to do, the rest of the part is left out and cleaned up', async () => {
  const { did, step, run } = scene();
  const failures = await run([
    {
      name: 'one',
      steps: [step('load', null, true), step('a1', 'a')],
      end: async () => assert.fail('no cleaning either'),
    },
    { name: 'two', steps: [step('a2', 'a')] },
  ]);
  assert.deepEqual(did, ['load', 'a2']);
  assert.deepEqual(
    failures.map(({ part }) => part),
    ['one: load', 'one: cleaning up'],
  );
});

test('a step that hangs is a failure; a stop ends everything at once', async () => {
  const { did, step, run } = scene();
  const hangs: Step = { label: 'hangs', side: 'a', run: () => new Promise(() => {}) };
  const failures = await run([{ name: 'one', steps: [hangs, step('b1', 'b')] }]);
  assert.deepEqual([failures, did], [[{ part: 'one: hangs', reason: 'not done within 0.05 s' }], ['b1']]);
  const stop = new AbortController();
  const stopping: Step = { label: 's', side: 'a', run: async () => (stop.abort(new Error('stopped')), '') };
  await assert.rejects(run([{ name: 'one', steps: [stopping, step('b2', 'b')] }], stop.signal), /^Error: stopped$/);
  assert.deepEqual(did, ['b1']);
});

test('a plan is what was asked for, and the rest by default', () => {
  const full = readPlan({}, false);
  assert.deepEqual(
    [full.peer, full.rounds, full.only, full.rates],
    [null, 3, ['drain', 'latency', 'times'], [100, 1000, 4000]],
  );
  const asked = readPlan({ peer: 'debezium', rows: '5000', 'per-tx': '10, 2', only: 'drain,times' }, true);
  assert.deepEqual(
    [asked.peer, asked.rows, asked.perTransaction, asked.only],
    ['debezium', 5000, [10, 2], ['drain', 'times']],
  );
  const quick = readPlan({}, true);
  assert.ok(quick.rows < full.rows && quick.rounds < full.rounds && quick.seconds < full.seconds);
  assert.deepEqual([quick.only, quick.perTransaction, quick.rates], [full.only, full.perTransaction, full.rates]);
  for (const [values, said] of [
    [{ peer: 'sequin' }, '--peer: expected debezium, got "sequin"'],
    [{ rows: '1e5' }, '--rows: expected a whole number from 1000 to 100000000, got "1e5"'],
    [{ rounds: '0' }, '--rounds: expected a whole number from 1 to 100, got "0"'],
    [{ rates: '100,,5' }, '--rates: expected a whole number from 1 to 1000000, got ""'],
    [{ 'per-tx': '1,1' }, '--per-tx: expected different numbers, got "1,1"'],
    [{ only: 'drains' }, '--only: expected some of drain, latency, times, got "drains"'],
  ] as const) {
    assert.throws(() => readPlan(values, false), { kind: 'config', message: said });
  }
});

test('a digest tells sets of events apart, whatever their order', () => {
  const digestOf = (...events: Parameters<Digest['add']>[0][]): Digest => {
    const digest = new Digest();
    for (const event of events) digest.add(event);
    return digest;
  };
  const one = { id: '1', key: 'k', type: 't', value: '{"n": 1}' };
  const two = { id: '2', key: 'k', type: 't', value: '{"n": 2}' };
  assert.equal(digestOf(one, two).text, digestOf(two, { ...one, value: Buffer.from(one.value) }).text);
  for (const other of [
    { ...one, key: 'K' },
    { ...one, type: 'u' },
    { ...one, value: '{"n":1}' },
    { ...one, id: '3' },
  ]) {
    assert.notEqual(digestOf(one).text, digestOf(other).text);
  }
  assert.notEqual(digestOf({ ...one, id: '1k', key: '' }).text, digestOf(one).text, 'what moves between fields');
  const twice = digestOf(one, one, two);
  assert.deepEqual([twice.events, twice.different], [3, 2]);
});
