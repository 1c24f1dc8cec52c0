/**
 * The `source` block of PostgreSQL's events, field by field as Debezium's
 * (https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-create-events).
 */
import type { ChangeEvent, SourceBlock } from '../../change/event.ts';
import type { JsonWriter } from '../../change/json-writer.ts';
import type { Schema, Struct, StructSchema } from '../../change/schema.ts';
import type { Table } from '../../change/table.ts';
import type { Tx } from '../../change/fragment.ts';

export interface SourceBlockSettings {
  /** Of Millrace. */
  readonly version: string;
  /** `topic.prefix`. */
  readonly name: string;
  readonly database: string;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** What the decoder knows of a change beside its rows. */
export interface Located {
  /** Where its record begins in the log. */
  readonly lsn: bigint;
}
/** What the assembler knows of a transaction. */
export interface Following {
  /** The end of the transaction before it, null if none was received. */
  readonly previous: bigint | null;
  readonly xid: number;
  /** Where its first record begins. */
  readonly beginLsn: bigint;
  /** Behind its commit record; known when its last fragment is there. */
  readonly endLsn: bigint;
}

const required = (type: 'string' | 'int64'): Schema => Object.freeze({ type, optional: false });
const optional = (type: 'string' | 'int64'): Schema => Object.freeze({ type, optional: true });
const SNAPSHOT: Schema = Object.freeze({
  type: 'string',
  optional: true,
  name: 'io.debezium.data.Enum',
  version: 1,
  parameters: { allowed: 'true,first,first_in_data_collection,last_in_data_collection,last,false,incremental' },
  default: 'false',
});

const SCHEMA: StructSchema = Object.freeze({
  type: 'struct',
  optional: false,
  name: 'io.debezium.connector.postgresql.Source',
  version: 1,
  fields: Object.freeze(
    (
      [
        ['version', required('string')],
        ['connector', required('string')],
        ['name', required('string')],
        ['ts_ms', required('int64')],
        ['snapshot', SNAPSHOT],
        ['db', required('string')],
        ['sequence', optional('string')],
        ['ts_us', optional('int64')],
        ['ts_ns', optional('int64')],
        ['schema', required('string')],
        ['table', required('string')],
        ['txId', optional('int64')],
        ['lsn', optional('int64')],
        ['xmin', optional('int64')],
      ] as const
    ).map(([name, schema]) => Object.freeze({ name, schema })),
  ),
});

export class PostgresSourceBlock implements SourceBlock {
  readonly schema = SCHEMA;
  readonly #settings: SourceBlockSettings;
  readonly #head: Buffer;
  readonly #database: Buffer;
  readonly #tables = new WeakMap<Table, Buffer>();
  readonly #noTable: Buffer;
  /** The texts of the transaction that was written last. */
  #tx: Tx | null = null;
  #times: readonly [string, string] = ['', ''];

  constructor(settings: SourceBlockSettings) {
    const { version, name, database } = settings;
    this.#settings = settings;
    const text = (value: string): string => JSON.stringify(value);
    this.#head = Buffer.from(`{"version":${text(version)},"connector":"postgresql","name":${text(name)},"ts_ms":`);
    this.#database = Buffer.from(`${text(database)},"sequence":`);
    this.#noTable = names(null);
  }

  data({ change, tx, table }: ChangeEvent): Struct {
    const { version, name, database } = this.#settings;
    const us = this.#commitTime(tx);
    const { lsn } = change as unknown as Located;
    return {
      version,
      connector: 'postgresql',
      name,
      ts_ms: us / 1000n,
      // Not set: its default says false.
      snapshot: null,
      db: database,
      sequence: sequenceOf(tx, lsn),
      ts_us: us,
      ts_ns: us * 1000n,
      schema: table?.schema ?? '',
      table: table?.name ?? '',
      txId: tx === null ? null : BigInt((tx as unknown as Following).xid),
      lsn,
      xmin: null,
    };
  }

  json({ change, tx, table }: ChangeEvent, nullAsDefault: boolean, out: JsonWriter): void {
    const { lsn } = change as unknown as Located;
    if (tx === null || tx !== this.#tx) this.#remember(tx);
    const [head, tail] = this.#times;
    out.raw(this.#head);
    out.ascii(head);
    // `snapshot` is not set, and its default is "false".
    out.ascii(nullAsDefault ? ',"snapshot":"false","db":' : ',"snapshot":null,"db":');
    out.raw(this.#database);
    const position = String(lsn);
    const previous = tx === null ? null : (tx as unknown as Following).previous;
    out.ascii(previous === null ? `"[null,\\"${position}\\"]"` : `"[\\"${previous}\\",\\"${position}\\"]"`);
    out.ascii(tail);
    out.raw(this.#namesOf(table));
    out.ascii(tx === null ? 'null' : String((tx as unknown as Following).xid));
    out.ascii(`,"lsn":${position},"xmin":null}`);
  }

  transactionId({ change, tx }: ChangeEvent): string {
    return `${(tx as unknown as Following).xid}:${(change as unknown as Located).lsn}`;
  }

  beginId(tx: Tx): string {
    const { xid, beginLsn } = tx as unknown as Following;
    return `${xid}:${beginLsn}`;
  }

  endId(tx: Tx): string {
    const { xid, endLsn } = tx as unknown as Following;
    return `${xid}:${endLsn}`;
  }

  #namesOf(table: Table | null): Buffer {
    if (table === null) return this.#noTable;
    let bytes = this.#tables.get(table);
    if (bytes === undefined) this.#tables.set(table, (bytes = names(table)));
    return bytes;
  }

  #remember(tx: Tx | null): void {
    const us = this.#commitTime(tx);
    this.#tx = tx;
    this.#times = [String(us / 1000n), `,"ts_us":${us},"ts_ns":${us}000`];
  }

  /** Microseconds; of what is in no transaction, the time of reading. */
  #commitTime(tx: Tx | null): bigint {
    return tx === null ? BigInt(this.#settings.nowMs()) * 1000n : tx.commitTimeUs;
  }
}

function names(table: Table | null): Buffer {
  const text = (value: string): string => JSON.stringify(value);
  return Buffer.from(`,"schema":${text(table?.schema ?? '')},"table":${text(table?.name ?? '')},"txId":`);
}

function sequenceOf(tx: Tx | null, lsn: bigint): string {
  const previous = tx === null ? null : (tx as unknown as Following).previous;
  return JSON.stringify([previous === null ? null : String(previous), String(lsn)]);
}
