/** A row as its events show it, for transforms that read columns rather than events. */
import assert from 'node:assert/strict';
import type { Row } from '../change/change.ts';
import type { ColumnDescription, TableDescription } from '../change/event.ts';
import type { Table } from '../change/table.ts';
import { UNCHANGED, type Unchanged, type Value } from '../change/value.ts';

/** null: no column of the table is masked or cut. */
export function maskingOf({ mapped }: TableDescription): ((row: Row) => Row) | null {
  return mapped === undefined ? null : (row) => new MaskedRow(row, mapped);
}

class MaskedRow implements Row {
  readonly table: Table;
  readonly #row: Row;
  readonly #mapped: readonly ColumnDescription[];

  constructor(row: Row, mapped: readonly ColumnDescription[]) {
    this.table = row.table;
    this.#row = row;
    this.#mapped = mapped;
  }

  bytes(column: number): Buffer | null | Unchanged {
    const shown = this.#shown(column);
    if (shown === undefined) return this.#row.bytes(column);
    if (shown === null) return null;
    // Binary data is received in hexadecimal digits.
    if (shown instanceof Uint8Array) return Buffer.from(`\\x${shown.toString('hex')}`);
    return Buffer.from(shown);
  }

  value(column: number): Value {
    const shown = this.#shown(column);
    if (shown === undefined) return this.#row.value(column);
    return shown;
  }

  /** undefined: as received. Texts and binary data are all that masks make. */
  #shown(column: number): string | Buffer | null | undefined {
    const mapped = this.#mapped.find(({ index }) => index === column);
    if (mapped === undefined) return undefined;
    const bytes = this.#row.bytes(column);
    if (bytes === UNCHANGED) return undefined;
    const data = bytes === null ? (mapped.map?.(null) ?? null) : mapped.type.data(bytes);
    assert(data === null || typeof data === 'string' || data instanceof Uint8Array);
    return data instanceof Uint8Array ? Buffer.from(data) : data;
  }
}
