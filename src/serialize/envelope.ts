/** A row change as data: Debezium's envelope, for transforms that look at values. */
import type { Change, Row } from '../change/change.ts';
import type { ColumnType } from '../change/column-type.ts';
import type { Tx } from '../change/fragment.ts';
import type { Data, Datum, Struct } from '../change/schema.ts';
import type { Column, Table } from '../change/table.ts';
import { UNCHANGED, type Value } from '../change/value.ts';

export interface EnvelopeSettings {
  /** `topic.prefix`. */
  readonly name: string;
  readonly columnType: (column: Column) => ColumnType | null;
  /** What stands for a value that the log does not carry because it has not changed. */
  readonly unavailable: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const OPS = { insert: 'c', update: 'u', delete: 'd', read: 'r', truncate: 't', message: 'm' } as const;

export type ChangeData = (change: Change, tx: Tx | null) => { readonly key: Datum | null; readonly value: Datum };

export function createChangeData(settings: EnvelopeSettings): ChangeData {
  const decoder = new RowDecoder(settings);
  return (change, tx) => {
    const source = {
      name: settings.name,
      ...(change.op === 'message' || change.op === 'truncate'
        ? { schema: '', table: '' }
        : { schema: change.table.schema, table: change.table.name }),
      txId: tx === null ? null : BigInt(tx.id),
      ts_us: tx === null ? null : tx.commitTimeUs,
      lsn: tx === null ? null : tx.commitLsn,
    };
    const facts = { source, op: OPS[change.op], ts_ms: BigInt(settings.now()) };
    switch (change.op) {
      case 'message': {
        const message = { prefix: change.prefix, content: change.content };
        return { key: schemaless({ prefix: change.prefix }), value: { schema: null, value: { ...facts, message } } };
      }
      case 'truncate':
        return { key: null, value: { schema: null, value: { before: null, after: null, ...facts } } };
      case 'insert':
      case 'update':
      case 'delete':
      case 'read': {
        const before = change.before === null ? null : decoder.struct(change.before);
        const after = change.after === null ? null : decoder.struct(change.after);
        const row = change.after ?? change.before;
        const key = row === null ? null : decoder.key(row);
        return {
          key: key === null ? null : schemaless(key),
          value: { schema: null, value: { before, after, ...facts } },
        };
      }
    }
  };
}

const schemaless = (value: Data): Datum => ({ schema: null, value });

class RowDecoder {
  readonly #settings: EnvelopeSettings;
  readonly #types = new WeakMap<Table, readonly (ColumnType | null)[]>();

  constructor(settings: EnvelopeSettings) {
    this.#settings = settings;
  }

  struct(row: Row): Struct {
    const out: Record<string, Data> = Object.create(null) as Record<string, Data>;
    for (const [index, column] of row.table.columns.entries()) out[column.name] = this.#value(row, index);
    return out;
  }

  key(row: Row): Struct | null {
    const out: Record<string, Data> = Object.create(null) as Record<string, Data>;
    let any = false;
    for (const [index, column] of row.table.columns.entries()) {
      if (!column.key) continue;
      any = true;
      out[column.name] = this.#value(row, index);
    }
    return any ? out : null;
  }

  #value(row: Row, index: number): Data {
    const bytes = row.bytes(index);
    if (bytes === null) return null;
    if (bytes === UNCHANGED) return this.#settings.unavailable;
    const type = this.#typesOf(row.table)[index];
    return type ? type.data(bytes) : dataOf(row.value(index));
  }

  #typesOf(table: Table): readonly (ColumnType | null)[] {
    let types = this.#types.get(table);
    if (types === undefined) {
      types = table.columns.map((column) => this.#settings.columnType(column));
      this.#types.set(table, types);
    }
    return types;
  }
}

function dataOf(value: Value): Data {
  return value === UNCHANGED ? null : (value as Data);
}
