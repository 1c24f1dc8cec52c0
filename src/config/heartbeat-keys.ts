/** Keys of heartbeats, declared once. Names and defaults are Debezium's where it has them. */
import { integer, optional, text } from './field.ts';
import { MAX_MS } from './kafka-keys.ts';

const TOPIC = { matches: /^[A-Za-z0-9._-]{1,200}$/, expected: 'a name of A-Z a-z 0-9 . _ -' };

export const HEARTBEAT_KEYS = {
  heartbeatMs: integer(
    'heartbeat.interval.ms',
    { min: 0, max: MAX_MS },
    { doc: 'A heartbeat record so often; 0: none. The position advances without them.', default: 0 },
  ),
  heartbeatPrefix: text('topic.heartbeat.prefix', {
    example: '__debezium-heartbeat',
    doc: 'Topic of heartbeat records, before topic.prefix.',
    default: '__debezium-heartbeat',
    shape: TOPIC,
  }),
  heartbeatTopic: optional('topic.heartbeat.name', {
    example: 'heartbeats',
    doc: 'The whole name of that topic, instead.',
    shape: TOPIC,
  }),
  heartbeatQuery: optional('heartbeat.action.query', {
    example: 'UPDATE heartbeat SET at = now()',
    doc: 'Statement that the working instance executes with every heartbeat; what fails is a warning.',
  }),
  heartbeatMessage: optional('heartbeat.message.prefix', {
    example: 'millrace-heartbeat',
    doc: 'With every heartbeat a logical message of this prefix goes into the log, which needs no table; it becomes no event.',
  }),
} as const;
