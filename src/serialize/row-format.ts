/** The columns of one version of a table, as data and as JSON straight from the received bytes. */
import type { Row } from '../change/change.ts';
import type { ColumnDescription } from '../change/event.ts';
import { writeJson } from '../change/json-data.ts';
import { JsonWriter } from '../change/json-writer.ts';
import type { Data, Struct } from '../change/schema.ts';
import type { Table } from '../change/table.ts';
import { UNCHANGED } from '../change/value.ts';
import { unavailableOf, zeroOf } from './unavailable.ts';

export interface RowSettings {
  /** `unavailable.value.placeholder`. */
  readonly placeholder: Buffer;
  /** Told of bytes that have no form in the column's type; returns if they become a null, else throws. */
  readonly failed: (table: Table, column: string, error: unknown) => void;
}

/**
 * Thrown when a column that must not be null is: the catalog is ahead of the log (ALTER COLUMN … SET NOT NULL came later),
 * or the value could not be converted. A zero in its place would be a lie; the schema has to allow for it instead.
 */
export class RequiredNull extends Error {
  readonly table: Table;
  readonly column: number;
  constructor(table: Table, column: number) {
    super('a null in a column that must not be null');
    this.table = table;
    this.column = column;
  }
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

const NULL = Buffer.from('null');
const OPEN = 0x7b;
const CLOSE = 0x7d;

export class RowFormat {
  readonly #columns: readonly ColumnFormat[];
  readonly #failed: RowSettings['failed'];

  constructor(columns: readonly ColumnDescription[], { placeholder, failed }: RowSettings) {
    this.#columns = columns.map((column, index) => formatOf(column, index, placeholder));
    this.#failed = failed;
  }

  /** `old`: a row as it was before, of which the log may carry the replica identity alone. Throws `RequiredNull`. */
  struct(row: Row, old: boolean): Struct {
    const out: Record<string, Data> = Object.create(null) as Record<string, Data>;
    for (const column of this.#columns) {
      const bytes = row.bytes(column.index);
      if (bytes === UNCHANGED) out[column.name] = column.unavailable;
      else if (bytes === null) out[column.name] = absent(column, row, old);
      else out[column.name] = this.#data(column, bytes, row);
    }
    return out;
  }

  /** Throws `RequiredNull`, having written a part. */
  json(row: Row, old: boolean, nullAsDefault: boolean, out: JsonWriter): void {
    out.byte(OPEN);
    for (const column of this.#columns) {
      out.raw(column.before);
      const bytes = row.bytes(column.index);
      if (bytes === UNCHANGED) out.raw(column.unavailableJson);
      else if (bytes === null) {
        absent(column, row, old);
        out.raw(nullAsDefault ? column.defaultJson : column.absentJson);
      } else this.#json(column, bytes, row, nullAsDefault, out);
    }
    out.byte(CLOSE);
  }

  #data(column: ColumnFormat, bytes: Buffer, row: Row): Data {
    try {
      return column.type.data(bytes);
    } catch (error) {
      this.#failed(row.table, column.name, error);
      return absent(column, row, false);
    }
  }

  #json(column: ColumnFormat, bytes: Buffer, row: Row, nullAsDefault: boolean, out: JsonWriter): void {
    const { length } = out;
    try {
      column.type.json(bytes, out);
    } catch (error) {
      out.cut(length);
      this.#failed(row.table, column.name, error);
      absent(column, row, false);
      out.raw(nullAsDefault ? column.defaultJson : NULL);
    }
  }
}

/** What stands for a null. In a new row, and in what an old one carries, it is one. */
function absent(column: ColumnFormat, { table }: Row, old: boolean): Data {
  const isNull = !old || table.columns[column.index]?.key === true;
  // A mask stands for a null, too.
  if (isNull && !column.schema.optional && (column.map?.(null) ?? null) === null) {
    throw new RequiredNull(table, column.index);
  }
  return column.absent;
}

function formatOf(column: ColumnDescription, index: number, placeholder: Buffer): ColumnFormat {
  const map = column.map ?? ((value: Data): Data => value);
  const unavailable = map(unavailableOf(column.schema, placeholder));
  const substitute = map(column.schema.optional ? null : (column.schema.default ?? zeroOf(column.schema)));
  const json = (data: Data): Buffer => {
    const out = new JsonWriter(64);
    writeJson(column.schema, data, out);
    return Buffer.from(out.view());
  };
  return {
    ...column,
    before: Buffer.from(`${index === 0 ? '' : ','}${JSON.stringify(column.name)}:`),
    absent: substitute,
    absentJson: substitute === null ? NULL : json(substitute),
    defaultJson: json(substitute ?? column.schema.default ?? null),
    unavailable,
    unavailableJson: json(unavailable),
  };
}
