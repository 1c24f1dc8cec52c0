/** Transforms and predicates of the user's own as stages: what they give is checked, and what they throw gets their name. */
import { kindOf, misfit, schemalessMisfit } from '../change/conforms.ts';
import { writeJson } from '../change/json-data.ts';
import { JsonWriter } from '../change/json-writer.ts';
import type { Body, Header, Message } from '../change/message.ts';
import type { Data, Datum, Schema } from '../change/schema.ts';
import { MillraceError } from '../errors.ts';
import type { ConnectHeader, RecordChanges, RecordPredicate, RecordTransform } from '../plugin.ts';
import type { Metrics } from '../ports.ts';
import type { Predicate } from './predicates.ts';
import { type Decoding, RecordView } from './record.ts';
import { isLegalTopic } from './topic-name.ts';
import type { Stage } from './transform.ts';

/** `name` is the alias with its module, for errors. */
export function userStage(name: string, transform: RecordTransform, decoding: Decoding, metrics: Metrics): Stage {
  return (message) => {
    const record = new RecordView(message, decoding);
    const result: unknown = guarded(name, () => transform.apply(record));
    if (result === null) {
      metrics.count('skipped_changes', 1);
      return null;
    }
    if (result === record) return message;
    if (!(result instanceof RecordView)) {
      const promise = result instanceof Promise;
      if (promise) result.catch(() => {});
      throw wrong(
        name,
        `apply() gave ${promise ? 'a promise' : result === undefined ? 'nothing' : kindOf(result)}: expected the record, what its with() gives, or null to drop it${promise ? '; it has to be synchronous' : ''}`,
      );
    }
    return changed(name, result);
  };
}

export function userPredicate(name: string, predicate: RecordPredicate, decoding: Decoding): Predicate {
  return (message) => {
    const result: unknown = guarded(name, () => predicate.test(new RecordView(message, decoding)));
    if (typeof result === 'boolean') return result;
    if (result instanceof Promise) result.catch(() => {});
    throw wrong(
      name,
      `test() gave ${result instanceof Promise ? 'a promise' : kindOf(result)}: expected true or false`,
    );
  };
}

/** Calls foreign code. Its message may hold row values, so only the kind of error and its place are told. */
export function guarded<T>(name: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    const kind = error instanceof Error ? error.name : `${kindOf(error)} thrown`;
    const place = error instanceof Error ? placeOf(error) : '';
    throw wrong(name, `${kind}${place}. Its message may hold row values and is not shown; context.fail(message) is`);
  }
}

/** What `PluginContext.fail` throws. */
export function failure(name: string, message: string): MillraceError {
  return wrong(name, message);
}

function wrong(name: string, text: string): MillraceError {
  return new MillraceError('data', `${name}: ${text}`);
}

/** The first line of the stack that is in a file: ` at transforms/upper.ts:12:7`. */
function placeOf(error: Error): string {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const match = /(?:file:\/\/)?([^\s()]*?([^\s()/]+)):(\d+):(\d+)\)?$/.exec(frames[0] ?? '');
  return match === null ? '' : ` at ${match[2]}:${match[3]}:${match[4]}`;
}

/** The message that a changed record stands for. Only what was changed is encoded anew. */
function changed(name: string, view: RecordView): Message {
  const { message, changes } = view;
  const partition = changes.partition === undefined ? message.partition : (changes.partition ?? undefined);
  const next: Message = {
    topic: changes.topic === undefined ? message.topic : topicOf(name, changes.topic),
    key: changesKey(changes) ? checked(name, 'key', view.keyDatum()) : message.key,
    body: changesValue(changes) ? bodyOf(checked(name, 'value', view.valueDatum())) : message.body,
    headers: changes.headers === undefined ? message.headers : headersOf(name, changes.headers, message.headers),
    timestampMs: changes.timestampMs === undefined ? message.timestampMs : timestampOf(name, changes.timestampMs),
  };
  if (partition === undefined) return next;
  if (Number.isInteger(partition) && partition >= 0) return { ...next, partition };
  throw wrong(name, `partition: expected a whole number from 0, or null, got ${kindOf(partition)}`);
}

const changesKey = (changes: RecordChanges): boolean => changes.key !== undefined || changes.keySchema !== undefined;
const changesValue = (changes: RecordChanges): boolean =>
  changes.value !== undefined || changes.valueSchema !== undefined;

function bodyOf(datum: Datum): Body {
  return datum.value === null && datum.schema === null ? { kind: 'tombstone' } : { kind: 'data', datum };
}

function checked(name: string, of: 'key' | 'value', { schema, value }: Datum): Datum {
  const problem = schema === null ? schemalessMisfit(value, of) : schemaMisfit(schema, value, of);
  if (problem !== null) throw wrong(name, problem);
  return { schema, value };
}

function schemaMisfit(schema: Schema, value: Data, of: string): string | null {
  return guardedShape(schema) ?? misfit(schema, value, of);
}

const TYPES: readonly string[] = [
  'int8',
  'int16',
  'int32',
  'int64',
  'float32',
  'float64',
  'boolean',
  'string',
  'bytes',
  'array',
  'map',
  'struct',
];

function guardedShape(schema: Schema): string | null {
  return TYPES.includes(schema?.type) ? null : `a schema has no type: expected one of ${TYPES.join(', ')}`;
}

function topicOf(name: string, topic: unknown): string {
  if (typeof topic === 'string' && isLegalTopic(topic)) return topic;
  const got = typeof topic === 'string' ? `a text of ${topic.length} characters` : kindOf(topic);
  throw wrong(name, `topic: expected 1 to 249 of A-Z a-z 0-9 . _ -, got ${got}`);
}

function timestampOf(name: string, timestampMs: unknown): number {
  if (typeof timestampMs === 'number' && Number.isSafeInteger(timestampMs) && timestampMs >= 0) return timestampMs;
  throw wrong(name, `timestampMs: expected whole milliseconds since 1970, got ${kindOf(timestampMs)}`);
}

/** Headers that were not touched keep their bytes. */
function headersOf(name: string, headers: unknown, before: readonly Header[]): readonly Header[] {
  if (!Array.isArray(headers)) throw wrong(name, `headers: expected an array, got ${kindOf(headers)}`);
  return headers.map((header: ConnectHeader | undefined, index) => {
    if (typeof header?.name !== 'string') throw wrong(name, `headers[${index}]: expected {name, value}`);
    const same = before[index];
    if (same !== undefined && same.name === header.name && same.value?.toString('utf8') === header.value) return same;
    const value = header.value ?? null;
    const problem = schemalessMisfit(value, `headers[${index}].value`);
    if (problem !== null) throw wrong(name, problem);
    return { name: header.name, value: headerBytes(value) };
  });
}

/** As Connect's SimpleHeaderConverter: texts as they are, bytes in base64, what is made of others as JSON. */
function headerBytes(value: Data): Buffer | null {
  if (value === null) return null;
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return Buffer.from(Buffer.from(value).toString('base64'));
  if (typeof value !== 'object') return Buffer.from(String(value));
  const json = new JsonWriter(256);
  writeJson(null, value, json);
  return json.view();
}
