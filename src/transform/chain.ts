/** A chain of transforms in the order of `transforms`, each with its predicate, as Kafka Connect applies them. */
import type { Change } from '../change/change.ts';
import type { Message } from '../change/message.ts';
import { type Table, tableName } from '../change/table.ts';
import type { Predicate } from './predicates.ts';
import type { Stage, Transform } from './transform.ts';

export interface Step {
  readonly stage: Stage;
  /** null: for every message. */
  readonly predicate: { readonly test: Predicate; readonly negate: boolean } | null;
}

export interface ChainContext {
  /** `topic.prefix`: what row changes are called before a transform calls them something else. */
  readonly topicPrefix: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Makes one transform of many. */
export function createChain(steps: readonly Step[], context: ChainContext): Transform {
  const { now } = context;
  const topics = new TopicNames(context.topicPrefix);
  const [first, ...others] = steps;
  const direct = first !== undefined && others.length === 0 && first.predicate === null ? first.stage : null;
  // With one transform for everything, the message before it is looked at by nobody else: one object serves all.
  const body = { kind: 'change' as const, change: null as unknown as Change };
  const scratch = { topic: '', key: null, body, headers: [], timestampMs: 0 };
  return (change, tx, out) => {
    if (direct !== null) {
      body.change = change;
      scratch.timestampMs = now();
      const routed = direct(scratch, tx);
      // A stage that takes no changes gives the object itself back.
      if (routed !== null)
        out.push(routed === scratch ? { ...scratch, topic: topics.of(change), body: { ...body } } : routed);
      return;
    }
    let message: Message | null = {
      topic: topics.of(change),
      key: null,
      body: { kind: 'change', change },
      headers: [],
      timestampMs: now(),
    };
    for (const { stage, predicate } of steps) {
      if (predicate !== null && predicate.test(message, tx) === predicate.negate) continue;
      message = stage(message, tx);
      if (message === null) return;
    }
    out.push(message);
  };
}

/** `<prefix>.<schema>.<table>`, made once per table; what no topic may hold becomes `_`, as in Debezium. */
class TopicNames {
  readonly #prefix: string;
  readonly #names = new WeakMap<Table, string>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  of(change: Change): string {
    const table = change.op === 'message' ? undefined : change.op === 'truncate' ? change.tables[0] : change.table;
    if (table === undefined) return `${this.#prefix}.message`;
    let topic = this.#names.get(table);
    if (topic === undefined) {
      topic = `${this.#prefix}.${tableName(table)}`.replaceAll(/[^A-Za-z0-9._-]/g, '_');
      this.#names.set(table, topic);
    }
    return topic;
  }
}
