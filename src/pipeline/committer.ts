/** Commits what a batch holds, one commit at a time, and acknowledges it. */
import { MillraceError } from '../errors.ts';
import type { CommitWork, Batch } from './batch.ts';
import { CommitFigures } from './commit-figures.ts';
import { located } from './located.ts';
import type { Pipeline } from './pipeline.ts';

export class Committer {
  readonly #pipeline: Pipeline;
  readonly #batch: Batch;
  readonly #onError: (error: unknown) => void;
  readonly #figures: CommitFigures;
  /** The commit under way; never rejects. */
  #running: Promise<void> | null = null;
  #failed = false;
  #inFlightBytes = 0;
  #idling = false;
  /** `finish` commits by itself: a timer must not start a commit beside it. */
  #finishing = false;

  constructor(pipeline: Pipeline, batch: Batch, onError: (error: unknown) => void) {
    this.#pipeline = pipeline;
    this.#batch = batch;
    this.#onError = onError;
    this.#figures = new CommitFigures(pipeline);
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Starts a commit if none is under way and something waits for one. */
  kick(): void {
    if (this.#running !== null || this.#failed || this.#finishing) return;
    const work = this.#batch.take();
    if (work !== null) this.#start(work);
    else if (this.#batch.waits && !this.#idling) this.#idle();
  }

  /** Resolves when more may be read. */
  async room(): Promise<void> {
    while (this.#running !== null && this.#batch.isFull(this.#inFlightBytes)) await this.#running;
  }

  /** Resolves when no commit is under way. */
  async rest(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  /** Commits all complete source transactions. Rejects if one cannot be committed. */
  async finish(): Promise<void> {
    this.#finishing = true;
    for (let work = this.#batch.take(true); work; work = this.#batch.take(true)) await this.#commit(work);
  }

  #start(work: CommitWork): void {
    this.#inFlightBytes = work.bytes;
    this.#running = this.#commit(work)
      .catch((error: unknown) => {
        this.#failed = true;
        this.#onError(error);
      })
      .then(() => {
        this.#inFlightBytes = 0;
        this.#pipeline.metrics.gauge('queue_bytes', this.#batch.bytes);
        this.#running = null;
        if (!this.#pipeline.signal.aborted) this.kick();
      });
  }

  /** What `Batch.waits` says waits for its time, once. */
  #idle(): void {
    const { clock, signal } = this.#pipeline;
    this.#idling = true;
    void clock
      .sleep(this.#batch.dueInMs(), signal)
      .then(() => {
        this.#idling = false;
        this.kick();
      })
      .catch(() => {});
  }

  async #commit(work: CommitWork): Promise<void> {
    const { sink, source, failpoint } = this.#pipeline;
    this.#figures.begin(work);
    await sink.commit(work.records, work.position, work.atBoundary).catch((error: unknown) => {
      throw culprit(error, work);
    });
    this.#figures.end(work);
    this.#batch.recycle(work.records);
    if (!work.atBoundary) return;
    failpoint?.('before-ack');
    source.acknowledge(work.position);
  }
}

/** A record that is refused although its transaction is alone: nothing else can be the reason. */
function culprit(error: unknown, { alone, tx }: CommitWork): unknown {
  if (!alone || !(error instanceof MillraceError) || error.kind !== 'record-rejected') return error;
  return located(error, tx, 'poison-record');
}
