/** Fragments and heartbeats to records in the batch. */
import type { Change } from '../change/change.ts';
import type { Fragment } from '../change/fragment.ts';
import type { Message } from '../change/message.ts';
import { MillraceError } from '../errors.ts';
import type { Batch } from './batch.ts';
import { Heartbeat, type HeartbeatContext } from './heartbeat.ts';
import { located } from './located.ts';
import type { Pipeline } from './pipeline.ts';

type Context = Pick<HeartbeatContext, 'signal' | 'failed'> & {
  /** A commit may be started: a heartbeat is in the batch. */
  readonly kick: () => void;
};

const NONE: readonly Change[] = Object.freeze([]);

export class Intake {
  readonly #pipeline: Pick<Pipeline, 'transform' | 'serialize'>;
  readonly #batch: Batch;
  readonly #heartbeat: Heartbeat | null;
  readonly #messages: Message[] = [];

  constructor(pipeline: Pipeline, batch: Batch, context: Context) {
    const { heartbeatMs: everyMs, start, clock, transform } = pipeline;
    this.#pipeline = pipeline;
    this.#batch = batch;
    const send = (boundary: Fragment): void => {
      transform.beat?.(this.#messages);
      this.#flush();
      batch.mark(boundary);
      context.kick();
    };
    this.#heartbeat =
      everyMs === undefined
        ? null
        : new Heartbeat(start, { ...context, everyMs, clock, send, waits: () => batch.bytes > 0 });
  }

  /** Throws for a row that cannot become an event; what of its fragment came before it is in the batch, unmarked. */
  take(fragments: readonly Fragment[]): void {
    const { transform } = this.#pipeline;
    for (const fragment of fragments) {
      try {
        const { tx } = fragment;
        if (fragment.begin && tx !== null) transform.begin?.(tx, this.#messages);
        if (tx !== null) for (const change of fragment.delivered ?? NONE) transform.delivered?.(change, tx);
        for (const change of fragment.changes) {
          transform(change, tx, this.#messages);
          this.#flush();
        }
        if (fragment.end && tx !== null) transform.end?.(tx, this.#messages);
        this.#flush();
      } catch (error) {
        throw error instanceof MillraceError ? located(error, fragment.tx) : error;
      }
      this.#batch.mark(fragment);
      this.#heartbeat?.passed(fragment);
    }
    const last = fragments.at(-1);
    if (last !== undefined) this.#heartbeat?.rests(last);
  }

  #flush(): void {
    const messages = this.#messages;
    if (messages.length === 0) return;
    for (const message of messages) this.#batch.add(this.#pipeline.serialize(message));
    messages.length = 0;
  }
}
