/** Heartbeat records, as Debezium's `HeartbeatImpl` (`heartbeat.interval.ms`). */
import type { Message } from '../change/message.ts';
import type { StructSchema } from '../change/schema.ts';

const struct = (name: string, field: string, type: 'string' | 'int64'): StructSchema =>
  Object.freeze({
    type: 'struct',
    optional: false,
    name: `io.debezium.connector.common.${name}`,
    version: 1,
    fields: Object.freeze([Object.freeze({ name: field, schema: Object.freeze({ type, optional: false }) })]),
  });
const KEY = struct('ServerNameKey', 'serverName', 'string');
const VALUE = struct('Heartbeat', 'ts_ms', 'int64');

/** `server`: `topic.prefix`. `nowMs`: milliseconds since 1970. */
export function heartbeatMessage(topic: string, server: string, nowMs: number): Message {
  return {
    topic,
    // As there, also of a topic that several connectors share.
    partition: 0,
    key: { schema: KEY, value: { serverName: server } },
    body: { kind: 'data', datum: { schema: VALUE, value: { ts_ms: BigInt(nowMs) } } },
    headers: [],
    timestampMs: nowMs,
  };
}
