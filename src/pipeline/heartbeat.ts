/** When heartbeat records go into the batch: at their time, or at the next end of a source transaction. */
import type { Fragment } from '../change/fragment.ts';
import type { Position } from '../change/position.ts';
import type { Clock } from '../ports.ts';

export interface HeartbeatContext {
  readonly everyMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Adds the records to the batch, behind what is there, with a boundary of their own. */
  readonly send: (boundary: Fragment) => void;
  /** Records wait in the batch: Kafka takes none at the moment, or their fragment is not complete. */
  readonly waits: () => boolean;
  /** Hears of what `send` throws at the time of the heartbeat. */
  readonly failed: (error: unknown) => void;
}

export class Heartbeat {
  readonly #context: HeartbeatContext;
  /** Of the last fragment that has ended. */
  #position: Position;
  /** A source transaction has begun behind that: its records are no place for a boundary. */
  #open = false;
  #due = false;

  constructor(start: Position, context: HeartbeatContext) {
    this.#position = start;
    this.#context = context;
    void this.#run();
  }

  /** A fragment has been added to the batch. */
  passed(fragment: Fragment): void {
    this.#open = !fragment.end;
    if (fragment.end && this.#due) this.#send(fragment.position);
  }

  /** After the last of several fragments. */
  rests(fragment: Fragment): void {
    if (fragment.end) this.#position = fragment.position;
  }

  async #run(): Promise<void> {
    const { everyMs, clock, signal, waits, failed } = this.#context;
    try {
      while (!signal.aborted) {
        await clock.sleep(everyMs, signal);
        if (signal.aborted) return;
        if (this.#open || waits()) this.#due = true;
        else this.#send(this.#position);
      }
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
  }

  #send(position: Position): void {
    this.#due = false;
    this.#context.send({ tx: null, changes: [], begin: true, end: true, position });
  }
}
