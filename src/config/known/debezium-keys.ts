/** Debezium 3.4: the keys that its PostgreSQL and MySQL connectors share. */
import { type Family, fixed, harmless, refused } from './known-key.ts';

const NO_SNAPSHOT = 'there are no snapshots (snapshot.mode is no_data)';
const NO_SIGNAL = 'has no effect unless signal.enabled.channels or signal.data.collection turns signals on';
const NO_HEARTBEAT = 'the position advances without heartbeats, so no heartbeat records are sent';
const ROUTED = 'an outbox event carries no schema and no source block';
const ROUTER_NAMES = 'the outbox router names the topic';

export const DEBEZIUM: Family = {
  title: 'All of its relational connectors',
  about: 'Keys that the PostgreSQL and MySQL connectors share.',
  keys: [
    ...fixed(
      'database.initial.statements',
      [''],
      'no statements',
      'statements at the start of a session could change what values look like. Set them on the role: ALTER ROLE … SET …',
    ),
    ...refused(
      'it is a Java class that makes connections, for passwords that expire for instance',
      'Give database.user and database.password, or ${file:/path} for a password that another process renews',
      'database.connection.factory.class',
    ),
    ...harmless(
      'statements have time limits of their own',
      'connection.validation.timeout.ms',
      'database.query.timeout.ms',
      'executor.shutdown.timeout.ms',
      'query.fetch.size',
    ),
    ...harmless(ROUTED, 'include.schema.comments'),
    ...fixed(
      'converters',
      [''],
      'no converters',
      'custom converters are Java classes and change values. Convert in the row',
    ),
    ...fixed(
      'post.processors',
      [''],
      'no post processors',
      'post processors are Java classes and change values. Prepare the value in the row',
    ),
    ...harmless(ROUTED, 'schema.name.adjustment.mode', 'field.name.adjustment.mode'),
    ...fixed(
      'event.processing.failure.handling.mode',
      ['fail'],
      'what is not understood stops the connector',
      'an event that is skipped is lost. Remove it',
    ),
    ...fixed(
      'extended.headers.enabled',
      ['false'],
      'no __debezium.context.* headers are sent',
      'the __debezium.context.* headers are not sent. Set it to false, or add what consumers need as columns with table.fields.additional.placement',
    ),
    ...harmless('memory is bounded in bytes, by max.queue.size.in.bytes', 'max.queue.size'),
    ...harmless('the log is pushed to us: nothing is polled for', 'poll.interval.ms', 'poll.dispatch.interval.ms'),
    ...harmless(
      NO_HEARTBEAT,
      'heartbeat.interval.ms',
      'heartbeat.action.query',
      'heartbeat.topics.prefix',
      'topic.heartbeat.prefix',
      'topic.heartbeat.name',
    ),
    ...harmless(ROUTER_NAMES, 'topic.naming.strategy', 'topic.cache.size'),
    ...harmless(ROUTED, 'sourceinfo.struct.maker', 'transaction.metadata.factory'),
    ...fixed(
      'table.ignore.builtin',
      ['true'],
      'system tables are not captured',
      'system tables are not in the log. Remove it',
    ),
    ...harmless(
      NO_SNAPSHOT,
      'snapshot.delay.ms',
      'snapshot.fetch.size',
      'snapshot.include.collection.list',
      'snapshot.isolation.mode',
      'snapshot.lock.timeout.ms',
      'snapshot.locking.mode',
      'snapshot.locking.mode.custom.name',
      'snapshot.max.threads',
      'legacy.snapshot.max.threads',
      'snapshot.mode.configuration.based.*',
      'snapshot.mode.custom.name',
      'snapshot.new.tables',
      'snapshot.query.mode',
      'snapshot.query.mode.custom.name',
      'snapshot.select.statement.overrides',
      'snapshot.select.statement.overrides.*',
      'snapshot.tables.order.by.row.count',
      'streaming.delay.ms',
    ),
    ...fixed(
      'signal.data.collection',
      [''],
      'no signals',
      'there are no signals, so a snapshot asked for by one would not come. Remove it',
    ),
    ...fixed(
      'signal.enabled.channels',
      ['', 'source'],
      'no signals: the source channel is off without signal.data.collection',
      'there are no signals, so a snapshot asked for by one would not come. Remove it',
    ),
    ...harmless(
      NO_SIGNAL,
      'signal.file',
      'signal.kafka.*',
      'signal.consumer.*',
      'signal.poll.interval.ms',
      'incremental.snapshot.chunk.size',
      'incremental.snapshot.watermarking.strategy',
      'read.only',
    ),
    ...fixed(
      'notification.enabled.channels',
      { matches: /^(\s*(log|jmx)\s*,)*\s*(log|jmx)?\s*$/, expected: '"log" or "jmx"' },
      'what happens is in the log, and in the metrics',
      'notifications in a topic are not sent. Watch the metrics instead',
    ),
    ...harmless('notifications in a topic are not sent', 'notification.sink.topic.name'),
    ...harmless(
      'metrics are those of /metrics, with the connector as label',
      'custom.metric.tags',
      'statistics.metrics.enabled',
    ),
    ...harmless('no secret is ever logged', 'custom.sanitize.pattern'),
    ...harmless('lineage events are not sent', 'openlineage.*'),
    ...harmless('the captured tables are those that the lists name', 'guardrail.*'),
    ...harmless(
      'there is one ordered reader, which converts while it reads',
      'record.processing.*',
      'task.management.timeout.ms',
    ),
    ...harmless("an inner setting of Debezium's", 'internal.*'),
  ],
};
