/** A transform with its name in what it throws. */
import { MillraceError } from '../../errors.ts';
import type { Metrics } from '../../ports.ts';
import type { Stage } from '../transform.ts';

/** `name` is the alias with its class: `transforms.mask (MaskField$Value)`. Counts what it drops. */
export function named(name: string, stage: Stage, metrics: Metrics): Stage {
  return (message) => {
    try {
      const next = stage(message);
      if (next === null) metrics.count('skipped_changes', 1);
      return next;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.kind !== 'data') throw error;
      throw new MillraceError('data', `${name}, a record of ${message.topic}: ${error.message}`, { cause: error });
    }
  };
}
