/** Transforms that call a topic otherwise: Connect's RegexRouter, Debezium's ByLogicalTableRouter. */
import type { Message } from '../../change/message.ts';
import type { Datum, Field, Schema, Struct, StructSchema } from '../../change/schema.ts';
import { STRING } from '../../change/schema.ts';
import { isLegalTopic } from '../topic-name.ts';
import type { Stage } from '../transform.ts';
import type { Side } from './side.ts';
import {
  emptyStruct,
  factsOf,
  fieldNamed,
  keep,
  perSchema,
  problem,
  put,
  requireStruct,
  structSchema,
  valueIn,
} from './structs.ts';

/** Java's `matches()` and then `replaceFirst`: the first decides on the whole text, the second finds what it replaces. */
export interface Replacement {
  readonly whole: RegExp;
  readonly found: RegExp;
  /** In JavaScript's syntax. */
  readonly text: string;
}

const CACHE_SIZE = 10_000;

/** The text replaced, or null where it does not match. */
function createReplacer({ whole, found, text }: Replacement): (before: string) => string | null {
  const known = new Map<string, string | null>();
  return (before) => {
    let after = known.get(before);
    if (after === undefined) {
      after = whole.test(before) ? before.replace(found, text) : null;
      if (known.size >= CACHE_SIZE) known.clear();
      known.set(before, after);
    }
    return after;
  };
}

/** The message on another topic. Throws `data` for one that Kafka does not take. */
export function routed(message: Message, topic: string): Message {
  if (isLegalTopic(topic)) return { ...message, topic };
  throw problem(
    `the new topic has ${topic.length} characters and is not legal: expected 1 to 249 of A-Z a-z 0-9 . _ -`,
  );
}

/** `org.apache.kafka.connect.transforms.RegexRouter`. */
export function createRegexRouter(replacement: Replacement): Stage {
  const replace = createReplacer(replacement);
  return (message) => {
    const topic = replace(message.topic);
    return topic === null ? message : routed(message, topic);
  };
}

export type NameAdjustment = 'none' | 'avro' | 'avro_unicode';

export interface LogicalTableOptions {
  readonly topic: Replacement;
  /** Whether the key gets a field that tells the tables apart. */
  readonly uniqueKey: boolean;
  readonly keyField: string;
  /** What is in it; null: the topic before. */
  readonly keyReplacement: Replacement | null;
  readonly adjustment: NameAdjustment;
}

/** `io.debezium.transforms.ByLogicalTableRouter`: several tables on one topic, their schemas named after it. */
export function createByLogicalTableRouter(
  sides: { readonly key: Side; readonly value: Side },
  options: LogicalTableOptions,
): Stage {
  const { uniqueKey, keyField } = options;
  const topicOf = createReplacer(options.topic);
  const identify = options.keyReplacement === null ? () => null : createReplacer(options.keyReplacement);
  const named = (topic: string, suffix: string): string => adjusted(`${topic}.${suffix}`, options.adjustment);

  const keySchema = perSchemaAndTopic((schema: StructSchema, topic) =>
    structSchema({ ...factsOf(schema), optional: schema.optional, name: named(topic, 'Key') }, [
      ...schema.fields,
      ...(uniqueKey ? [{ name: keyField, schema: STRING }] : []),
    ]),
  );
  const envelopeSchema = perSchemaAndTopic((schema: StructSchema, topic) => {
    const before = fieldNamed(schema, 'before')?.schema;
    if (before?.type !== 'struct') throw problem('the envelope has no field "before" that is a struct');
    const facts = { ...factsOf(before), optional: before.optional, name: named(topic, 'Value') };
    const row = structSchema(facts, before.fields);
    const fields = schema.fields.map((field): Field => (isRow(field) ? { name: field.name, schema: row } : field));
    return structSchema({ ...factsOf(schema), optional: schema.optional, name: named(topic, 'Envelope') }, fields);
  });

  const keyOf = ({ schema, value }: Datum, before: string, topic: string): Datum => {
    if (schema === null) throw problem('expected a key that is a struct, got one without a schema');
    const struct = requireStruct(schema, value);
    const target = keySchema(struct.schema, topic);
    const out = copied(struct.schema.fields, target.fields, struct.value);
    if (uniqueKey) out[keyField] = identify(before) ?? before;
    return { schema: target, value: out };
  };
  const valueOf = (schema: Schema, value: Struct, topic: string): Datum => {
    const struct = requireStruct(schema, value);
    const target = envelopeSchema(struct.schema, topic);
    const out = emptyStruct();
    for (const [index, field] of struct.schema.fields.entries()) {
      const each = valueIn(struct.value, field, true);
      const to = target.fields[index] ?? field;
      if (isRow(field) && each !== null) {
        const row = requireStruct(field.schema, each);
        const fields = to.schema.type === 'struct' ? to.schema.fields : [];
        out[field.name] = copied(row.schema.fields, fields, row.value);
      } else keep(out, to, each);
    }
    return { schema: target, value: out };
  };

  return (message) => {
    const topic = topicOf(message.topic);
    // An empty topic is no route, as in Debezium.
    if (topic === null || topic === '') return message;
    let next = routed(message, topic);
    const key = sides.key.read(message);
    const { schema, value } = sides.value.read(message);
    const newKey = key.value === null ? { schema: null, value: null } : keyOf(key, message.topic, topic);
    next = sides.key.replace(next, newKey);
    if (value === null || schema === null || !isEnvelope(schema)) return next;
    return sides.value.replace(next, valueOf(schema, value as Struct, topic));
  };
}

const isRow = ({ name }: Field): boolean => name === 'before' || name === 'after';

/** Whether a schema is that of a change event of Debezium's. */
export function isEnvelope(schema: Schema): boolean {
  return schema.name?.endsWith('.Envelope') ?? false;
}

/** A field that the other schema has too, with its value there. */
function copied(fields: readonly Field[], into: readonly Field[], struct: Struct): ReturnType<typeof emptyStruct> {
  const out = emptyStruct();
  for (const field of fields) {
    const to = into.find(({ name }) => name === field.name);
    if (to === undefined) throw problem(`"${field.name}" is not a field of both "before" and "after"`);
    put(out, to, valueIn(struct, field, true));
  }
  return out;
}

function perSchemaAndTopic<T>(
  make: (schema: StructSchema, topic: string) => T,
): (schema: StructSchema, topic: string) => T {
  const made = perSchema<StructSchema, Map<string, T>>(() => new Map());
  return (schema, topic) => {
    const topics = made(schema);
    let result = topics.get(topic);
    if (result === undefined) topics.set(topic, (result = make(schema, topic)));
    return result;
  };
}

/** A name as Avro takes it (`schema.name.adjustment.mode`). */
function adjusted(name: string, mode: NameAdjustment): string {
  if (mode === 'none') return name;
  const unicode = (character: string): string => `_u${hexadecimal(character)}`;
  const underscore = (): string => '_';
  const replace = mode === 'avro' ? underscore : unicode;
  const first = mode === 'avro' ? /^[A-Za-z_]/ : /^[A-Za-z]/;
  const rest = name.slice(1).replaceAll(mode === 'avro' ? /[^A-Za-z0-9_.]/g : /[^A-Za-z0-9.]/g, replace);
  if (first.test(name)) return name.charAt(0) + rest;
  const digit = mode === 'avro' && /^\d/.test(name) ? name.charAt(0) : '';
  return replace(name.charAt(0)) + digit + rest;
}

function hexadecimal(character: string): string {
  const hex = character.charCodeAt(0).toString(16);
  return hex.length <= 2 ? `00${hex}` : hex;
}
