import type { Table } from '../change/table.ts';

/** Whether Kafka takes a topic of this name (`org.apache.kafka.common.internals.Topic`). */
export function isLegalTopic(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..';
}

/** `<prefix>.<schema>.<table>`, made once per table; what no topic may hold becomes `_`, as in Debezium. */
export class TopicNames {
  readonly #prefix: string;
  readonly #delimiter: string;
  readonly #messages: string;
  readonly #names = new WeakMap<Table, string>();

  constructor(prefix: string, delimiter: string) {
    this.#prefix = prefix;
    this.#delimiter = delimiter;
    this.#messages = legal(`${prefix}.message`);
  }

  /** null: of logical messages. */
  of(table: Table | null): string {
    if (table === null) return this.#messages;
    let topic = this.#names.get(table);
    if (topic === undefined) {
      topic = this.named(table.schema, table.name);
      this.#names.set(table, topic);
    }
    return topic;
  }

  named(schema: string, table: string): string {
    return legal([this.#prefix, schema, table].join(this.#delimiter));
  }
}

function legal(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/g, '_');
}
