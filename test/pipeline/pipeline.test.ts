import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import type { Change } from '../../src/change/change.ts';
import type { Fragment, Tx } from '../../src/change/fragment.ts';
import type { Message, OutRecord } from '../../src/change/message.ts';
import type { Position } from '../../src/change/position.ts';
import { MillraceError } from '../../src/errors.ts';
import type { BatchLimits } from '../../src/pipeline/batch.ts';
import { runPipeline } from '../../src/pipeline/pipeline.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { testFacts } from '../support/events.ts';
import { noMetrics, noProgress } from '../support/silent.ts';

type Call = readonly [records: number, position: Position, atBoundary: boolean];
interface Run {
  readonly fragments: readonly (readonly Fragment[])[];
  readonly limits?: BatchLimits;
  readonly signal?: AbortSignal;
  readonly commitMs?: number;
  readonly heartbeatMs?: number;
  readonly onCommit?: (calls: readonly Call[]) => void;
}

const row = (prefix: string, bytes = 10): Change => ({ op: 'message', prefix, content: Buffer.alloc(bytes) });
const fragment = (n: number, changes: readonly Change[], end = true): Fragment => ({
  tx: { id: String(n), commitTimeUs: 0n, commitLsn: '' },
  changes,
  begin: true,
  end,
  position: { n },
});

const transform = (change: Change, _tx: Tx | null, out: Message[]): void => {
  if (change.op !== 'message') return;
  if (change.prefix === 'bad') throw new MillraceError('data', 'bad');
  const payload = { form: 'text', bytes: change.content, column: null } as const;
  out.push({ topic: 't', key: null, body: { kind: 'payload', payload }, headers: [], timestampMs: 0 });
};

/** The loop between a scripted source, whose change "bad" cannot become an event, and a sink that writes calls down. */
async function run({ fragments, commitMs = 0, onCommit, heartbeatMs, ...given }: Run): Promise<readonly Call[]> {
  const calls: Call[] = [];
  let busy = false;
  const signal = given.signal ?? new AbortController().signal;
  const record: OutRecord = { topic: 't', key: null, value: null, headers: [], timestampMs: 0 };
  const run = runPipeline({
    source: {
      acquire: () => assert.fail(),
      prepare: () => assert.fail(),
      read: async function* (_from, until) {
        for (const each of fragments) {
          yield each;
          await delay(250);
        }
        if (!until.aborted) await new Promise((resolve) => until.addEventListener('abort', resolve, { once: true }));
      },
      acknowledge: () => {},
      ...testFacts,
      close: async () => {},
    },
    sink: {
      open: () => assert.fail(),
      commit: async (records, position, atBoundary) => {
        assert.ok(!busy, 'calls of the sink never overlap');
        busy = true;
        await delay(commitMs);
        busy = false;
        calls.push([records.length, position, atBoundary]);
        onCommit?.(calls);
      },
      close: async () => {},
    },
    start: { n: 0 },
    transform: Object.assign(transform, { beat: (out: Message[]) => transform(row('beat'), null, out) }),
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    serialize: ({ body }) => ({ ...record, value: body.kind === 'payload' ? body.payload.bytes : null }),
    limits: given.limits ?? { maxBytes: 256 * 1024, maxRecords: 1000 },
    signal,
    metrics: noMetrics,
    progress: noProgress,
    clock: systemClock,
  });
  await run.catch((error: unknown) => {
    if (!(error instanceof MillraceError && error.kind === 'data')) throw error;
  });
  return calls;
}

test('while a transaction in pieces stands still, the sink is called again, so that it can split it in time', {
  timeout: 10_000,
}, async () => {
  const stop = new AbortController();
  const calls = await run({
    fragments: [[fragment(1, [row('a', 100_000)], false)]],
    signal: stop.signal,
    onCommit: ({ length }) => {
      if (length === 2) stop.abort();
    },
  });
  assert.deepEqual(calls, [
    [1, { n: 1 }, false],
    [0, { n: 1 }, false],
  ]);
});

test('a row that cannot become an event: what came before it is committed, one call at a time', {
  timeout: 10_000,
}, async () => {
  // The second progress without records starts a timer, which ends while what is left is being committed.
  const calls = await run({
    limits: { maxBytes: 256 * 1024, maxRecords: 1000, isolate: 100 },
    fragments: [
      [fragment(1, [])],
      [fragment(2, [])],
      [fragment(3, [row('a')]), fragment(4, [row('b')]), fragment(5, [row('c')]), fragment(6, [row('d'), row('bad')])],
    ],
    commitMs: 200,
  });
  assert.deepEqual(
    calls.map(([, position]) => position.n),
    [1, 2, 3, 4, 5],
  );
});

test('a heartbeat is sent with the last position while nothing comes, and inside a transaction waits for its end', async () => {
  const stop = new AbortController();
  const calls = await run({
    fragments: [[], [fragment(1, [row('a')])], [fragment(2, [row('a')], false)], [], [fragment(2, [row('a')])], []],
    heartbeatMs: 100,
    signal: stop.signal,
    onCommit: (all) => all.length === 8 && stop.abort(),
  });
  const [idle, ...others] = calls;
  assert.deepEqual(idle, [1, { n: 0 }, true], 'with the position of the start');
  const ofTransaction = others.findIndex(([, { n }]) => n === 2);
  assert.deepEqual(calls[ofTransaction + 1], [3, { n: 2 }, true], 'two rows, and the heartbeat that was due');
  assert.deepEqual(calls.at(-1), [1, { n: 2 }, true], 'and others behind it');
});

test('a heartbeat never carries the part of a transaction that cannot become events', async () => {
  const fragments = [[fragment(1, [row('a')])], [fragment(2, [row('a'), row('bad')])]];
  const calls = await run({ fragments, heartbeatMs: 1, commitMs: 20 });
  assert.ok(calls.every(([, { n }]) => n !== 2));
});

test('while Kafka takes nothing, one heartbeat waits', async () => {
  const stop = new AbortController();
  const calls = await run({
    fragments: [[], [], [], []],
    heartbeatMs: 5,
    commitMs: 200,
    signal: stop.signal,
    onCommit: (all) => all.length === 3 && stop.abort(),
  });
  assert.deepEqual(
    calls.map(([records]) => records),
    calls.map(() => 1),
  );
});

test('between the pieces of a large transaction there is no heartbeat, however long the next one takes', async () => {
  const stop = new AbortController();
  const calls = await run({
    fragments: [[fragment(2, [row('a', 70_000)], false)], [], [fragment(2, [row('a')])], []],
    heartbeatMs: 20,
    signal: stop.signal,
    onCommit: (all) => all.at(-1)?.[1]['n'] === 2 && all.at(-1)?.[2] === true && stop.abort(),
  });
  const inPieces = calls.slice(calls.findIndex(([, , atBoundary]) => !atBoundary));
  assert.ok(inPieces.length > 1);
  for (const [, position] of inPieces) assert.deepEqual(position, { n: 2 });
});
