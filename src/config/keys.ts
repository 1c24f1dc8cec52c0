/** Every key of a connector, declared once. Names are Debezium's and Kafka Connect's where they have one. */
import { boolean, choice, integer, list, optional, patterns, text } from './field.ts';

const MAX_MS = 2_147_483_647;
const CONVERTERS = ['raw', 'string', 'json', 'bytes'] as const;
const CONVERTER_CLASSES = {
  'org.apache.kafka.connect.storage.StringConverter': 'string',
  'org.apache.kafka.connect.json.JsonConverter': 'json',
  'org.apache.kafka.connect.converters.ByteArrayConverter': 'bytes',
  'io.debezium.converters.BinaryDataConverter': 'bytes',
  'io.debezium.converters.ByteBufferConverter': 'bytes',
} as const;

export const KEYS = {
  connectorClass: choice('connector.class', ['postgres'], {
    doc: 'The source database.',
    aliases: { 'io.debezium.connector.postgresql.PostgresConnector': 'postgres' },
  }),
  tasksMax: integer('tasks.max', { min: 1, max: 1 }, { doc: 'One: a log has one order.', default: 1 }),
  hostname: text('database.hostname', { doc: 'Host of the database, or the folder of its Unix socket.' }),
  port: integer('database.port', { min: 1, max: 65_535 }, { doc: 'Port of the database.', default: 5432 }),
  user: text('database.user', { doc: 'User with LOGIN and REPLICATION.' }),
  password: optional('database.password', { doc: 'Its password.', secret: true }),
  dbname: text('database.dbname', { doc: 'Database to read.' }),
  sslMode: choice('database.sslmode', ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'], {
    doc: 'TLS to the database, as libpq.',
    default: 'prefer',
  }),
  sslRootCert: optional('database.sslrootcert', { doc: 'PEM file with the root certificates.' }),
  sslCert: optional('database.sslcert', { doc: 'PEM file with the client certificate.' }),
  sslKey: optional('database.sslkey', { doc: 'PEM file with its key.' }),
  plugin: choice('plugin.name', ['pgoutput'], { doc: 'Output plugin of the slot.', default: 'pgoutput' }),
  slotName: optional('slot.name', { doc: 'Replication slot; by default made from the connector name.' }),
  slotAdopt: boolean('slot.adopt', { doc: 'Take over an existing slot of unknown origin.', default: false }),
  publicationName: optional('publication.name', { doc: 'Publication; by default made from the connector name.' }),
  publicationAutocreate: choice('publication.autocreate.mode', ['filtered', 'disabled', 'all_tables', 'no_tables'], {
    doc: 'How a missing publication is created.',
    default: 'filtered',
  }),
  tables: patterns('table.include.list', { doc: 'Tables to capture: regexes on schema.table.', default: [] }),
  topicPrefix: optional('topic.prefix', { doc: 'Logical name of the source.' }),
  snapshotMode: choice('snapshot.mode', ['no_data'], {
    doc: 'Only no_data: there are no snapshots yet.',
    default: 'no_data',
    aliases: { never: 'no_data' },
  }),
  transforms: list('transforms', { doc: 'Aliases of the transforms.', default: [] }),
  keyConverter: choice('key.converter', CONVERTERS, {
    doc: 'How keys become bytes.',
    default: 'string',
    aliases: CONVERTER_CLASSES,
  }),
  valueConverter: choice('value.converter', CONVERTERS, {
    doc: 'How values become bytes.',
    default: 'raw',
    aliases: CONVERTER_CLASSES,
  }),
  keySchemas: choice('key.converter.schemas.enable', ['false'], {
    doc: 'JSON with schemas comes later.',
    default: 'false',
  }),
  valueSchemas: choice('value.converter.schemas.enable', ['false'], {
    doc: 'JSON with schemas comes later.',
    default: 'false',
  }),
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
  heartbeatMs: integer(
    'heartbeat.interval.ms',
    { min: 0, max: MAX_MS },
    { doc: 'Accepted; idle progress needs no heartbeat.', default: 0 },
  ),
  maxRetries: integer(
    'errors.max.retries',
    { min: -1, max: 1_000_000_000 },
    { doc: 'Restarts without progress before the connector fails; -1: no limit.', default: -1 },
  ),
  bootstrap: list('kafka.bootstrap.servers', { doc: 'Kafka brokers, host:port.' }),
  securityProtocol: choice('kafka.security.protocol', ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'], {
    doc: 'Protocol to the brokers.',
    default: 'PLAINTEXT',
  }),
  saslMechanism: choice('kafka.sasl.mechanism', ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], {
    doc: 'SASL mechanism.',
    default: 'PLAIN',
  }),
  saslUsername: optional('kafka.sasl.username', { doc: 'SASL user.' }),
  saslPassword: optional('kafka.sasl.password', { doc: 'SASL password.', secret: true }),
  sslCa: optional('kafka.ssl.ca.location', { doc: 'PEM file with the CA of the brokers.' }),
  sslCertificate: optional('kafka.ssl.certificate.location', { doc: 'PEM file with the client certificate.' }),
  sslKeyFile: optional('kafka.ssl.key.location', { doc: 'PEM file with its key.' }),
  clientId: text('kafka.client.id', { doc: 'Client id.', default: 'millrace' }),
  transactionalIdPrefix: text('kafka.transactional.id.prefix', {
    doc: 'Before the connector name: two environments may share a cluster.',
    default: 'millrace-',
  }),
  transactionTimeoutMs: integer(
    'kafka.transaction.timeout.ms',
    { min: 1000, max: MAX_MS },
    { doc: 'Longest Kafka transaction.', default: 60_000 },
  ),
  maxRequestBytes: integer(
    'kafka.max.request.size',
    { min: 1024, max: 2 ** 30 },
    { doc: 'Largest record.', default: 1_000_000 },
  ),
  split: choice('transaction.split', ['auto', 'never'], {
    doc: 'What happens to a source transaction that outlasts a Kafka transaction.',
    default: 'auto',
  }),
  offsetsTopic: text('offsets.topic', { doc: 'Topic of the positions.', default: 'millrace-offsets' }),
  topicCreation: boolean('topic.creation.enable', { doc: 'Create missing topics.', default: true }),
  topicReplication: integer(
    'topic.creation.default.replication.factor',
    { min: -1, max: 32_767 },
    { doc: '-1: the broker decides.', default: -1 },
  ),
  topicPartitions: integer(
    'topic.creation.default.partitions',
    { min: -1, max: 100_000 },
    { doc: '-1: the broker decides.', default: -1 },
  ),
} as const;

/** Options of the outbox router, behind `transforms.<alias>.`. */
export const ROUTER_KEYS = {
  type: choice('type', ['outbox'], {
    doc: 'The transform.',
    aliases: { 'io.debezium.transforms.outbox.EventRouter': 'outbox' },
  }),
  id: text('table.field.event.id', { doc: 'Column of the id header.', default: 'id' }),
  key: text('table.field.event.key', { doc: 'Column of the record key.', default: 'aggregateid' }),
  eventType: text('table.field.event.type', { doc: 'Accepted, as in Debezium without effect.', default: 'type' }),
  payload: text('table.field.event.payload', { doc: 'Column of the value.', default: 'payload' }),
  placement: list('table.fields.additional.placement', { doc: 'column:header[:name], …', default: [] }),
  missing: choice('table.field.additional.missing', ['error', 'ignore'], {
    doc: 'A configured column is not there.',
    default: 'error',
  }),
  onUpdate: choice('table.op.invalid.behavior', ['warn', 'error', 'fatal'], {
    doc: 'An UPDATE of the outbox.',
    default: 'warn',
  }),
  routeBy: text('route.by.field', { doc: 'Column that names the topic.', default: 'aggregatetype' }),
  topicRegex: text('route.topic.regex', {
    doc: 'Applied to it; has to match it whole.',
    default: '(?<routedByValue>.*)',
  }),
  topicReplacement: text('route.topic.replacement', {
    doc: 'The topic, with groups as ${name} or $1.',
    default: 'outbox.event.${routedByValue}',
  }),
  tombstone: boolean('route.tombstone.on.empty.payload', { doc: 'An empty payload is a tombstone.', default: false }),
} as const;

/** Options of Debezium's router that would change the data and are not there yet. */
export const ROUTER_LATER = [
  'table.field.event.timestamp',
  'table.field.event.schema.version',
  'table.expand.json.payload',
  'table.json.payload.null.behavior',
  'table.json.payload.empty.array.behavior',
  'tracing.span.context.field',
  'tracing.operation.name',
  'tracing.with.context.field.only',
  'predicate',
  'negate',
] as const; // prettier-ignore
