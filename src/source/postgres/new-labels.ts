/**
 * ALTER TYPE … ADD VALUE is not told by the log: the first that is seen of a new label of an enum is a row that has it.
 * From that row on the table is a version of its own, whose schema allows for the label.
 */
import type { RowChange, Row } from '../../change/change.ts';
import type { ColumnType } from '../../change/column-type.ts';
import type { Data } from '../../change/schema.ts';
import type { Table } from '../../change/table.ts';
import { UNCHANGED } from '../../change/value.ts';
import { enumLabels } from './types/text.ts';

interface Watched {
  readonly index: number;
  readonly typeId: number;
  readonly type: ColumnType;
  readonly labels: ReadonlySet<string>;
}

export class NewLabels {
  readonly #watched = new WeakMap<Table, readonly Watched[]>();
  /** By table, what the catalog was read for: a label that it lacks even so has been renamed since, and is not asked for again. */
  readonly #asked = new Set<string>();
  #table: Table | null = null;
  #columns: readonly Watched[] = [];

  /** From now on rows of this version are looked at, if it has columns of enums or of arrays of them. */
  watch(table: Table, types: readonly (ColumnType | null)[]): void {
    const watched = types.flatMap((type, index): Watched[] => {
      const labels = type === null ? null : enumLabels(type);
      if (type === null || labels === null) return [];
      return [{ index, typeId: table.columns[index]?.typeId ?? 0, type, labels }];
    });
    if (watched.length > 0) this.#watched.set(table, watched);
    this.#table = null;
  }

  /** Whether a row has a label that the catalog did not have when the table was described; true once per label and table. */
  isIn({ table, before, after }: RowChange): boolean {
    if (table !== this.#table) {
      this.#table = table;
      this.#columns = this.#watched.get(table) ?? [];
    }
    if (this.#columns.length === 0) return false;
    // All are looked at, so that several new ones are one new version.
    const inBefore = before !== null && this.#isInRow(before);
    const inAfter = after !== null && this.#isInRow(after);
    return inBefore || inAfter;
  }

  #isInRow(row: Row): boolean {
    let found = false;
    for (const column of this.#columns) {
      const bytes = row.bytes(column.index);
      if (bytes === null || bytes === UNCHANGED) continue;
      const data = dataOf(column.type, bytes);
      if (Array.isArray(data)) for (const each of data) found = this.#isNew(each, column, row.table) || found;
      else found = this.#isNew(data, column, row.table) || found;
    }
    return found;
  }

  #isNew(label: Data, { typeId, labels }: Watched, table: Table): boolean {
    if (typeof label !== 'string' || labels.has(label)) return false;
    const name = `${table.id} ${typeId} ${label}`;
    if (this.#asked.has(name)) return false;
    this.#asked.add(name);
    return true;
  }
}

/** Null where the bytes are not of the type: whoever makes the event says so, as of any value. */
function dataOf(type: ColumnType, bytes: Buffer): Data {
  try {
    return type.data(bytes);
  } catch {
    return null;
  }
}
