/**
 * Transaction metadata (`provide.transaction.metadata`): a record where a transaction begins and one where it ends, and
 * in each event its place in the transaction
 * (https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-transaction-metadata).
 */
import type { SourceBlock, TransactionPlace } from '../change/event.ts';
import type { Tx } from '../change/fragment.ts';
import type { Message } from '../change/message.ts';
import type { Data, Schema, StructSchema } from '../change/schema.ts';

const required = (type: 'string' | 'int64'): Schema => Object.freeze({ type, optional: false });
const optional = (type: 'int64'): Schema => Object.freeze({ type, optional: true });
const struct = (schema: Omit<StructSchema, 'type'>): StructSchema => Object.freeze({ type: 'struct', ...schema });
const fields = (of: Readonly<Record<string, Schema>>): StructSchema['fields'] =>
  Object.freeze(Object.entries(of).map(([name, schema]) => Object.freeze({ name, schema })));

const KEY = struct({
  optional: false,
  name: 'io.debezium.connector.common.TransactionMetadataKey',
  version: 1,
  fields: fields({ id: required('string') }),
});
const COLLECTION = struct({
  optional: true,
  name: 'event.collection',
  version: 1,
  fields: fields({ data_collection: required('string'), event_count: required('int64') }),
});
const VALUE = struct({
  optional: false,
  name: 'io.debezium.connector.common.TransactionMetadataValue',
  version: 1,
  fields: fields({
    status: required('string'),
    id: required('string'),
    event_count: optional('int64'),
    data_collections: Object.freeze({ type: 'array', optional: true, items: COLLECTION }),
    ts_ms: required('int64'),
  }),
});

export interface TransactionContext {
  /** `<topic.prefix>.<topic.transaction>`. */
  readonly topic: string;
  readonly block: SourceBlock;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Counts the events of the transaction that is being read. */
export class TransactionCounter {
  readonly #context: TransactionContext;
  #total = 0;
  readonly #collections = new Map<string, number>();

  constructor(context: TransactionContext) {
    this.#context = context;
  }

  /** Starts to count anew; to be called before the first event of every transaction. */
  reset(): void {
    this.#total = 0;
    this.#collections.clear();
  }

  begin(tx: Tx): Message {
    return this.#message('BEGIN', this.#context.block.beginId(tx), tx, { event_count: null, data_collections: null });
  }

  /** The place of the next event; `collection` is `schema.table`. */
  next(collection: string): TransactionPlace {
    const inCollection = (this.#collections.get(collection) ?? 0) + 1;
    this.#collections.set(collection, inCollection);
    return { total: ++this.#total, inCollection };
  }

  end(tx: Tx): Message {
    const collections = Array.from(this.#collections, ([data_collection, count]) => ({
      data_collection,
      event_count: BigInt(count),
    }));
    return this.#message('END', this.#context.block.endId(tx), tx, {
      event_count: BigInt(this.#total),
      data_collections: collections,
    });
  }

  #message(status: string, id: string, tx: Tx, counts: { event_count: Data; data_collections: Data }): Message {
    const { topic, now } = this.#context;
    const value = { status, id, ...counts, ts_ms: tx.commitTimeUs / 1000n };
    return {
      topic,
      key: { schema: KEY, value: { id } },
      body: { kind: 'data', datum: { schema: VALUE, value } },
      headers: [],
      timestampMs: now(),
    };
  }
}
