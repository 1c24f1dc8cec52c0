/** A message as transforms of one's own see it, and back: keys, values and headers are decoded only when asked for. */
import type { Tx } from '../change/fragment.ts';
import type { Change } from '../change/change.ts';
import { misfit } from '../change/conforms.ts';
import type { Header, Message, Payload } from '../change/message.ts';
import { type Data, type Datum, OPTIONAL_STRING, type Schema } from '../change/schema.ts';
import type { Column } from '../change/table.ts';
import type { ColumnType } from '../change/column-type.ts';
import type { ConnectHeader, ConnectRecord, RecordChanges } from '../plugin.ts';

/** How a source's bytes become data. */
export interface Decoding {
  /** null: as its form says. */
  readonly columnType: (column: Column) => ColumnType | null;
  /** Key and value of a row change, the value in Debezium's envelope. */
  readonly changeData: (change: Change, tx: Tx | null) => { readonly key: Datum | null; readonly value: Datum };
}

const NOTHING: Datum = Object.freeze({ schema: null, value: null });

export class RecordView implements ConnectRecord {
  /** As it is, if nothing is changed. */
  readonly message: Message;
  readonly changes: RecordChanges;
  readonly #tx: Tx | null;
  readonly #decoding: Decoding;
  #change: { readonly key: Datum | null; readonly value: Datum } | null = null;
  #key: Datum | null = null;
  #value: Datum | null = null;
  #headers: readonly ConnectHeader[] | null = null;

  constructor(message: Message, tx: Tx | null, decoding: Decoding, changes: RecordChanges = {}) {
    this.message = message;
    this.changes = changes;
    this.#tx = tx;
    this.#decoding = decoding;
  }

  get topic(): string {
    return this.changes.topic ?? this.message.topic;
  }
  get partition(): number | null {
    const { partition = this.message.partition ?? null } = this.changes;
    return partition;
  }
  get timestampMs(): number {
    return this.changes.timestampMs ?? this.message.timestampMs;
  }
  get key(): Data {
    return this.keyDatum().value;
  }
  get keySchema(): Schema | null {
    return this.keyDatum().schema;
  }
  get value(): Data {
    return this.valueDatum().value;
  }
  get valueSchema(): Schema | null {
    return this.valueDatum().schema;
  }
  get headers(): readonly ConnectHeader[] {
    this.#headers ??= this.changes.headers ?? this.message.headers.map(shown);
    return this.#headers;
  }

  with(changes: RecordChanges): ConnectRecord {
    return new RecordView(this.message, this.#tx, this.#decoding, { ...this.changes, ...changes });
  }

  keyDatum(): Datum {
    this.#key ??= merged(this.#messageKey(), this.changes.key, this.changes.keySchema);
    return this.#key;
  }

  valueDatum(): Datum {
    this.#value ??= merged(this.#messageValue(), this.changes.value, this.changes.valueSchema);
    return this.#value;
  }

  #messageKey(): Datum {
    const { key, body } = this.message;
    if (key === null) return body.kind === 'change' ? (this.#ofChange(body.change).key ?? NOTHING) : NOTHING;
    return 'form' in key ? datumOf(key, this.#decoding) : key;
  }

  #messageValue(): Datum {
    const { body } = this.message;
    switch (body.kind) {
      case 'change':
        return this.#ofChange(body.change).value;
      case 'payload':
        return datumOf(body.payload, this.#decoding);
      case 'data':
        return body.datum;
      case 'tombstone':
        return NOTHING;
    }
  }

  #ofChange(change: Change): { readonly key: Datum | null; readonly value: Datum } {
    this.#change ??= this.#decoding.changeData(change, this.#tx);
    return this.#change;
  }
}

function merged(old: Datum, value: Data | undefined, schema: Schema | null | undefined): Datum {
  if (value === undefined && schema === undefined) return old;
  const data = value === undefined ? old.value : value;
  if (schema !== undefined) return { schema, value: data };
  return { schema: old.schema !== null && misfit(old.schema, data, '') === null ? old.schema : null, value: data };
}

/** A column's content as data: by the source's type, or else by its form. */
export function datumOf({ bytes, form, column }: Payload, { columnType }: Decoding): Datum {
  if (bytes === null) return NOTHING;
  const type = column === null || form === 'binary' || form === 'boolean' ? null : columnType(column);
  if (type !== null) return { schema: type.schema, value: type.data(bytes) };
  switch (form) {
    case 'text':
      return { schema: OPTIONAL_STRING, value: bytes.toString('utf8') };
    case 'json':
      return { schema: JSON_TEXT, value: bytes.toString('utf8') };
    case 'boolean':
      return { schema: OPTIONAL_BOOLEAN, value: bytes[0] === 0x74 };
    case 'binary':
      return { schema: OPTIONAL_BYTES, value: bytes };
    case 'number': {
      const text = bytes.toString('latin1');
      return /^-?\d{1,18}$/.test(text)
        ? { schema: OPTIONAL_INT64, value: BigInt(text) }
        : { schema: OPTIONAL_FLOAT64, value: Number(text) };
    }
  }
}

const optional = (type: 'boolean' | 'bytes' | 'int64' | 'float64'): Schema => Object.freeze({ type, optional: true });
const OPTIONAL_BOOLEAN = optional('boolean');
const OPTIONAL_BYTES = optional('bytes');
const OPTIONAL_INT64 = optional('int64');
const OPTIONAL_FLOAT64 = optional('float64');
const JSON_TEXT: Schema = Object.freeze({ type: 'string', optional: true, name: 'io.debezium.data.Json', version: 1 });

function shown({ name, value }: Header): ConnectHeader {
  return { name, value: value === null ? null : value.toString('utf8') };
}
