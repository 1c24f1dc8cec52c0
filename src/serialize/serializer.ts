import type { Message, OutRecord, Payload } from '../change/message.ts';
import { MillraceError } from '../errors.ts';

/** `raw`: the bytes as they are. The others behave as Connect's converter of that name, schemas off. */
export type ConverterKind = 'raw' | 'string' | 'json' | 'bytes';
export type Serialize = (message: Message) => OutRecord;
type Convert = (payload: Payload) => Buffer | null;

/** The last step before Kafka: a routed message to bytes, with one converter for keys and one for values. */
export function createSerializer(converters: {
  readonly key: ConverterKind;
  readonly value: ConverterKind;
}): Serialize {
  const convertKey = CONVERTERS[converters.key];
  const convertValue = CONVERTERS[converters.value];
  return (message) => {
    const { topic, key, body, headers, timestampMs, partition } = message;
    if (body.kind === 'change') {
      throw new MillraceError(
        'unsupported',
        `a row change for topic ${topic} is not an outbox event: add the outbox router to "transforms"`,
      );
    }
    const record = {
      topic,
      key: key === null ? null : convertKey(key),
      value: body.kind === 'tombstone' ? null : convertValue(body.payload),
      headers,
      timestampMs,
    };
    return partition === undefined ? record : { ...record, partition };
  };
}

const NULL_JSON = Buffer.from('null');

const CONVERTERS: Readonly<Record<ConverterKind, Convert>> = {
  raw: (payload) => payload.bytes,
  bytes: (payload) => payload.bytes,
  string: (payload) => {
    if (payload.form !== 'binary') return payload.bytes;
    throw new MillraceError(
      'data',
      'the string converter cannot write a binary column: use "io.debezium.converters.BinaryDataConverter" or leave the converter unset',
    );
  },
  json: toJson,
};

/** What JsonConverter with schemas.enable=false writes: JSON columns are strings to it, binary is base64. */
function toJson(payload: Payload): Buffer {
  const { bytes, form } = payload;
  if (bytes === null) return NULL_JSON;
  switch (form) {
    case 'number':
    case 'boolean':
      return bytes;
    case 'binary':
      return Buffer.from(`"${bytes.toString('base64')}"`);
    case 'text':
    case 'json':
      return Buffer.from(JSON.stringify(bytes.toString('utf8')));
  }
}
