import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '../../src/change/change.ts';
import type { Fragment } from '../../src/change/fragment.ts';
import { MillraceError } from '../../src/errors.ts';
import { type Pipeline, runPipeline } from '../../src/pipeline/pipeline.ts';
import type { GaugeName } from '../../src/ports.ts';
import type { Source } from '../../src/source/source.ts';
import { noProgress } from '../support/silent.ts';

const CHANGE: Change = { op: 'truncate', tables: [] };
const fragment = (n: number): Fragment => ({
  tx: { id: String(n), commitTimeUs: 0n, commitLsn: `0/${n}` },
  changes: [CHANGE],
  begin: true,
  end: true,
  position: { n },
});

/** Transactions 1, 2, … of one change each; `whenRead` runs when all of them are read and no commit is under way. */
function setting(count: number, over: Partial<Pipeline>, whenRead: () => void = () => {}) {
  const controller = new AbortController();
  const gauges = new Map<GaugeName, number>();
  const committed: number[] = [];
  const source: Pick<Source, 'read' | 'acknowledge'> = {
    async *read() {
      for (let n = 1; n <= count; n++) yield [fragment(n)];
      await new Promise((resolve) => setTimeout(resolve, 20));
      whenRead();
      controller.abort();
    },
    acknowledge: () => {},
  };
  const pipeline: Pipeline = {
    source: source as Source,
    sink: {
      open: () => Promise.reject(new Error('not asked for')),
      commit: async (records) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        committed.push(records.length);
      },
      close: async () => {},
    },
    start: {},
    transform: (_change, tx, out) =>
      void out.push({
        topic: tx?.id ?? '',
        key: null,
        body: { kind: 'tombstone' },
        headers: [],
        timestampMs: 0,
      }),
    serialize: ({ topic }) => ({ topic, key: null, value: Buffer.alloc(1000), headers: [], timestampMs: 0 }),
    limits: { maxBytes: 1_000_000, maxRecords: 1000 },
    signal: controller.signal,
    progress: noProgress,
    metrics: { count: () => {}, gauge: (name, value) => void gauges.set(name, value), observe: () => {} },
    clock: { now: () => Date.now(), sleep: () => new Promise(() => {}) },
    ...over,
  };
  return { pipeline, gauges, committed };
}

test('what is committed is not counted as waiting any more', async () => {
  let waiting: number | undefined;
  const at = setting(5, {}, () => (waiting = at.gauges.get('queue_bytes')));
  await runPipeline(at.pipeline);
  assert.equal(
    at.committed.reduce((sum, count) => sum + count, 0),
    5,
  );
  assert.equal(waiting, 0);
});

test('nothing waits after a run that failed', async () => {
  const refuse = () => Promise.reject(new MillraceError('kafka-unavailable', 'gone'));
  const at = setting(5, { sink: { open: refuse, commit: refuse, close: async () => {} } });
  await assert.rejects(runPipeline(at.pipeline), /gone/);
  assert.equal(at.gauges.get('queue_bytes'), 0);
});

test('a row that cannot become an event ends the run behind what came before it, and is said where to find', async () => {
  const { transform } = setting(0, {}).pipeline;
  const at = setting(3, {
    transform: (change, tx, out) => {
      if (tx?.id === '3') throw new MillraceError('data', 'no topic');
      transform(change, tx, out);
    },
  });
  await assert.rejects(runPipeline(at.pipeline), {
    kind: 'data',
    message:
      'no topic. It is in source transaction 3, committed at 0/3; everything before that transaction is delivered',
  });
  assert.equal(
    at.committed.reduce((sum, count) => sum + count, 0),
    2,
  );
});
