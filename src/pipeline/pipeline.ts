/**
 * The loop: read, transform, encode, commit, acknowledge. While a commit is under way the next batch is read and
 * encoded; the next commit starts when the last has ended and something waits. There is no linger: at low load latency
 * is one commit, at high load batches grow by themselves.
 */
import type { Message, OutRecord } from '../change/message.ts';
import type { Position } from '../change/position.ts';
import type { Clock, Failpoint, Metrics, Progress } from '../ports.ts';
import type { Sink } from '../sink/sink.ts';
import type { Source } from '../source/source.ts';
import type { Transform } from '../transform/transform.ts';
import { Batch, type BatchLimits } from './batch.ts';
import { Committer } from './committer.ts';
import { Intake } from './intake.ts';

export interface Pipeline {
  readonly source: Source;
  readonly sink: Sink;
  readonly start: Position;
  readonly transform: Transform;
  readonly serialize: (message: Message) => OutRecord;
  readonly limits: BatchLimits;
  /** How often a heartbeat record is sent (`Transform.beat`); without it, never. */
  readonly heartbeatMs?: number;
  readonly signal: AbortSignal;
  readonly metrics: Metrics;
  readonly progress: Progress;
  readonly clock: Clock;
  readonly failpoint?: (name: Failpoint) => void;
}

/**
 * Runs until the signal is aborted (then commits the complete source transactions in hand, acknowledges them and
 * returns) or something throws. Never repairs anything: a retry is a new run.
 */
export async function runPipeline(pipeline: Pipeline): Promise<void> {
  const { source, metrics } = pipeline;
  const failed = new AbortController();
  const signal = AbortSignal.any([pipeline.signal, failed.signal]);
  const batch = new Batch(pipeline.limits, () => pipeline.clock.now());
  const committer = new Committer(pipeline, batch, (error) => failed.abort(error));

  /** A row that cannot become an event. What came before it is delivered first. */
  let bad: { readonly error: unknown } | null = null;

  /** What is complete is committed, and no heartbeat is added. */
  const ended = new AbortController();
  const intake = new Intake(pipeline, batch, {
    signal: AbortSignal.any([signal, ended.signal]),
    failed: (error) => failed.abort(error),
    kick: () => committer.kick(),
  });

  try {
    for await (const fragments of source.read(pipeline.start, signal)) {
      try {
        intake.take(fragments);
        metrics.gauge('queue_bytes', batch.bytes + committer.inFlightBytes);
      } catch (error) {
        bad = { error };
        break;
      }
      committer.kick();
      await committer.room();
    }
    ended.abort();
    // The commit under way, and then what is complete.
    await committer.rest();
    failed.signal.throwIfAborted();
    await committer.finish();
    if (bad !== null) throw bad.error;
  } finally {
    ended.abort();
    // Calls of the sink never overlap: whoever closes it next has to find it at rest.
    await committer.rest();
    metrics.gauge('queue_bytes', 0);
  }
}
