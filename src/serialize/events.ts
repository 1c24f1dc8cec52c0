/** Events as data and as JSON, with one format per version of a table. */
import type { Row } from '../change/change.ts';
import type { ChangeEvent, ColumnDescription, SourceBlock, TableDescription } from '../change/event.ts';
import type { JsonWriter } from '../change/json-writer.ts';
import { type Datum, type Schema, withOptional } from '../change/schema.ts';
import type { Table } from '../change/table.ts';
import { type JsonSettings, MessageFormat, TableFormat } from './event-format.ts';
import { RequiredNull, type RowSettings } from './row-format.ts';

export interface EventsSettings extends RowSettings {
  readonly block: SourceBlock;
  readonly describe: (table: Table) => TableDescription;
  /** What schemas are named after: the topic before any transform. */
  readonly topicOf: (table: Table) => string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The formats of all tables; what JSON is made of is asked for with or without the column's default for a null. */
export class Events {
  readonly #settings: EventsSettings;
  readonly #formats = new WeakMap<Table, { readonly description: TableDescription; readonly format: TableFormat }>();
  readonly #message: MessageFormat;

  constructor(settings: EventsSettings) {
    this.#settings = settings;
    this.#message = new MessageFormat(settings);
  }

  key(row: Row): Datum | null {
    return this.settled(() => this.#formatOf(row.table).key(row));
  }

  /**
   * Whatever is made of a schema and of JSON of it: made once more, from the beginning, when a row shows that a column can
   * be null after all.
   */
  settled<T>(make: () => T): T {
    for (;;) {
      try {
        return make();
      } catch (error) {
        if (!(error instanceof RequiredNull)) throw error;
        this.#allowNull(error);
      }
    }
  }

  keySchema(row: Row): Schema | null {
    return this.#formatOf(row.table).keySchema;
  }

  /** Inside of `settled`. */
  keyJson(row: Row, nullAsDefault: boolean, out: JsonWriter): void {
    this.#formatOf(row.table).keyJson(row, nullAsDefault, out);
  }

  value(event: ChangeEvent): Datum {
    return this.settled(() => this.#of(event).value(event, this.#settings.now()));
  }

  valueSchema(event: ChangeEvent): Schema {
    return this.#of(event).valueSchema;
  }

  /** Inside of `settled`. */
  valueJson(event: ChangeEvent, nulls: Omit<JsonSettings, 'nowMs'>, out: JsonWriter): void {
    this.#of(event).valueJson(event, { nowMs: this.#settings.now(), ...nulls }, out);
  }

  #of({ table }: ChangeEvent): TableFormat | MessageFormat {
    return table === null ? this.#message : this.#formatOf(table);
  }

  #formatOf(table: Table): TableFormat {
    return this.#formats.get(table)?.format ?? this.#make(table, this.#settings.describe(table));
  }

  #make(table: Table, description: TableDescription): TableFormat {
    const format = new TableFormat(description, { ...this.#settings, name: this.#settings.topicOf(table) });
    this.#formats.set(table, { description, format });
    return format;
  }

  #allowNull({ table, column }: RequiredNull): void {
    const { columns, key } = this.#formats.get(table)?.description ?? this.#settings.describe(table);
    const widened = (each: ColumnDescription): ColumnDescription =>
      each.index === column ? { ...each, schema: withOptional(each.schema, true) } : each;
    this.#make(table, { columns: columns.map(widened), key: key.map(widened) });
  }
}
