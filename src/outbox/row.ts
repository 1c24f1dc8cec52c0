/** An event as a row of the outbox table. */
import { randomUUID } from 'node:crypto';
import { MillraceError } from '../errors.ts';

/** What a service has to say. */
export interface OutboxEvent {
  /** Becomes the header `id`, by which a consumer knows an event again; a random UUID if it is not given. */
  readonly id?: string | undefined;
  /** Chooses the topic. */
  readonly aggregateType: string;
  /** Becomes the record's key: events with the same one stay in order. */
  readonly aggregateId: string;
  readonly type: string;
  /** An object or array is written as JSON; a text and bytes are taken as they are. */
  readonly payload: object | string | Uint8Array | null;
  /** Further columns of the table, by their names in the database. */
  readonly columns?: Readonly<Record<string, ColumnValue>> | undefined;
}
export type ColumnValue = string | number | bigint | boolean | Date | Uint8Array | null;

/** The table, where it is not the one of `sql/postgres/outbox.sql`. Names are taken as they are: case counts. */
export interface OutboxOptions {
  /** By default where the database session looks first. */
  readonly schema?: string | undefined;
  /** `outbox` by default. */
  readonly table?: string | undefined;
  /** Names of columns, where they are not Debezium's: id, aggregatetype, aggregateid, type, payload. */
  readonly columns?: Readonly<Partial<Record<OutboxColumn, string>>> | undefined;
  /** `bytes` for a payload column of type bytea or BLOB: JSON and texts are then sent as UTF-8. */
  readonly payloadAs?: 'text' | 'bytes' | undefined;
  /** `bytes` for an id column of type binary(16): the id, which then has to be a UUID, is sent as its 16 bytes. */
  readonly idAs?: 'text' | 'bytes' | undefined;
}
export type OutboxColumn = 'id' | 'aggregateType' | 'aggregateId' | 'type' | 'payload';

/** Values by column. */
export type Row = Readonly<Record<string, ColumnValue>>;
/** The row of a table with the usual columns; those of `event.columns` are in it, too. */
export interface OutboxRow extends Row {
  readonly id: string;
  readonly aggregatetype: string;
  readonly aggregateid: string;
  readonly type: string;
  readonly payload: string | Buffer | null;
}

const COLUMNS: Readonly<Record<OutboxColumn, string>> = {
  id: 'id',
  aggregateType: 'aggregatetype',
  aggregateId: 'aggregateid',
  type: 'type',
  payload: 'payload',
};

/** For a query builder: the columns and values to insert, in the transaction that makes the event true. */
export function row(event: OutboxEvent): OutboxRow;
export function row(event: OutboxEvent, options: OutboxOptions): Row;
export function row(event: OutboxEvent, options: OutboxOptions = {}): Row {
  const names = { ...COLUMNS, ...options.columns };
  const values: [string, ColumnValue][] = [
    [names.id, idOf(textOf(event.id ?? randomUUID(), 'id'), options.idAs ?? 'text')],
    [names.aggregateType, textOf(event.aggregateType, 'aggregateType')],
    [names.aggregateId, textOf(event.aggregateId, 'aggregateId')],
    [names.type, textOf(event.type, 'type')],
    [names.payload, payloadOf(event.payload, options.payloadAs ?? 'text')],
  ];
  for (const [name, value] of Object.entries(event.columns ?? {})) {
    // An undefined would be sent as NULL by one driver and refused by another.
    if (value === undefined)
      throw new MillraceError('data', `event column "${name}" has no value: expected one, or null`);
    values.push([name, value instanceof Uint8Array ? bufferOf(value) : value]);
  }
  const twice = values.find(([name], index) => values.findIndex(([other]) => other === name) !== index);
  if (twice !== undefined) throw new MillraceError('data', `the column "${twice[0]}" of the outbox is given twice`);
  return Object.fromEntries(values);
}

function textOf(value: unknown, field: string): string {
  if (typeof value === 'string' && value !== '') return value;
  const got = value === '' ? 'an empty one' : value === null ? 'null' : typeof value;
  throw new MillraceError('data', `event ${field}: expected a text, got ${got}`);
}

function idOf(id: string, as: 'text' | 'bytes'): string | Buffer {
  if (as === 'text') return id;
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return Buffer.from(id.replaceAll('-', ''), 'hex');
  throw new MillraceError(
    'data',
    `event id: expected a UUID, to be sent as 16 bytes, got a text of ${id.length} characters`,
  );
}

function payloadOf(payload: unknown, as: 'text' | 'bytes'): string | Buffer | null {
  if (payload === null) return null;
  if (payload instanceof Uint8Array) return bufferOf(payload);
  const text = typeof payload === 'object' ? JSON.stringify(payload) : payload;
  if (typeof text !== 'string') {
    throw new MillraceError('data', `event payload: expected an object, a text, bytes or null, got ${typeof payload}`);
  }
  return as === 'bytes' ? Buffer.from(text) : text;
}

/** Drivers take a Buffer for bytes, and not every Uint8Array. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
