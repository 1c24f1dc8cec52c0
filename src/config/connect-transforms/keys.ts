/**
 * Options of the transforms of Kafka Connect 4.3 and Debezium 3.4 that are here under their own class names, declared
 * once. https://kafka.apache.org/documentation/#connect_transforms
 */
import { boolean, choice, integer, optional, text } from '../field.ts';
import { type CastSpec, readCastSpec, readReferences, readRenames } from './lists.ts';
import { listOf, literal, names, someText } from './option.ts';

const NULLS = boolean('replace.null.with.default', {
  doc: 'Where a field is null and its schema has a default, that takes its place.',
  default: true,
});
const SYNTAX = choice('field.syntax.version', ['V1', 'V2'], {
  doc: 'V2: the field is a path, with dots, and with backticks around names that hold dots.',
  default: 'V1',
});
const NO_RENAMES: ReadonlyMap<string, string> = new Map();
const SUFFIX = 'With ! behind it the field is required, with ? (or nothing) optional.';

const INSERT_FIELD = {
  topic: optional('topic.field', { example: 'topic', doc: `Field that gets the topic. ${SUFFIX}` }),
  partition: optional('partition.field', {
    example: 'partition!',
    doc: `Field that gets the partition, where a transform has set one. ${SUFFIX}`,
  }),
  timestamp: optional('timestamp.field', { example: 'ts', doc: `Field that gets the record's time. ${SUFFIX}` }),
  fixed: optional('static.field', { example: 'origin', doc: `Field that gets "static.value". ${SUFFIX}` }),
  value: { ...literal('static.value', { example: 'eu-1', doc: 'What "static.field" gets.' }), default: null },
  nulls: NULLS,
} as const;
const REPLACE_FIELD = {
  exclude: names('exclude', {
    example: 'ssn,birthday',
    doc: 'Fields to leave out; wins over "include".',
    unique: true,
    default: [],
  }),
  include: names('include', {
    example: 'id,name',
    doc: 'The only fields to keep; empty: all.',
    unique: true,
    default: [],
  }),
  renames: listOf('renames', {
    example: 'id:order_id,ts:created_at',
    doc: 'Pairs of a field and its new name.',
    read: readRenames,
    default: NO_RENAMES,
  }),
  nulls: NULLS,
} as const;
const MASK_FIELD = {
  fields: names('fields', { example: 'ssn,salary', doc: 'Fields to mask.', unique: true }),
  replacement: someText('replacement', {
    example: '000',
    doc: 'What numbers and texts become; without it 0, false and the empty text.',
  }),
  nulls: NULLS,
} as const;
const VALUE_TO_KEY = {
  fields: names('fields', { example: 'tenant,id', doc: 'Fields of the value that become the key.', unique: true }),
  nulls: NULLS,
} as const;
const EXTRACT_FIELD = {
  field: text('field', { example: 'after', doc: 'The field that takes the place of the struct.' }),
  syntax: SYNTAX,
  nulls: NULLS,
} as const;
const HOIST_FIELD = { field: text('field', { example: 'id', doc: 'Name of the one field.' }) } as const;
const FLATTEN = {
  delimiter: { ...literal('delimiter', { example: '_', doc: 'What joins the names.' }), default: '.' },
} as const;
const CAST = {
  spec: listOf<CastSpec>('spec', {
    example: 'id:string,amount:float64',
    doc: 'Pairs of a field and a type, or one type for all of the key or value.',
    read: readCastSpec,
  }),
  nulls: NULLS,
} as const;
const TIMESTAMP_CONVERTER = {
  field: optional('field', { example: 'created_at', doc: 'The field; empty: all of the key or value.' }),
  target: choice('target.type', ['string', 'unix', 'Date', 'Time', 'Timestamp'], { doc: 'The form wanted.' }),
  format: optional('format', {
    example: "yyyy-MM-dd'T'HH:mm:ssX",
    doc: "A pattern of Java's SimpleDateFormat, in UTC: how texts are read and written.",
  }),
  precision: choice('unix.precision', ['seconds', 'milliseconds', 'microseconds', 'nanoseconds'], {
    doc: 'What an int64 counts since 1970.',
    default: 'milliseconds',
  }),
  nulls: NULLS,
} as const;
const HEADER_FROM = {
  fields: names('fields', { example: 'tenant,trace', doc: 'Fields that become headers.', unique: false }),
  headers: names('headers', {
    example: 'tenant,traceparent',
    doc: 'Names of the headers, as many as "fields".',
    unique: false,
  }),
  operation: choice('operation', ['copy', 'move'], { doc: 'Whether the fields stay.' }),
  nulls: NULLS,
} as const;
const SET_SCHEMA_METADATA = {
  name: optional('schema.name', { example: 'shop.Order', doc: 'The new name of the schema.' }),
  version: {
    ...integer(
      'schema.version',
      { min: -2_147_483_648, max: 2_147_483_647 },
      { doc: 'Its new version.', example: '2' },
    ),
    default: null,
  },
  nulls: NULLS,
} as const;

/** For keys and for values: behind the name stands `$Key` or `$Value`. */
export const SIDED = {
  InsertField: INSERT_FIELD,
  ReplaceField: REPLACE_FIELD,
  MaskField: MASK_FIELD,
  ExtractField: EXTRACT_FIELD,
  HoistField: HOIST_FIELD,
  Flatten: FLATTEN,
  Cast: CAST,
  TimestampConverter: TIMESTAMP_CONVERTER,
  HeaderFrom: HEADER_FROM,
  SetSchemaMetadata: SET_SCHEMA_METADATA,
} as const;

/** For whole records. */
export const WHOLE = {
  ExtractNewRecordState: {
    deletes: choice(
      'delete.tombstone.handling.mode',
      ['drop', 'tombstone', 'rewrite', 'rewrite-with-tombstone', 'delete-to-tombstone'],
      { doc: 'What becomes of a delete and of the tombstone behind it.', default: 'tombstone' },
    ),
    fields: literalList('add.fields', 'Fields of the event to add to the row: field, struct.field, field:name.'),
    fieldsPrefix: { ...literal('add.fields.prefix', { example: '__', doc: 'Before their names.' }), default: '__' },
    headers: literalList('add.headers', 'The same as headers.'),
    headersPrefix: { ...literal('add.headers.prefix', { example: '__', doc: 'Before their names.' }), default: '__' },
    routeBy: optional('route.by.field', { example: 'destination', doc: 'Field of the row that names the topic.' }),
    dropHeader: optional('drop.fields.header.name', {
      example: 'dropped',
      doc: 'Header that lists fields to leave out, such as [a,b] with each name in double quotes.',
    }),
    dropFromKey: boolean('drop.fields.from.key', { doc: 'They are left out of the key, too.', default: false }),
    keepCompatible: boolean('drop.fields.keep.schema.compatible', {
      doc: 'Only optional fields are left out.',
      default: true,
    }),
    nulls: NULLS,
  },
  ByLogicalTableRouter: {
    regex: text('topic.regex', {
      example: '(.*)shard\\d+(.*)',
      doc: "Java's regular expression for the whole topic.",
    }),
    replacement: text('topic.replacement', { example: '$1all$2', doc: 'The new topic, with groups as ${name} or $1.' }),
    unique: boolean('key.enforce.uniqueness', {
      doc: 'The key gets a field that says which table it is of.',
      default: true,
    }),
    keyField: text('key.field.name', {
      example: 'table',
      doc: 'Name of that field.',
      default: '__dbz__physicalTableIdentifier',
    }),
    keyRegex: optional('key.field.regex', {
      example: '.*(shard\\d+).*',
      doc: "Java's regular expression for the whole topic before; empty: the field has that topic.",
    }),
    keyReplacement: optional('key.field.replacement', { example: '$1', doc: 'What the field has then.' }),
    adjustment: choice('schema.name.adjustment.mode', ['none', 'avro', 'avro_unicode'], {
      doc: 'Whether the new names of schemas are made so that Avro takes them.',
      default: 'none',
    }),
    cache: integer(
      'logical.table.cache.size',
      { min: 1, max: 2_147_483_647 },
      { doc: 'Accepted without effect.', default: 16 },
    ),
  },
  RegexRouter: {
    regex: text('regex', { example: 'shop\\.public\\.(.*)', doc: "Java's regular expression for the whole topic." }),
    replacement: text('replacement', { example: 'shop.$1', doc: 'The new topic, with groups as ${name} or $1.' }),
  },
  ValueToKey: VALUE_TO_KEY,
  InsertHeader: {
    header: text('header', { example: 'origin', doc: 'Name of the header.' }),
    literal: literal('value.literal', {
      example: 'eu-1',
      doc: 'Its value, read as Connect reads it: 1.0 is the number 1.',
    }),
  },
  DropHeaders: { headers: names('headers', { example: 'id,trace', doc: 'Headers to drop.', unique: true }) },
  Filter: {},
} as const;

function literalList(key: string, doc: string) {
  return listOf(key, { example: 'op,source.ts_ms:ts', doc, read: readReferences, default: [] });
}
