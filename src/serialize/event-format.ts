/**
 * Debezium's envelope of one version of a table: its schemas, its data, and its JSON straight from the row's bytes.
 * https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events
 */
import type { Row } from '../change/change.ts';
import type { ChangeEvent, ColumnDescription, SourceBlock, TableDescription } from '../change/event.ts';
import { writeJson } from '../change/json-data.ts';
import { JsonWriter } from '../change/json-writer.ts';
import { type Data, type Datum, type Schema, type Struct, type StructSchema, withOptional } from '../change/schema.ts';
import { UNCHANGED } from '../change/value.ts';
import { unavailableOf, zeroOf } from './unavailable.ts';

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

export interface FormatSettings {
  /** The logical name: `<topic.prefix>.<schema>.<table>`, before what no topic may hold is replaced. */
  readonly name: string;
  readonly block: SourceBlock;
  /** `unavailable.value.placeholder`. */
  readonly placeholder: Buffer;
}

/** How JSON is written. */
export interface JsonSettings {
  readonly nowMs: number;
  /** A null is written as the column's default (`replace.null.with.default` of JsonConverter). */
  readonly nullAsDefault: boolean;
}

interface ColumnFormat extends ColumnDescription {
  /** `"name":`, behind a comma but for the first. */
  readonly before: Buffer;
  /** Of a null: what a column that must not be null has instead, in old rows of which the log carries the key alone. */
  readonly absent: Data;
  readonly absentJson: Buffer;
  /** The same where a null is written as the default. */
  readonly defaultJson: Buffer;
  readonly unavailable: Data;
  readonly unavailableJson: Buffer;
}

/** One version of a table. */
export class TableFormat {
  readonly keySchema: StructSchema | null;
  readonly valueSchema: StructSchema;
  readonly #settings: FormatSettings;
  readonly #columns: readonly ColumnFormat[];
  readonly #key: readonly ColumnFormat[];

  constructor(table: TableDescription, settings: FormatSettings) {
    const { name, block } = settings;
    this.#settings = settings;
    this.#columns = table.columns.map((column, index) => formatOf(column, index, settings));
    this.#key = table.key.map((column, index) => formatOf(column, index, settings));
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
    return this.keySchema === null ? null : { schema: this.keySchema, value: structOf(this.#key, row) };
  }

  keyJson(row: Row, nullAsDefault: boolean, out: JsonWriter): void {
    writeRow(this.#key, row, nullAsDefault, out);
  }

  value(event: ChangeEvent, nowMs: number): Datum {
    const before = event.before === null ? null : structOf(this.#columns, event.before);
    const after = event.after === null ? null : structOf(this.#columns, event.after);
    const { block } = this.#settings;
    return {
      schema: this.valueSchema,
      value: { before, after, source: block.data(event), ...facts(event, block, nowMs) },
    };
  }

  valueJson(event: ChangeEvent, { nowMs, nullAsDefault }: JsonSettings, out: JsonWriter): void {
    out.raw(BEFORE);
    if (event.before === null) out.raw(NULL);
    else writeRow(this.#columns, event.before, nullAsDefault, out);
    out.raw(AFTER);
    if (event.after === null) out.raw(NULL);
    else writeRow(this.#columns, event.after, nullAsDefault, out);
    out.raw(SOURCE);
    this.#settings.block.json(event, nullAsDefault, out);
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

  valueJson(event: ChangeEvent, { nowMs, nullAsDefault }: JsonSettings, out: JsonWriter): void {
    const { schema, value } = this.value(event, nowMs);
    writeJson(schema, value, out, nullAsDefault);
  }
}

const NULL = Buffer.from('null');
const BEFORE = Buffer.from('{"before":');
const AFTER = Buffer.from(',"after":');
const SOURCE = Buffer.from(',"source":');

function formatOf(column: ColumnDescription, index: number, settings: FormatSettings): ColumnFormat {
  const map = column.map ?? ((value: Data): Data => value);
  const unavailable = map(unavailableOf(column.schema, settings.placeholder));
  const absent = map(column.schema.optional ? null : (column.schema.default ?? zeroOf(column.schema)));
  const json = (data: Data): Buffer => {
    const out = new JsonWriter(64);
    writeJson(column.schema, data, out);
    return Buffer.from(out.view());
  };
  return {
    ...column,
    before: Buffer.from(`${index === 0 ? '' : ','}${JSON.stringify(column.name)}:`),
    absent,
    absentJson: absent === null ? NULL : json(absent),
    defaultJson: json(absent ?? column.schema.default ?? null),
    unavailable,
    unavailableJson: json(unavailable),
  };
}

function structOf(columns: readonly ColumnFormat[], row: Row): Struct {
  const out: Record<string, Data> = Object.create(null) as Record<string, Data>;
  for (const column of columns) {
    const bytes = row.bytes(column.index);
    out[column.name] =
      bytes === null ? column.absent : bytes === UNCHANGED ? column.unavailable : column.type.data(bytes);
  }
  return out;
}

function writeRow(columns: readonly ColumnFormat[], row: Row, nullAsDefault: boolean, out: JsonWriter): void {
  out.raw(OPEN);
  for (const column of columns) {
    out.raw(column.before);
    const bytes = row.bytes(column.index);
    if (bytes === null) out.raw(nullAsDefault ? column.defaultJson : column.absentJson);
    else if (bytes === UNCHANGED) out.raw(column.unavailableJson);
    else column.type.json(bytes, out);
  }
  out.raw(CLOSE);
}

const OPEN = Buffer.from('{');
const CLOSE = Buffer.from('}');

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
