/**
 * The loop: read, transform, encode, commit, acknowledge. While a commit is under way the next batch is read and
 * encoded; the next commit starts when the last has ended and something waits. There is no linger: at low load latency
 * is one commit, at high load batches grow by themselves.
 */
import type { Message, OutRecord } from '../change/message.ts';
import type { Fragment } from '../change/fragment.ts';
import type { Position } from '../change/position.ts';
import type { Clock, Failpoint, Metrics } from '../ports.ts';
import type { Sink } from '../sink/sink.ts';
import type { Source } from '../source/source.ts';
import type { Transform } from '../transform/transform.ts';
import { Batch, type BatchLimits, type CommitWork } from './batch.ts';

export interface Pipeline {
  readonly source: Source;
  readonly sink: Sink;
  readonly start: Position;
  readonly transform: Transform;
  readonly serialize: (message: Message) => OutRecord;
  readonly limits: BatchLimits;
  readonly signal: AbortSignal;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly failpoint?: (name: Failpoint) => void;
}

const NEVER = new Promise<never>(() => {});

/**
 * Runs until the signal is aborted (then commits the complete source transactions in hand, acknowledges them and
 * returns) or something throws. Never repairs anything: a retry is a new run.
 */
export async function runPipeline(pipeline: Pipeline): Promise<void> {
  const { source, sink, signal, metrics, clock } = pipeline;
  const batch = new Batch(pipeline.limits, () => clock.now());
  const messages: Message[] = [];
  const reader = source.read(pipeline.start, signal)[Symbol.asyncIterator]();
  const current: { commit: Promise<void> | null } = { commit: null };
  let inFlightBytes = 0;

  const take = (fragments: readonly Fragment[]): void => {
    for (const fragment of fragments) {
      for (const change of fragment.changes) {
        pipeline.transform(change, fragment.tx, messages);
        for (const message of messages) batch.add(pipeline.serialize(message));
        messages.length = 0;
      }
      batch.mark(fragment);
    }
    metrics.gauge('queue_bytes', batch.bytes + inFlightBytes);
  };
  const commit = async (work: CommitWork): Promise<void> => {
    const startedAt = clock.now();
    await sink.commit(work.records, work.position, work.atBoundary);
    current.commit = null;
    inFlightBytes = 0;
    count(metrics, work, startedAt, clock.now());
    if (!work.atBoundary) return;
    pipeline.failpoint?.('before-ack');
    source.acknowledge(work.position);
  };
  const begin = (work: CommitWork | null): void => {
    if (!work) return;
    inFlightBytes = work.bytes;
    current.commit = commit(work);
    // Seen by the race below or by the `finally`; until then it must not count as unhandled.
    current.commit.catch(() => {});
  };

  try {
    let next = nextOf(reader);
    for (;;) {
      if (current.commit === null) begin(batch.take());
      const full = current.commit !== null && batch.isFull(inFlightBytes);
      const wake =
        current.commit === null && batch.idle && !signal.aborted
          ? clock.sleep(batch.dueInMs(), signal).catch(() => {})
          : NEVER;
      const result = await Promise.race([current.commit ?? NEVER, full ? NEVER : next, wake]);
      if (result === undefined) continue;
      if (result.done === true) break;
      take(result.value);
      next = nextOf(reader);
    }
    await current.commit;
    for (let work = batch.take(true); work; work = batch.take(true)) await commit(work);
  } finally {
    // Calls of the sink never overlap: whoever closes it next has to find it at rest.
    await current.commit?.catch(() => {});
    void reader.return?.(undefined).catch(() => {});
  }
}

function nextOf(reader: AsyncIterator<readonly Fragment[]>): Promise<IteratorResult<readonly Fragment[]>> {
  const next = reader.next();
  next.catch(() => {});
  return next;
}

function count(metrics: Metrics, work: CommitWork, startedAt: number, endedAt: number): void {
  metrics.count('records', work.records.length);
  metrics.count('bytes', work.bytes);
  metrics.observe('commit_seconds', (endedAt - startedAt) / 1000);
  if (!work.atBoundary) return;
  metrics.count('commits', 1);
  const lagMs = work.commitTimeUs === null ? 0 : endedAt - Number(work.commitTimeUs / 1000n);
  metrics.gauge('lag_seconds', Math.max(0, lagMs / 1000));
}
