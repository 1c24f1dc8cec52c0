/**
 * The outbox event router: a row of the outbox table becomes an event on the topic of its aggregate type. Behaves as
 * Debezium's `io.debezium.transforms.outbox.EventRouter`
 * (https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html).
 */
import type { Row } from '../change/change.ts';
import type { Header, Message, Payload } from '../change/message.ts';
import { type Column, type Table, columnIndex, tableName } from '../change/table.ts';
import { UNCHANGED } from '../change/value.ts';
import { MillraceError, unreachable } from '../errors.ts';
import type { Log, Metrics } from '../ports.ts';
import { isLegalTopic } from './topic-name.ts';
import type { Stage } from './transform.ts';

export interface OutboxSettings {
  /** Column for the header `id`. */
  readonly idField: string;
  /** Column for the record key; null: no key. */
  readonly keyField: string | null;
  readonly payloadField: string;
  /** Column whose value names the topic before the regex. */
  readonly routeByField: string;
  /** Has to match the whole value; else the topic is the value itself. */
  readonly topicRegex: RegExp;
  /** In JavaScript's replacement syntax. */
  readonly topicReplacement: string;
  /** Columns that become headers. */
  readonly headers: readonly { readonly column: string; readonly name: string }[];
  readonly missingHeaderColumn: 'error' | 'ignore';
  readonly tombstoneOnEmptyPayload: boolean;
  readonly onUpdate: 'warn' | 'error' | 'fatal';
}

export interface OutboxContext {
  readonly log: Log;
  readonly metrics: Metrics;
  /** How the source writes a column as a header; null: as received. */
  readonly headerEncoder?: (column: Column) => HeaderEncoder | null;
  /** Of a table: its rows as events show them, masked; null: no column is masked. */
  readonly masking?: (table: Table) => ((row: Row) => Row) | null;
}

type HeaderEncoder = (bytes: Buffer) => Buffer;

interface HeaderColumn {
  readonly column: number;
  readonly name: string;
  readonly encode: HeaderEncoder | null;
}

/** Column numbers of one version of a table; made once per `Table` object. */
interface Plan {
  readonly table: Table;
  readonly key: number;
  readonly payload: number;
  readonly route: number;
  /** `id` first. */
  readonly headers: readonly HeaderColumn[];
  readonly masking: ((row: Row) => Row) | null;
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const TOPIC_CACHE_SIZE = 10_000;

export interface OutboxRouter {
  /** The stage. What is no row change passes as it is. */
  readonly stage: Stage;
  /** The event of a row, for a chain that has nothing but this router. */
  readonly route: (row: Row, headers: readonly Header[], timestampMs: number) => Message;
}

/**
 * An inserted row becomes its event, other changes none. Throws `data` for a row that cannot be routed and for updates
 * when `onUpdate` is `fatal`.
 */
export function createOutboxRouter(settings: OutboxSettings, context: OutboxContext): OutboxRouter {
  const topics = new TopicCache(settings);
  const { log, metrics } = context;
  let plan: Plan | null = null;

  const route = (received: Row, before: readonly Header[], timestampMs: number): Message => {
    const { table } = received;
    if (plan === null || plan.table !== table) plan = planFor(table, settings, context);
    const row = plan.masking === null ? received : plan.masking(received);
    const payload = payloadOf(row, plan.payload);
    const tombstone = settings.tombstoneOnEmptyPayload && isEmpty(payload);
    const headers: Header[] = before.slice();
    for (const header of plan.headers) headers.push({ name: header.name, value: headerOf(row, header) });
    return {
      topic: topics.topic(row, plan.route),
      key: plan.key < 0 ? null : payloadOf(row, plan.key),
      body: tombstone ? TOMBSTONE : { kind: 'payload', payload },
      headers,
      timestampMs,
    };
  };

  const stage: Stage = (message) => {
    if (message.body.kind === 'tombstone') return null;
    if (message.body.kind !== 'change') return message;
    const { op, after, table } = message.body.event;
    switch (op) {
      case 'c':
      case 'r':
        return after === null ? null : route(after, message.headers, message.timestampMs);
      case 'u':
        if (table !== null) rejectUpdate(table, settings.onUpdate, log);
        metrics.count('skipped_changes', 1);
        return null;
      case 'd': // cleaning the table up is free
      case 't':
      case 'm':
        metrics.count('skipped_changes', 1);
        return null;
      default:
        return unreachable(op);
    }
  };
  return { stage, route };
}

const TOMBSTONE = Object.freeze({ kind: 'tombstone' } as const);

function rejectUpdate(table: Table, behaviour: OutboxSettings['onUpdate'], log: Log): void {
  const message = `an UPDATE of outbox table ${tableName(table)} is no event: events are inserted (table.op.invalid.behavior=${behaviour})`;
  if (behaviour === 'fatal') throw new MillraceError('data', message);
  if (behaviour === 'error') log.error(message, { kind: 'data' });
  else log.warn(message, { kind: 'data' });
}

function planFor(table: Table, settings: OutboxSettings, { headerEncoder, masking }: OutboxContext): Plan {
  const find = (name: string, option: string): number => {
    const index = columnIndex(table, name);
    if (index >= 0) return index;
    const has = table.columns.map((column) => column.name).join(', ');
    throw new MillraceError(
      'data',
      `outbox table ${tableName(table)} has no column "${name}" (${option}); it has: ${has}. Add the column or set the option`,
    );
  };
  const header = (index: number, name: string): HeaderColumn => {
    const column = table.columns[index];
    return { column: index, name, encode: (column && headerEncoder?.(column)) ?? null };
  };
  const headers = [header(find(settings.idField, 'table.field.event.id'), 'id')];
  for (const { column, name } of settings.headers) {
    if (settings.missingHeaderColumn === 'ignore' && columnIndex(table, column) < 0) continue;
    headers.push(header(find(column, 'table.fields.additional.placement'), name));
  }
  return {
    table,
    key: settings.keyField === null ? -1 : find(settings.keyField, 'table.field.event.key'),
    payload: find(settings.payloadField, 'table.field.event.payload'),
    route: find(settings.routeByField, 'route.by.field'),
    headers,
    masking: masking?.(table) ?? null,
  };
}

/** A column's content; text and JSON stay views of what was received. */
function payloadOf(row: Row, column: number): Payload {
  const bytes = row.bytes(column);
  const from = row.table.columns[column] ?? null;
  const form = from?.form ?? 'text';
  if (bytes === null || bytes === UNCHANGED) return { form, bytes: null, column: from };
  if (form === 'binary') {
    const value = row.value(column);
    return { form, bytes: value instanceof Buffer ? value : null, column: from };
  }
  if (form === 'boolean') return { form, bytes: row.value(column) === true ? TRUE : FALSE, column: from };
  return { form, bytes, column: from };
}

function headerOf(row: Row, { column, encode }: HeaderColumn): Buffer | null {
  if (encode === null) return payloadOf(row, column).bytes;
  const bytes = row.bytes(column);
  return bytes === null || bytes === UNCHANGED ? null : encode(bytes);
}

function isEmpty(payload: Payload): boolean {
  const { bytes } = payload;
  if (bytes === null) return true;
  // Java's trim(): everything up to and including the space counts as blank.
  for (const byte of bytes) if (byte > 0x20) return false;
  return true;
}

/** From the routing column's bytes to the topic, without a string or a regex for a value seen before. */
class TopicCache {
  readonly #settings: OutboxSettings;
  readonly #topics = new Map<number, { readonly bytes: Buffer; readonly topic: string }>();

  constructor(settings: OutboxSettings) {
    this.#settings = settings;
  }

  topic(row: Row, column: number): string {
    const { bytes } = payloadOf(row, column);
    if (bytes === null) {
      throw new MillraceError(
        'data',
        `a row of ${tableName(row.table)} has NULL in "${this.#settings.routeByField}" (route.by.field), so it has no topic; make the column NOT NULL`,
      );
    }
    let hash = 0x811c9dc5; // FNV-1a
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
    const known = this.#topics.get(hash);
    if (known !== undefined && known.bytes.equals(bytes)) return known.topic;
    const topic = this.#route(bytes.toString('utf8'), row.table);
    if (this.#topics.size >= TOPIC_CACHE_SIZE) this.#topics.clear();
    this.#topics.set(hash, { bytes: Buffer.from(bytes), topic });
    return topic;
  }

  #route(value: string, table: Table): string {
    const { topicRegex, topicReplacement, routeByField } = this.#settings;
    const match = topicRegex.exec(value);
    const whole = match !== null && match[0].length === value.length;
    const topic = whole ? value.replace(topicRegex, topicReplacement) : value;
    if (isLegalTopic(topic)) return topic;
    throw new MillraceError(
      'data',
      `a value of ${value.length} characters in ${tableName(table)}.${routeByField} makes no legal topic name: ` +
        `expected 1 to 249 of A-Z a-z 0-9 . _ - after route.topic.replacement`,
    );
  }
}
