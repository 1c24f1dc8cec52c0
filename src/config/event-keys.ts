/** Keys that say what change events look like, declared once. Names and defaults are Debezium's. */
import { boolean, choice, integer, list, optional, patterns, text } from './field.ts';

const OPERATIONS = /^(?:c|u|d|t|r|m|none)$/;

export const EVENT_KEYS = {
  topicDelimiter: choice('topic.delimiter', ['.', '_', '-'], {
    doc: 'Between prefix, schema and table in a topic.',
    default: '.',
  }),
  transactionMetadata: boolean('provide.transaction.metadata', {
    doc: 'A record where a transaction begins and one where it ends, and in each event its place in the transaction.',
    default: false,
  }),
  transactionTopic: text('topic.transaction', {
    example: 'transaction',
    doc: 'Topic of those records, behind the prefix.',
    default: 'transaction',
    shape: { matches: /^[A-Za-z0-9._-]{1,200}$/, expected: 'a name of A-Z a-z 0-9 . _ -' },
  }),
  tombstones: boolean('tombstones.on.delete', { doc: 'A delete is followed by a tombstone.', default: true }),
  skipped: list('skipped.operations', {
    example: 't',
    doc: 'Operations that make no event: c, u, d, t and m (logical messages), or none.',
    default: ['t'],
    shape: { matches: OPERATIONS, expected: 'a list of c, u, d, t and m, or none' },
  }),
  skipUnchanged: boolean('skip.messages.without.change', {
    doc: 'An update that changes no column that is captured makes no event; needs REPLICA IDENTITY FULL.',
    default: false,
  }),
  includedColumns: patterns('column.include.list', {
    example: 'public\\.orders\\.(id|state)',
    doc: 'Columns that events carry: regexes on schema.table.column.',
    default: [],
  }),
  excludedColumns: patterns('column.exclude.list', {
    example: 'public\\.customers\\.password',
    doc: 'Columns that events do not carry: regexes on schema.table.column. Instead of column.include.list.',
    default: [],
  }),
  includedMessages: patterns('message.prefix.include.list', {
    example: 'orders\\..*',
    doc: 'Logical messages that become events: regexes on their prefix.',
    default: [],
  }),
  excludedMessages: patterns('message.prefix.exclude.list', {
    example: 'internal\\..*',
    doc: 'Logical messages that become no events: regexes on their prefix. Instead of message.prefix.include.list.',
    default: [],
  }),
  keyColumns: optional('message.key.columns', {
    example: 'public.orders:customer,id;public.audit:at',
    doc: 'Keys of other columns than the primary key: regex of schema.table, a colon, columns; semicolons between tables. Needs REPLICA IDENTITY FULL for updates and deletes.',
  }),
  convertingFailure: choice('event.converting.failure.handling.mode', ['fail', 'warn', 'skip'], {
    doc: 'A value that its type in events cannot hold, such as NaN in a precise numeric: stop, or send null, with a warning or without. A key always stops.',
    default: 'warn',
  }),
  sourceTypes: patterns('column.propagate.source.type', {
    example: 'public\\.orders\\..*',
    doc: 'Columns whose schema says their type, length and scale (__debezium.source.column.*): regexes on schema.table.column.',
    default: [],
  }),
  sourceTypesOf: patterns('datatype.propagate.source.type', {
    example: '.*\\.(numeric|varchar)',
    doc: 'The same of all columns of a type: regexes on schema.table.type.',
    default: [],
  }),
  replicaIdentities: optional('replica.identity.autoset.values', {
    example: 'public\\.orders:FULL,public\\.items:INDEX items_code_key',
    doc: 'Sets the replica identity of captured tables at the start: regex of schema.table, a colon, DEFAULT, FULL, NOTHING or INDEX and its name; commas between them. The role has to own the tables.',
  }),
  decimal: choice('decimal.handling.mode', ['precise', 'double', 'string'], {
    doc: 'What numeric columns are.',
    default: 'precise',
  }),
  time: choice(
    'time.precision.mode',
    ['adaptive', 'adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds'],
    {
      doc: 'What dates and times are.',
      default: 'adaptive',
      refused: { structured: 'it is of a later Debezium than the 3.4 that formats follow' },
    },
  ),
  interval: choice('interval.handling.mode', ['numeric', 'string'], {
    doc: 'What intervals are.',
    default: 'numeric',
  }),
  binary: choice('binary.handling.mode', ['bytes', 'base64', 'base64-url-safe', 'hex'], {
    doc: 'What bytea columns are.',
    default: 'bytes',
  }),
  hstore: choice('hstore.handling.mode', ['json', 'map'], { doc: 'What hstore columns are.', default: 'json' }),
  moneyDigits: integer(
    'money.fraction.digits',
    { min: 0, max: 18 },
    { doc: 'Digits behind the point of money columns.', default: 2 },
  ),
  unknownTypes: boolean('include.unknown.datatypes', {
    doc: 'Columns of types that Debezium has no form for are there, as bytes.',
    default: false,
  }),
  placeholder: text('unavailable.value.placeholder', {
    example: '__debezium_unavailable_value',
    doc: 'Stands for a large value that has not changed and that the log does not carry; hex: before bytes.',
    default: '__debezium_unavailable_value',
    shape: {
      matches: /^(?!hex:)[\s\S]+$|^hex:(?:[0-9a-fA-F]{2})+$/,
      expected: 'a text, or hex: and pairs of hexadecimal digits',
    },
  }),
} as const;
