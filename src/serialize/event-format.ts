/**
 * Debezium's envelope of one version of a table: its schemas, its data, and its JSON straight from the row's bytes.
 * https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events
 */
import type { Row } from '../change/change.ts';
import type { ChangeEvent, SourceBlock, TableDescription } from '../change/event.ts';
import { writeJson } from '../change/json-data.ts';
import type { JsonWriter } from '../change/json-writer.ts';
import { type Data, type Datum, type Schema, type Struct, type StructSchema, withOptional } from '../change/schema.ts';
import type { Table } from '../change/table.ts';
import { inColumn } from './failures.ts';
import { RowFormat, type RowSettings } from './row-format.ts';

const field = (name: string, schema: Schema): { readonly name: string; readonly schema: Schema } =>
  Object.freeze({ name, schema });
const OPTIONAL_INT64: Schema = Object.freeze({ type: 'int64', optional: true });
const INT64: Schema = Object.freeze({ type: 'int64', optional: false });
const TEXT: Schema = Object.freeze({ type: 'string', optional: false });
/** The `transaction` block, with `provide.transaction.metadata`. */
export const TRANSACTION_BLOCK: StructSchema = Object.freeze({
  type: 'struct',
  optional: true,
  name: 'event.block',
  version: 1,
  fields: [field('id', TEXT), field('total_order', INT64), field('data_collection_order', INT64)],
});

export interface FormatSettings extends RowSettings {
  /** The logical name: `<topic.prefix>.<schema>.<table>`, before what no topic may hold is replaced. */
  readonly name: string;
  readonly block: SourceBlock;
}

/** How JSON is written. */
export interface JsonSettings {
  readonly nowMs: number;
  /** A null is written as the column's default (`replace.null.with.default` of JsonConverter). */
  readonly nullAsDefault: boolean;
  /** The same for the source block. */
  readonly sourceDefaults: boolean;
}

/** One version of a table. What it makes of rows throws `RequiredNull` where its schemas turn out to be too narrow. */
export class TableFormat {
  readonly keySchema: StructSchema | null;
  readonly valueSchema: StructSchema;
  readonly #settings: FormatSettings;
  readonly #row: RowFormat;
  readonly #key: RowFormat;

  constructor(table: TableDescription, settings: FormatSettings) {
    const { name, block } = settings;
    this.#settings = settings;
    this.#row = new RowFormat(table.columns, settings);
    this.#key = new RowFormat(table.key, { ...settings, failed: noKey });
    this.keySchema =
      table.key.length === 0
        ? null
        : struct(
            `${name}.Key`,
            false,
            table.key.map((column) => field(column.name, column.schema)),
          );
    const row = struct(
      `${name}.Value`,
      true,
      table.columns.map((column) => field(column.name, column.schema)),
    );
    this.valueSchema = Object.freeze({
      ...envelope(`${name}.Envelope`, [field('before', row), field('after', row)], block.schema),
    });
  }

  /** null for a table without a key. */
  key(row: Row): Datum | null {
    return this.keySchema === null ? null : { schema: this.keySchema, value: this.#key.struct(row, false) };
  }

  keyJson(row: Row, nullAsDefault: boolean, out: JsonWriter): void {
    this.#key.json(row, false, nullAsDefault, out);
  }

  value(event: ChangeEvent, nowMs: number): Datum {
    const before = event.before === null ? null : this.#row.struct(event.before, true);
    const after = event.after === null ? null : this.#row.struct(event.after, false);
    const { block } = this.#settings;
    return {
      schema: this.valueSchema,
      value: { before, after, source: block.data(event), ...facts(event, block, nowMs) },
    };
  }

  valueJson(event: ChangeEvent, { nowMs, nullAsDefault, sourceDefaults }: JsonSettings, out: JsonWriter): void {
    out.raw(BEFORE);
    if (event.before === null) out.raw(NULL);
    else this.#row.json(event.before, true, nullAsDefault, out);
    out.raw(AFTER);
    if (event.after === null) out.raw(NULL);
    else this.#row.json(event.after, false, nullAsDefault, out);
    out.raw(SOURCE);
    this.#settings.block.json(event, sourceDefaults, out);
    writeFacts(event, this.#settings.block, nowMs, out);
  }
}

/** Logical messages, which belong to no table. */
export class MessageFormat {
  readonly valueSchema: StructSchema;
  readonly #block: SourceBlock;

  constructor({ block }: Pick<FormatSettings, 'block'>) {
    this.#block = block;
    this.valueSchema = envelopeOfMessage(block.schema);
  }

  value(event: ChangeEvent, nowMs: number): Datum {
    const { op, ts_ms, transaction } = facts(event, this.#block, nowMs);
    const source = this.#block.data(event);
    return { schema: this.valueSchema, value: { op, ts_ms, source, transaction, message: contentOf(event) } };
  }

  valueJson(event: ChangeEvent, { nowMs, sourceDefaults }: JsonSettings, out: JsonWriter): void {
    const { schema, value } = this.value(event, nowMs);
    // Beside the source block nothing in it has a default.
    writeJson(schema, value, out, sourceDefaults);
  }
}

/** Rows whose keys could not be made would be taken for one another. */
function noKey(table: Table, column: string, error: unknown): never {
  throw inColumn(table, column, error);
}

const NULL = Buffer.from('null');
const BEFORE = Buffer.from('{"before":');
const AFTER = Buffer.from(',"after":');
const SOURCE = Buffer.from(',"source":');

function struct(name: string, optional: boolean, fields: StructSchema['fields']): StructSchema {
  return Object.freeze({ type: 'struct', optional, name, fields: Object.freeze(fields) });
}

const FACTS: StructSchema['fields'] = [
  field('transaction', TRANSACTION_BLOCK),
  field('op', TEXT),
  field('ts_ms', OPTIONAL_INT64),
  field('ts_us', OPTIONAL_INT64),
  field('ts_ns', OPTIONAL_INT64),
];

function envelope(name: string, rows: StructSchema['fields'], source: StructSchema): StructSchema {
  return Object.freeze({
    ...struct(name, false, [...rows, field('source', withOptional(source, false)), ...FACTS]),
    version: 2,
  });
}

function envelopeOfMessage(source: StructSchema): StructSchema {
  const message = struct('io.debezium.connector.postgresql.Message', false, [
    field('prefix', Object.freeze({ type: 'string', optional: true })),
    field('content', Object.freeze({ type: 'bytes', optional: true })),
  ]);
  const value = struct('io.debezium.connector.postgresql.MessageValue', false, [
    field('op', TEXT),
    field('ts_ms', OPTIONAL_INT64),
    field('source', withOptional(source, false)),
    field('transaction', TRANSACTION_BLOCK),
    field('message', Object.freeze({ ...message, version: 1 })),
  ]);
  return Object.freeze({ ...value, version: 1 });
}

function contentOf({ change }: ChangeEvent): Struct {
  return change.op === 'message' ? { prefix: change.prefix, content: change.content } : {};
}

function facts(
  event: ChangeEvent,
  block: SourceBlock,
  nowMs: number,
): { transaction: Data; op: string; ts_ms: bigint; ts_us: bigint; ts_ns: bigint } {
  const ms = BigInt(nowMs);
  const { place } = event;
  const transaction =
    place === null
      ? null
      : {
          id: block.transactionId(event),
          total_order: BigInt(place.total),
          data_collection_order: BigInt(place.inCollection),
        };
  return { transaction, op: event.op, ts_ms: ms, ts_us: ms * 1000n, ts_ns: ms * 1_000_000n };
}

function writeFacts(event: ChangeEvent, block: SourceBlock, nowMs: number, out: JsonWriter): void {
  const { op, place } = event;
  const transaction =
    place === null
      ? 'null'
      : `{"id":"${block.transactionId(event)}","total_order":${place.total},"data_collection_order":${place.inCollection}}`;
  out.ascii(`,"transaction":${transaction},"op":"${op}","ts_ms":${nowMs},"ts_us":${nowMs}000,"ts_ns":${nowMs}000000}`);
}
