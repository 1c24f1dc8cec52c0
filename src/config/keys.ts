/** Every key of a connector, declared once. Names are Debezium's and Kafka Connect's where they have one. */
import { boolean, choice, integer, list, optional, patterns, text } from './field.ts';
import { EVENT_KEYS } from './event-keys.ts';
import { HEARTBEAT_KEYS } from './heartbeat-keys.ts';
import { KAFKA_KEYS, MAX_MS, SHARED_KEYS } from './kafka-keys.ts';

const CONVERTERS = ['raw', 'string', 'json', 'bytes'] as const;
const CONVERTER_CLASSES = {
  'org.apache.kafka.connect.storage.StringConverter': 'string',
  'org.apache.kafka.connect.json.JsonConverter': 'json',
  'org.apache.kafka.connect.converters.ByteArrayConverter': 'bytes',
  'io.debezium.converters.BinaryDataConverter': 'bytes',
  'io.debezium.converters.ByteBufferConverter': 'bytes',
  // Connect takes the simple name of a class as well.
  StringConverter: 'string',
  JsonConverter: 'json',
  ByteArrayConverter: 'bytes',
  BinaryDataConverter: 'bytes',
  ByteBufferConverter: 'bytes',
} as const;
const ENCODED_BY_SERVICE =
  'schema registries are not supported yet; what the service itself has encoded for one passes through raw, byte for byte';
/** In lower case. */
const CONVERTERS_LATER = {
  'io.confluent.connect.avro.avroconverter': ENCODED_BY_SERVICE,
  'io.confluent.connect.protobuf.protobufconverter': ENCODED_BY_SERVICE,
  'io.confluent.connect.json.jsonschemaconverter': ENCODED_BY_SERVICE,
  'io.apicurio.registry.utils.converter.avroconverter': ENCODED_BY_SERVICE,
  'io.apicurio.registry.utils.converter.extjsonconverter': ENCODED_BY_SERVICE,
  'io.debezium.converters.cloudeventsconverter':
    'CloudEvents envelopes are not written; their attributes can be headers: table.fields.additional.placement with id:header:ce_id',
};
const NO_SNAPSHOTS = 'there are no snapshots yet; rows from before the first start are not sent';
const NO_OTHER_DATABASE = 'PostgreSQL is the only database yet; leave this connector with Debezium';

export const KEYS = {
  connectorClass: choice('connector.class', ['postgres'], {
    doc: 'The source database.',
    aliases: { 'io.debezium.connector.postgresql.PostgresConnector': 'postgres', PostgresConnector: 'postgres' },
    refused: {
      mysql: NO_OTHER_DATABASE,
      mysqlconnector: NO_OTHER_DATABASE,
      'io.debezium.connector.mysql.mysqlconnector': NO_OTHER_DATABASE,
      'io.debezium.connector.mariadb.mariadbconnector': NO_OTHER_DATABASE,
      'io.debezium.connector.mongodb.mongodbconnector': NO_OTHER_DATABASE,
      'io.debezium.connector.sqlserver.sqlserverconnector': NO_OTHER_DATABASE,
      'io.debezium.connector.oracle.oracleconnector': NO_OTHER_DATABASE,
    },
  }),
  tasksMax: integer('tasks.max', { min: 1, max: 1 }, { doc: 'One: a log has one order.', default: 1 }),
  hostname: text('database.hostname', {
    example: 'localhost',
    doc: 'Host of the database, or the folder of its Unix socket.',
  }),
  port: integer('database.port', { min: 1, max: 65_535 }, { doc: 'Port of the database.', default: 5432 }),
  user: text('database.user', { example: 'millrace', doc: 'User with LOGIN and REPLICATION.' }),
  password: optional('database.password', { example: '${env:DATABASE_PASSWORD}', doc: 'Its password.', secret: true }),
  dbname: text('database.dbname', { example: 'orders', doc: 'Database to read.' }),
  sslMode: choice('database.sslmode', ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'], {
    doc: 'TLS to the database, as libpq.',
    default: 'prefer',
  }),
  sslRootCert: optional('database.sslrootcert', {
    example: '/etc/millrace/database-ca.pem',
    doc: 'PEM file with the root certificates.',
  }),
  sslCert: optional('database.sslcert', {
    example: '/etc/millrace/client.pem',
    doc: 'PEM file with the client certificate.',
  }),
  sslKey: optional('database.sslkey', { example: '/etc/millrace/client-key.pem', doc: 'PEM file with its key.' }),
  plugin: choice('plugin.name', ['pgoutput'], {
    doc: 'Output plugin of the slot.',
    default: 'pgoutput',
    refused: { decoderbufs: 'pgoutput is in every PostgreSQL since 10; a slot of another plugin cannot be taken over' },
  }),
  slotName: optional('slot.name', {
    example: 'millrace_orders',
    doc: 'Replication slot; by default made from the connector name.',
    shape: { matches: /^[a-z0-9_]{1,63}$/, expected: '1 to 63 of a-z 0-9 _' },
  }),
  slotAdopt: boolean('slot.adopt', { doc: 'Take over an existing slot of unknown origin.', default: false }),
  publicationName: optional('publication.name', {
    example: 'millrace_orders',
    doc: 'Publication; by default made from the connector name.',
    shape: { matches: /^(?!.*\0)[\s\S]{1,63}$/, expected: 'a name of at most 63 characters' },
  }),
  publicationAutocreate: choice('publication.autocreate.mode', ['filtered', 'disabled', 'all_tables', 'no_tables'], {
    doc: 'How a missing publication is created.',
    default: 'filtered',
  }),
  tables: patterns('table.include.list', {
    example: 'public\\.outbox',
    doc: 'Tables to capture: regexes on schema.table.',
    default: [],
  }),
  excludedTables: patterns('table.exclude.list', {
    example: 'public\\.audit_.*',
    doc: 'Tables not to capture: regexes on schema.table. Instead of table.include.list.',
    default: [],
  }),
  schemas: patterns('schema.include.list', {
    example: 'public',
    doc: 'Schemas to capture tables of: regexes; table.include.list narrows them.',
    default: [],
  }),
  excludedSchemas: patterns('schema.exclude.list', {
    example: 'archive',
    doc: 'Schemas not to capture tables of: regexes. Instead of schema.include.list.',
    default: [],
  }),
  topicPrefix: optional('topic.prefix', {
    example: 'shop',
    doc: 'Logical name of the source, before the topics of row changes; by default the name of the connector.',
    shape: { matches: /^[A-Za-z0-9._-]+$/, expected: 'a name of A-Z a-z 0-9 . _ -' },
  }),
  snapshotMode: choice('snapshot.mode', ['no_data'], {
    doc: 'Only no_data: there are no snapshots yet.',
    default: 'no_data',
    aliases: { never: 'no_data' },
    refused: Object.fromEntries(
      ['initial', 'always', 'initial_only', 'when_needed', 'configuration_based', 'custom'].map((mode) => [
        mode,
        NO_SNAPSHOTS,
      ]),
    ),
  }),
  transforms: list('transforms', {
    example: 'outbox',
    doc: 'Aliases of the transforms, in the order in which they are applied. Without any, row changes are sent as Debezium sends them.',
    default: [],
  }),
  predicates: list('predicates', {
    example: 'isOutbox',
    doc: 'Aliases of the predicates that transforms ask.',
    default: [],
  }),
  keyConverter: choice('key.converter', CONVERTERS, {
    doc: 'How keys become bytes; raw: as they are, rows as JSON; or the path of a module in plugin.path.',
    default: 'raw',
    aliases: CONVERTER_CLASSES,
    refused: CONVERTERS_LATER,
    modules: true,
  }),
  valueConverter: choice('value.converter', CONVERTERS, {
    doc: 'How values become bytes; raw: the payload as it is, row changes as JSON; or the path of a module in plugin.path.',
    default: 'raw',
    aliases: CONVERTER_CLASSES,
    refused: CONVERTERS_LATER,
    modules: true,
  }),
  keySchemas: boolean('key.converter.schemas.enable', {
    doc: 'Of JsonConverter: each key carries its schema. With the short name json: false by default.',
    default: true,
  }),
  valueSchemas: boolean('value.converter.schemas.enable', {
    doc: 'Of JsonConverter: each value carries its schema. With the short name json: false by default.',
    default: true,
  }),
  keyNulls: boolean('key.converter.replace.null.with.default', {
    doc: 'Of JsonConverter: a null is written as the default of its column. With the short name json: false by default.',
    default: true,
  }),
  valueNulls: boolean('value.converter.replace.null.with.default', {
    doc: 'Of JsonConverter: a null is written as the default of its column. With the short name json: false by default.',
    default: true,
  }),
  ...EVENT_KEYS,
  ...HEARTBEAT_KEYS,
  maxBatchSize: integer(
    'max.batch.size',
    { min: 1, max: 10_000_000 },
    { doc: 'Records gathered from small transactions for one commit.', default: 8192 },
  ),
  maxQueueBytes: integer(
    'max.queue.size.in.bytes',
    { min: 65_536, max: 2 ** 40 },
    { doc: 'Bytes of records held before reading pauses.', default: 16 * 1024 * 1024 },
  ),
  maxRetries: integer(
    'errors.max.retries',
    { min: -1, max: 1_000_000_000 },
    { doc: 'Restarts without progress before the connector fails; -1: no limit.', default: -1 },
  ),
  retryWaitMs: integer(
    'retriable.restart.connector.wait.ms',
    { min: 0, max: MAX_MS, also: -1 },
    { doc: 'Wait before a restart; -1: from 0.5 s, doubling to 30 s.', default: -1 },
  ),
  stallAlarmMs: integer(
    'stall.alarm.ms',
    { min: 1000, max: MAX_MS, also: -1 },
    { doc: 'Warn when the position stands still for so long although the log goes on; -1: never.', default: 60_000 },
  ),
  ...KAFKA_KEYS,
  ...SHARED_KEYS,
  topicCreation: boolean('topic.creation.enable', { doc: 'Create missing topics.', default: true }),
  topicReplication: integer(
    'topic.creation.default.replication.factor',
    { min: 1, max: 32_767, also: -1 },
    { doc: 'Of created topics; -1: the broker decides.', default: -1 },
  ),
  topicPartitions: integer(
    'topic.creation.default.partitions',
    { min: 1, max: 100_000, also: -1 },
    { doc: 'Of created topics; -1: the broker decides.', default: -1 },
  ),
} as const;
