/** A chain of transforms in the order of `transforms`, each with its predicate, as Kafka Connect applies them. */
import type { Tx } from '../change/fragment.ts';
import type { Message } from '../change/message.ts';
import type { Expand } from './events.ts';
import type { Predicate } from './predicates.ts';
import type { Stage, Transform } from './transform.ts';

export interface Step {
  readonly stage: Stage;
  /** null: for every message. */
  readonly predicate: { readonly test: Predicate; readonly negate: boolean } | null;
}

/** Makes one transform of many: the events of a change, and each of them through every step. */
export function createChain(expand: Expand, steps: readonly Step[]): Transform {
  if (steps.length === 0) return expand;
  const events: Message[] = [];
  const pass = (out: Message[]): void => {
    for (const event of events) {
      let message: Message | null = event;
      for (const { stage, predicate } of steps) {
        if (predicate !== null && predicate.test(message) === predicate.negate) continue;
        message = stage(message);
        if (message === null) break;
      }
      if (message !== null) out.push(message);
    }
    events.length = 0;
  };
  const { begin, end, delivered, beat } = expand;
  const chain: Transform = (change, tx, out) => {
    expand(change, tx, events);
    pass(out);
  };
  return Object.assign(chain, {
    ...(begin && {
      begin: (tx: Tx, out: Message[]): void => {
        begin(tx, events);
        pass(out);
      },
    }),
    ...(end && {
      end: (tx: Tx, out: Message[]): void => {
        end(tx, events);
        pass(out);
      },
    }),
    ...(delivered && { delivered }),
    ...(beat && {
      beat: (out: Message[]): void => {
        beat(events);
        pass(out);
      },
    }),
  });
}
