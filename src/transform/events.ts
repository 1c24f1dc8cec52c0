/**
 * Changes to events, before any transform: as Debezium's connectors emit them
 * (https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events).
 */
import { isDeepStrictEqual } from 'node:util';
import type { Row, RowChange } from '../change/change.ts';
import type { Change } from '../change/change.ts';
import type { ChangeEvent, ColumnDescription, EventOp, TableDescription } from '../change/event.ts';
import type { Tx } from '../change/fragment.ts';
import type { Body, Header, Message } from '../change/message.ts';
import { type Data, OPTIONAL_STRING } from '../change/schema.ts';
import { type Table, tableName } from '../change/table.ts';
import { UNCHANGED } from '../change/value.ts';
import { MillraceError } from '../errors.ts';
import type { TopicNames } from './topic-name.ts';
import type { TransactionCounter } from './transactions.ts';
import type { Transform } from './transform.ts';

export interface EventSettings {
  /** `tombstones.on.delete`. */
  readonly tombstones: boolean;
  /** `skipped.operations`. */
  readonly skipped: ReadonlySet<EventOp>;
  /** `skip.messages.without.change`. */
  readonly skipUnchanged: boolean;
}

export interface EventContext {
  readonly topics: TopicNames;
  readonly describe: (table: Table) => TableDescription;
  /** The key columns of a row as JSON, for the headers of an update that moves it. */
  readonly keyHeader: (row: Row) => Buffer;
  /** With `provide.transaction.metadata`. */
  readonly transactions: TransactionCounter | null;
  /** With `heartbeat.interval.ms`: the record of this moment. */
  readonly heartbeat: (() => Message) | null;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Pushes the messages of a change, in Debezium's order. */
export type Expand = Transform;

const NONE: readonly Header[] = Object.freeze([]);
const TOMBSTONE: Body = Object.freeze({ kind: 'tombstone' });
const OLD_KEY = '__debezium.oldkey';
const NEW_KEY = '__debezium.newkey';

export function createExpand(settings: EventSettings, context: EventContext): Expand {
  const { topics, describe, keyHeader, transactions, now } = context;
  const { skipped, tombstones, skipUnchanged } = settings;

  const event = (
    op: EventOp,
    change: Change,
    tx: Tx | null,
    rows: { readonly table: Table | null; readonly before: Row | null; readonly after: Row | null },
    headers: readonly Header[],
  ): Message => {
    const { table, before, after } = rows;
    const keyRow = after ?? before;
    const key = table !== null && keyRow !== null && describe(table).key.length > 0 ? { row: keyRow } : null;
    const place =
      transactions === null || tx === null ? null : transactions.next(table === null ? 'message' : tableName(table));
    const made: ChangeEvent = { op, change, tx, table, before, after, place };
    return { topic: topics.of(table), key, body: { kind: 'change', event: made }, headers, timestampMs: now() };
  };

  const deleted = (change: RowChange, tx: Tx | null, before: Row, headers: readonly Header[], out: Message[]): void => {
    refuseUncarriedKey(describe(change.table), before);
    const message = event('d', change, tx, { table: change.table, before, after: null }, headers);
    out.push(message);
    if (tombstones) out.push({ ...message, body: TOMBSTONE });
  };

  const updated = (change: RowChange, tx: Tx | null, after: Row, out: Message[]): void => {
    const { before, table } = change;
    if (before !== null && movesKey(describe(table), before, after)) {
      if (!skipped.has('d')) {
        deleted(change, tx, before, [{ name: NEW_KEY, value: keyHeader(after) }], out);
      }
      if (!skipped.has('c')) {
        const headers = [{ name: OLD_KEY, value: keyHeader(before) }];
        out.push(event('c', change, tx, { table, before: null, after }, headers));
      }
    } else if (!skipped.has('u') && !(skipUnchanged && before !== null && isSame(describe(table), before, after))) {
      out.push(event('u', change, tx, { table, before, after }, NONE));
    }
  };

  const expand = (change: Change, tx: Tx | null, out: Message[]): void => {
    switch (change.op) {
      case 'insert':
        if (!skipped.has('c')) out.push(event('c', change, tx, change, NONE));
        return;
      case 'read':
        if (!skipped.has('r')) out.push(event('r', change, tx, change, NONE));
        return;
      case 'update':
        if (change.after !== null) updated(change, tx, change.after, out);
        return;
      case 'delete':
        if (!skipped.has('d') && change.before !== null) deleted(change, tx, change.before, NONE, out);
        return;
      case 'truncate':
        if (skipped.has('t')) return;
        for (const table of change.tables) out.push(event('t', change, tx, { table, before: null, after: null }, NONE));
        return;
      case 'message': {
        if (skipped.has('m')) return;
        const message = event('m', change, tx, { table: null, before: null, after: null }, NONE);
        const key = { schema: MESSAGE_KEY, value: { prefix: change.prefix } };
        out.push({ ...message, key });
      }
    }
  };
  return withMore(expand, context);
}

/** The records that no change has made. */
function withMore(expand: Expand, { transactions, heartbeat }: EventContext): Expand {
  return Object.assign(expand, {
    ...(transactions !== null && boundaries(expand, transactions)),
    ...(heartbeat !== null && { beat: (out: Message[]): void => void out.push(heartbeat()) }),
  });
}

/** What is sent at the ends of a transaction; what an earlier run has delivered of it counts. */
function boundaries(expand: Expand, transactions: TransactionCounter): Pick<Transform, 'begin' | 'end' | 'delivered'> {
  const nobody: Message[] = [];
  return {
    begin: (tx, out) => {
      transactions.reset();
      out.push(transactions.begin(tx));
    },
    end: (tx, out) => {
      out.push(transactions.end(tx));
      transactions.reset();
    },
    delivered: (change, tx) => {
      expand(change, tx, nobody);
      nobody.length = 0;
    },
  };
}

/** The key of a logical message. */
const MESSAGE_KEY = Object.freeze({
  type: 'struct',
  optional: false,
  name: 'io.debezium.connector.postgresql.MessageKey',
  version: 1,
  fields: Object.freeze([Object.freeze({ name: 'prefix', schema: OPTIONAL_STRING })]),
} as const);

/** Whether an update gives a row another key. An old row that does not carry a column says nothing of it. */
function movesKey({ key }: TableDescription, before: Row, after: Row): boolean {
  return key.some(({ index }) => carries(before, index) && !sameBytes(before.bytes(index), after.bytes(index)));
}

/** Whether no column that events carry has changed; only an old row that is whole can tell. */
function isSame({ columns }: TableDescription, before: Row, after: Row): boolean {
  return columns.every((column) => {
    if (!carries(before, column.index)) return false;
    const one = before.bytes(column.index);
    const other = after.bytes(column.index);
    if (sameBytes(one, other)) return true;
    // Of what is masked, what events show counts.
    return column.map !== undefined && isDeepStrictEqual(shownOf(column, one), shownOf(column, other));
  });
}

function shownOf({ type, map }: ColumnDescription, bytes: ReturnType<Row['bytes']>): Data | undefined {
  return bytes === null ? map?.(null) : bytes === UNCHANGED ? undefined : type.data(bytes);
}

/** Whether old rows have the column: else they read as if it were null. */
function carries({ table }: Row, column: number): boolean {
  return table.columns[column]?.key === true;
}

/** A delete under a key that is made of nothing would reach another row. */
function refuseUncarriedKey({ key }: TableDescription, before: Row): void {
  const missing = key.find(({ index }) => !carries(before, index));
  if (missing === undefined) return;
  const table = tableName(before.table);
  throw new MillraceError(
    'data',
    `a deleted row of ${table} does not carry column ${missing.name} of its key ("message.key.columns"): the log has the replica identity alone. ` +
      `Give the table its rows whole (ALTER TABLE ${table} REPLICA IDENTITY FULL) before it is captured under this key; ` +
      'for what is in the log already take the table out of "message.key.columns", or add d to "skipped.operations"',
  );
}

function sameBytes(one: ReturnType<Row['bytes']>, other: ReturnType<Row['bytes']>): boolean {
  if (one === UNCHANGED || other === UNCHANGED || one === other) return true;
  return one !== null && other !== null && one.equals(other);
}
