import { kindOf } from '../change/conforms.ts';
import type { Message, OutRecord, Payload } from '../change/message.ts';
import type { Datum } from '../change/schema.ts';
import { MillraceError } from '../errors.ts';
import { type Converter, dataConverter } from './converter.ts';
import type { Events } from './events.ts';
import { type JsonConverterSettings, jsonConverter } from './json.ts';

/** `raw`: the bytes as they are, and JSON of what is no bytes. The others behave as Connect's converter of that name. */
export type ConverterSettings =
  | { readonly kind: 'raw' | 'string' | 'bytes' }
  | ({ readonly kind: 'json' } & JsonConverterSettings);
export type Serialize = (message: Message) => OutRecord;

/** The last step before Kafka: a message to bytes, with one converter for keys and one for values. */
export function createSerializer(converters: { readonly key: Converter; readonly value: Converter }): Serialize {
  const { key, value } = converters;
  return (message) => {
    const { topic, body, headers, timestampMs, partition } = message;
    const record = {
      topic,
      key: convertedKey(key, message),
      value: convertedValue(value, body, topic),
      headers,
      timestampMs,
    };
    return partition === undefined ? record : { ...record, partition };
  };
}

/** What converters know of the source. */
export interface ConverterContext {
  readonly events: Events;
  /** A column's content as data. */
  readonly datumOf: (payload: Payload) => Datum;
}

/** A converter that is there already. */
export function createConverter(settings: ConverterSettings, { events, datumOf }: ConverterContext): Converter {
  switch (settings.kind) {
    case 'json':
      return jsonConverter(settings, events, datumOf);
    case 'raw': {
      const json = jsonConverter({ schemas: false, nullAsDefault: false, sourceDefaults: true }, events, datumOf);
      return {
        ...json,
        payload: ({ bytes }) => bytes,
        datum: (datum, topic) => plainBytes(datum) ?? json.datum(datum, topic),
      };
    }
    case 'string':
      return dataConverter(events, { payload: stringPayload, datum: textOf });
    case 'bytes':
      return dataConverter(events, { payload: ({ bytes }) => bytes, datum: bytesOf });
  }
}

function convertedKey(converter: Converter, { key, topic }: Message): Buffer | null {
  if (key === null) return null;
  if ('row' in key) return converter.rowKey(key.row, topic);
  return 'form' in key ? converter.payload(key, topic) : converter.datum(key, topic);
}

function convertedValue(converter: Converter, body: Message['body'], topic: string): Buffer | null {
  switch (body.kind) {
    case 'payload':
      return converter.payload(body.payload, topic);
    case 'data':
      return converter.datum(body.datum, topic);
    case 'change':
      return converter.event(body.event, topic);
    case 'tombstone':
      return null;
  }
}

/** Texts and bytes as they are; null: it is something else. */
function plainBytes({ value }: Datum): Buffer | null {
  if (value instanceof Uint8Array) return Buffer.from(value);
  return typeof value === 'string' ? Buffer.from(value) : null;
}

function bytesOf({ value }: Datum): Buffer | null {
  if (value === null || value instanceof Uint8Array) return value === null ? null : Buffer.from(value);
  throw notOf('bytes', value, 'bytes');
}

function stringPayload({ bytes, form }: Payload): Buffer | null {
  if (form !== 'binary') return bytes;
  throw new MillraceError(
    'data',
    'the string converter cannot write a binary column: use "io.debezium.converters.BinaryDataConverter" or leave the converter unset',
  );
}

function textOf({ value }: Datum): Buffer | null {
  if (value === null) return null;
  if (typeof value !== 'object') return Buffer.from(String(value));
  throw notOf('string', value, 'a text, a number, true or false');
}

function notOf(converter: string, value: unknown, expected: string): MillraceError {
  return new MillraceError(
    'data',
    `the ${converter} converter cannot write ${kindOf(value)}: it takes ${expected}. Use the json converter, or make the value so in a transform`,
  );
}
