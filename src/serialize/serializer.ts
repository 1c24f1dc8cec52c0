import { kindOf } from '../change/conforms.ts';
import { writeJson } from '../change/json-data.ts';
import { JsonWriter } from '../change/json-writer.ts';
import type { Message, OutRecord, Payload } from '../change/message.ts';
import { type Datum, OPTIONAL_STRING } from '../change/schema.ts';
import { MillraceError } from '../errors.ts';

/** How one side of a record becomes bytes. */
export interface Converter {
  /** A column's content, which is bytes already. */
  payload(payload: Payload, topic: string): Buffer | null;
  /** What a transform has made. */
  datum(datum: Datum, topic: string): Buffer | null;
}

/** `raw`: the bytes as they are. The others behave as Connect's converter of that name, schemas off. */
export type ConverterKind = 'raw' | 'string' | 'json' | 'bytes';
export type Serialize = (message: Message) => OutRecord;

/** The last step before Kafka: a message to bytes, with one converter for keys and one for values. */
export function createSerializer(converters: {
  readonly key: ConverterKind | Converter;
  readonly value: ConverterKind | Converter;
}): Serialize {
  const key = converterOf(converters.key);
  const value = converterOf(converters.value);
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

function convertedKey(converter: Converter, { key, topic }: Message): Buffer | null {
  if (key === null) return null;
  return 'form' in key ? converter.payload(key, topic) : converter.datum(key, topic);
}

function convertedValue(converter: Converter, body: Message['body'], topic: string): Buffer | null {
  switch (body.kind) {
    case 'payload':
      return converter.payload(body.payload, topic);
    case 'data':
      return converter.datum(body.datum, topic);
    case 'tombstone':
      return null;
    case 'change':
      throw new MillraceError(
        'unsupported',
        `a row change for topic ${topic} is not an outbox event: no outbox router among "transforms" takes it (look at its predicate), and row changes as such are not sent yet`,
      );
  }
}

function converterOf(converter: ConverterKind | Converter): Converter {
  return typeof converter === 'string' ? CONVERTERS[converter] : converter;
}

const NULL_JSON = Buffer.from('null');
const scratch = new JsonWriter();

const CONVERTERS: Readonly<Record<ConverterKind, Converter>> = {
  raw: { payload: ({ bytes }) => bytes, datum: rawOf },
  bytes: {
    payload: ({ bytes }) => bytes,
    datum: ({ value }) => {
      if (value === null || value instanceof Uint8Array) return value === null ? null : Buffer.from(value);
      throw notOf('bytes', value, 'bytes');
    },
  },
  string: { payload: stringPayload, datum: textOf },
  json: { payload: jsonPayload, datum: jsonOf },
};

/** Texts and bytes as they are, everything else as JSON. */
function rawOf(datum: Datum): Buffer | null {
  const { value } = datum;
  if (value === null) return null;
  if (value instanceof Uint8Array) return Buffer.from(value);
  return typeof value === 'string' ? Buffer.from(value) : jsonOf(datum);
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

function notOf(converter: ConverterKind, value: unknown, expected: string): MillraceError {
  return new MillraceError(
    'data',
    `the ${converter} converter cannot write ${kindOf(value)}: it takes ${expected}. Use the json converter, or make the value so in a transform`,
  );
}

/** What JsonConverter with schemas.enable=false writes: JSON columns are strings to it, binary is base64. */
function jsonPayload(payload: Payload): Buffer {
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
      return jsonOf({ schema: OPTIONAL_STRING, value: bytes.toString('utf8') }) ?? NULL_JSON;
  }
}

function jsonOf({ schema, value }: Datum): Buffer | null {
  if (schema === null && value === null) return null;
  scratch.reset();
  writeJson(schema, value, scratch);
  return Buffer.from(scratch.view());
}
