/** Events as data and as JSON, with one format per version of a table. */
import type { Row } from '../change/change.ts';
import type { ChangeEvent, SourceBlock, TableDescription } from '../change/event.ts';
import type { JsonWriter } from '../change/json-writer.ts';
import type { Datum, Schema } from '../change/schema.ts';
import type { Table } from '../change/table.ts';
import { type JsonSettings, MessageFormat, TableFormat } from './event-format.ts';

export interface EventsSettings {
  readonly block: SourceBlock;
  readonly describe: (table: Table) => TableDescription;
  /** What schemas are named after: the topic before any transform. */
  readonly topicOf: (table: Table) => string;
  /** `unavailable.value.placeholder`. */
  readonly placeholder: Buffer;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The formats of all tables; what JSON is made of is asked for with or without the column's default for a null. */
export class Events {
  readonly #settings: EventsSettings;
  readonly #formats = new WeakMap<Table, TableFormat>();
  readonly #message: MessageFormat;

  constructor(settings: EventsSettings) {
    this.#settings = settings;
    this.#message = new MessageFormat(settings);
  }

  key(row: Row): Datum | null {
    return this.#formatOf(row.table).key(row);
  }

  keySchema(row: Row): Schema | null {
    return this.#formatOf(row.table).keySchema;
  }

  keyJson(row: Row, nullAsDefault: boolean, out: JsonWriter): void {
    this.#formatOf(row.table).keyJson(row, nullAsDefault, out);
  }

  value(event: ChangeEvent): Datum {
    return this.#of(event).value(event, this.#settings.now());
  }

  valueSchema(event: ChangeEvent): Schema {
    return this.#of(event).valueSchema;
  }

  valueJson(event: ChangeEvent, nulls: Omit<JsonSettings, 'nowMs'>, out: JsonWriter): void {
    this.#of(event).valueJson(event, { nowMs: this.#settings.now(), ...nulls }, out);
  }

  #of({ table }: ChangeEvent): TableFormat | MessageFormat {
    return table === null ? this.#message : this.#formatOf(table);
  }

  #formatOf(table: Table): TableFormat {
    let format = this.#formats.get(table);
    if (format === undefined) {
      const { describe, topicOf, block, placeholder } = this.#settings;
      format = new TableFormat(describe(table), { name: topicOf(table), block, placeholder });
      this.#formats.set(table, format);
    }
    return format;
  }
}
