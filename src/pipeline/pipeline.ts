/**
 * The loop: read, transform, encode, commit, acknowledge. While a commit is under way the next batch is read and
 * encoded; the next commit starts when the last has ended and something waits. There is no linger: at low load latency
 * is one commit, at high load batches grow by themselves.
 */
import type { Message, OutRecord } from '../change/message.ts';
import type { Change } from '../change/change.ts';
import type { Fragment } from '../change/fragment.ts';
import type { Position } from '../change/position.ts';
import { MillraceError } from '../errors.ts';
import type { Clock, Failpoint, Metrics, Progress } from '../ports.ts';
import type { Sink } from '../sink/sink.ts';
import type { Source } from '../source/source.ts';
import type { Transform } from '../transform/transform.ts';
import { Batch, type BatchLimits } from './batch.ts';
import { Committer } from './committer.ts';
import { located } from './located.ts';

export interface Pipeline {
  readonly source: Source;
  readonly sink: Sink;
  readonly start: Position;
  readonly transform: Transform;
  readonly serialize: (message: Message) => OutRecord;
  readonly limits: BatchLimits;
  readonly signal: AbortSignal;
  readonly metrics: Metrics;
  readonly progress: Progress;
  readonly clock: Clock;
  readonly failpoint?: (name: Failpoint) => void;
}

const NONE: readonly Change[] = Object.freeze([]);

/**
 * Runs until the signal is aborted (then commits the complete source transactions in hand, acknowledges them and
 * returns) or something throws. Never repairs anything: a retry is a new run.
 */
export async function runPipeline(pipeline: Pipeline): Promise<void> {
  const { source, metrics, transform } = pipeline;
  const failed = new AbortController();
  const signal = AbortSignal.any([pipeline.signal, failed.signal]);
  const batch = new Batch(pipeline.limits, () => pipeline.clock.now());
  const messages: Message[] = [];
  const committer = new Committer(pipeline, batch, (error) => failed.abort(error));

  /** A row that cannot become an event. What came before it is delivered first. */
  let bad: { readonly error: unknown } | null = null;

  const take = (fragments: readonly Fragment[]): void => {
    for (const fragment of fragments) {
      try {
        const { tx } = fragment;
        if (fragment.begin && tx !== null) transform.begin?.(tx, messages);
        if (tx !== null) for (const change of fragment.delivered ?? NONE) transform.delivered?.(change, tx);
        for (const change of fragment.changes) {
          transform(change, tx, messages);
          for (const message of messages) batch.add(pipeline.serialize(message));
          messages.length = 0;
        }
        if (fragment.end && tx !== null) transform.end?.(tx, messages);
        for (const message of messages) batch.add(pipeline.serialize(message));
        messages.length = 0;
      } catch (error) {
        throw error instanceof MillraceError ? located(error, fragment.tx) : error;
      }
      batch.mark(fragment);
    }
    metrics.gauge('queue_bytes', batch.bytes + committer.inFlightBytes);
  };

  try {
    for await (const fragments of source.read(pipeline.start, signal)) {
      try {
        take(fragments);
      } catch (error) {
        bad = { error };
        break;
      }
      committer.kick();
      await committer.room();
    }
    // The commit under way, and then what is complete.
    await committer.rest();
    failed.signal.throwIfAborted();
    await committer.finish();
    if (bad !== null) throw bad.error;
  } finally {
    // Calls of the sink never overlap: whoever closes it next has to find it at rest.
    await committer.rest();
    metrics.gauge('queue_bytes', 0);
  }
}
