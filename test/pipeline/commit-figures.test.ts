import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Records } from '../../src/change/records.ts';
import type { CommitWork } from '../../src/pipeline/batch.ts';
import { CommitFigures } from '../../src/pipeline/commit-figures.ts';
import type { Metrics, Progress } from '../../src/ports.ts';

const record = { topic: 't', key: null, value: Buffer.alloc(10), headers: [], timestampMs: 0 };
const tx = { id: '7', commitTimeUs: 5_000_000n, commitLsn: '0/7' };

function work(count: number, over: Partial<CommitWork> = {}): CommitWork {
  const records = Records.of(Array.from({ length: count }, () => record));
  const none = { position: {}, alone: false, tx, transactions: 0, firstCommitUs: null, lastCommitUs: null };
  return { records, bytes: count * 10, atBoundary: false, ...none, ...over };
}

function figures(): { readonly said: string[]; readonly figures: CommitFigures; readonly clock: { ms: number } } {
  const said: string[] = [];
  const metrics: Metrics = {
    count: (name, by) => void said.push(`${name} +${by}`),
    gauge: () => {},
    observe: (name, value) => void said.push(`${name} ${value}`),
  };
  const say =
    (name: string) =>
    (what?: unknown): void =>
      void said.push(`${name} ${String(what)}`);
  const progress = { committing: say('committing'), sent: say('sent'), committed: say('committed') };
  const clock = { ms: 10_000, now: () => clock.ms, sleep: () => new Promise<void>(() => {}) };
  return { said, clock, figures: new CommitFigures({ metrics, clock, progress: progress as unknown as Progress }) };
}

test('a commit is counted once, as a whole, with the latency of its oldest transaction', () => {
  const at = figures();
  const small = work(3, { atBoundary: true, transactions: 2, firstCommitUs: 8_000_000n, lastCommitUs: 9_000_000n });
  at.figures.begin(small);
  at.clock.ms = 10_500;
  at.figures.end(small);
  assert.deepEqual(at.said, [
    'committing 8000000',
    'records +3',
    'record_bytes +30',
    'source_transactions +2',
    'batch_records 3',
    'batch_bytes 30',
    'kafka_transaction_duration_seconds 0.5',
    'delivery_latency_seconds 2.5',
    'committed 9000000',
  ]);
  at.said.length = 0;
  at.figures.begin(work(1, { atBoundary: true }));
  at.clock.ms = 10_600;
  at.figures.end(work(1, { atBoundary: true }));
  const own = ['records +1', 'record_bytes +10', 'batch_records 1', 'kafka_transaction_duration_seconds 0.1'];
  assert.deepEqual(
    own.filter((line) => !at.said.includes(line)),
    [],
    'the next one is counted by itself',
  );
});

test('pieces of a large transaction count when it is committed: nobody can see them before, and they may come again', () => {
  const at = figures();
  const last = work(1, { atBoundary: true, transactions: 1, firstCommitUs: 5_000_000n, lastCommitUs: 5_000_000n });
  for (const piece of [work(5), work(0), last]) {
    at.figures.begin(piece);
    at.clock.ms += 1000;
    at.figures.end(piece);
  }
  assert.deepEqual(at.said, [
    'committing 5000000',
    'sent 5',
    'committing 5000000',
    'sent 0',
    'committing 5000000',
    'records +6',
    'record_bytes +60',
    'source_transactions +1',
    'batch_records 6',
    'batch_bytes 60',
    'kafka_transaction_duration_seconds 3',
    'delivery_latency_seconds 8',
    'committed 5000000',
  ]);
});

test('progress without records has no latency, and a clock behind the database makes nothing negative', () => {
  const at = figures();
  const idle = work(0, { atBoundary: true, tx: null });
  at.figures.begin(idle);
  at.clock.ms = 9000;
  at.figures.end(idle);
  assert.deepEqual(at.said, [
    'committing null',
    'records +0',
    'record_bytes +0',
    'source_transactions +0',
    'batch_records 0',
    'batch_bytes 0',
    'kafka_transaction_duration_seconds 0',
    'committed null',
  ]);
});
