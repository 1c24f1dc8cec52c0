/** Kafka Connect 4.3: what every source connector may be given, beside the producer's settings. */
import { type Family, fixed, harmless, refused } from './known-key.ts';

const WORKER = "it is a setting of Connect's worker";

export const CONNECT: Family = {
  title: 'Kafka Connect',
  about: 'Keys of every source connector, and some of the worker that are often found in its file.',
  keys: [
    ...fixed(
      'exactly.once.support',
      ['required', 'requested'],
      'records and position are always one Kafka transaction',
      'there is no other way. Set it to required, or remove it',
    ),
    ...fixed(
      'transaction.boundary',
      ['poll'],
      'Kafka transactions hold whole source transactions',
      'a Kafka transaction ends where a source transaction ends, not by a clock or by the connector. Remove it',
    ),
    ...harmless('only transaction.boundary=interval reads it', 'transaction.boundary.interval.ms'),
    ...refused(
      "Connect's positions have another format, and readers of one must not meet the other",
      "Name a topic of Millrace alone in offsets.topic (default millrace-offsets); to go on at Debezium's slot, stop it, then set slot.name and slot.adopt=true: what it had not acknowledged comes again",
      'offsets.storage.topic',
    ),
    ...harmless('a log has one order, so there is one task', 'tasks.max.enforce'),
    ...harmless(
      '${env:…} and ${file:…} are read at each start',
      'config.action.reload',
      'config.providers',
      'config.providers.*',
    ),
    ...harmless(
      'there are no plugins to choose a version of',
      'connector.plugin.version',
      'key.converter.plugin.version',
      'value.converter.plugin.version',
      'header.converter.plugin.version',
    ),
    ...fixed(
      'header.converter',
      {
        matches: /^(?:org\.apache\.kafka\.connect\.storage\.)?(?:simpleheader|string)converter$/,
        expected: '"org.apache.kafka.connect.storage.SimpleHeaderConverter" or StringConverter beside it',
      },
      'headers are texts, as SimpleHeaderConverter writes them',
      'headers would have other bytes. Use org.apache.kafka.connect.storage.SimpleHeaderConverter, or remove it',
    ),
    ...fixed(
      'header.converter.schemas.enable',
      ['false'],
      'headers are texts without schemas',
      'headers carry no schemas. Remove it',
    ),
    ...harmless('a setting of header converters that are refused', 'header.converter.*'),
    ...fixed(
      'errors.tolerance',
      ['none'],
      'an event that cannot be converted stops the connector',
      'an event that is skipped is lost. Remove it, and correct the row that stops the connector',
    ),
    ...harmless(
      'a conversion that failed once fails again: nothing is retried',
      'errors.retry.timeout',
      'errors.retry.delay.max.ms',
    ),
    ...harmless(
      'errors are always logged, and values of rows never',
      'errors.log.enable',
      'errors.log.include.messages',
    ),
    ...fixed(
      'topic.creation.groups',
      [''],
      'there is one group, topic.creation.default.*',
      'topics of that group would be created with other settings. There is one group, topic.creation.default.*: create the others beforehand, they are not touched',
    ),
    ...refused(
      'there is one group of created topics, topic.creation.default.*, and it takes all',
      'Create topics with other settings beforehand: they are not touched',
      'topic.creation.*.partitions',
      'topic.creation.*.replication.factor',
      'topic.creation.*.include',
      'topic.creation.*.exclude',
      'topic.creation.*',
    ),
    ...harmless(
      'an option of JsonConverter for schemas, decimals and null defaults, which outbox events do not have',
      'key.converter.schemas.cache.size',
      'value.converter.schemas.cache.size',
      'key.converter.decimal.format',
      'value.converter.decimal.format',
    ),
    ...harmless(
      'the delegate of BinaryDataConverter converts heartbeats and other records that are not sent',
      'key.converter.delegate.converter.type',
      'value.converter.delegate.converter.type',
      'key.converter.delegate.converter.type.*',
      'value.converter.delegate.converter.type.*',
    ),
    ...fixed('key.converter.encoding', ['utf-8', 'utf8'], 'texts are UTF-8', 'texts are UTF-8. Remove it'),
    ...fixed('value.converter.encoding', ['utf-8', 'utf8'], 'texts are UTF-8', 'texts are UTF-8. Remove it'),
    ...refused(
      'it is an option of a converter that is not there',
      'Choose key.converter and value.converter among raw, string, json and bytes; Avro or Protobuf that the service has encoded itself passes through raw',
      'key.converter.*',
      'value.converter.*',
    ),
    ...harmless(
      'records are read and topics created over the same connection settings, kafka.*',
      'consumer.override.*',
      'admin.override.*',
    ),
    ...refused(
      `${WORKER}, which Connect does not read here`,
      'Use kafka.bootstrap.servers',
      'bootstrap.servers',
      'producer.bootstrap.servers',
    ),
    ...harmless(
      `${WORKER}, which Connect does not read in a connector's file either`,
      'acks',
      'group.id',
      'plugin.path',
      'producer.acks',
      'producer.enable.idempotence',
      'exactly.once.source.support',
      'offset.flush.interval.ms',
      'offset.flush.timeout.ms',
      'offset.storage.*',
      'config.storage.*',
      'status.storage.*',
      'behavior.on.null.values',
    ),
  ],
};
