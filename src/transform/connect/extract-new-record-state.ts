/**
 * `io.debezium.transforms.ExtractNewRecordState`: of a change event what is left is the row as it is now.
 * https://debezium.io/documentation/reference/stable/transformations/event-flattening.html
 */
import { fieldOf } from '../../change/conforms.ts';
import type { Header, Message } from '../../change/message.ts';
import type { Data, Datum, Field, Schema, Struct, StructSchema } from '../../change/schema.ts';
import type { Stage } from '../transform.ts';
import { createFieldReplacement, createInsertion, extracted } from './fields.ts';
import { headerBytes } from './header-text.ts';
import { literalText, readLiteral } from './literal.ts';
import { isEnvelope, routed } from './routers.ts';
import type { Side } from './side.ts';
import { emptyStruct, factsOf, fieldNamed, perSchema, problem, put, requireStruct, structSchema } from './structs.ts';

/** A field of the envelope that is added to the row, or as a header. */
export interface Reference {
  /** The struct that holds it; null: the envelope itself. */
  readonly struct: string | null;
  readonly field: string;
  readonly name: string;
}

export interface ExtractNewRecordStateOptions {
  readonly deletes: 'drop' | 'tombstone' | 'rewrite' | 'rewrite-with-tombstone' | 'delete-to-tombstone';
  readonly fields: readonly Reference[];
  readonly headers: readonly Reference[];
  /** The field whose value is the new topic. */
  readonly routeBy: string | null;
  /** The header that lists fields to drop. */
  readonly dropHeader: string | null;
  readonly dropFromKey: boolean;
  /** Drop only fields that are optional. */
  readonly keepCompatible: boolean;
  readonly nullAsDefault: boolean;
}

type Sides = { readonly key: Side; readonly value: Side };
type Envelope = { readonly schema: StructSchema; readonly value: Struct };

export function createExtractNewRecordState(sides: Sides, options: ExtractNewRecordStateOptions): Stage {
  const { deletes, headers, fields } = options;
  const rewrite = deletes === 'rewrite' || deletes === 'rewrite-with-tombstone';
  const mark = (value: string): ReturnType<typeof createInsertion> =>
    createInsertion({
      topic: null,
      partition: null,
      timestamp: null,
      fixed: { name: '__deleted', optional: true, value },
      nullAsDefault: options.nullAsDefault,
    });
  const [removed, updated] = [mark('true'), mark('false')];
  const addFields = createAddition(fields);
  const drop = createDropper(sides, options);

  const ofDelete = (message: Message, envelope: Envelope): Datum | null => {
    switch (deletes) {
      case 'drop':
        return null;
      case 'tombstone':
        // Not Debezium's tombstone: the value is null, but the schema is there (the JDBC sink relies on it).
        return extracted(envelope, { path: ['after'], nullAsDefault: true });
      case 'delete-to-tombstone':
        return { schema: null, value: null };
      case 'rewrite':
      case 'rewrite-with-tombstone':
        return removed(extracted(envelope, { path: ['before'], nullAsDefault: true }), message);
    }
  };

  return (message) => {
    const { schema, value } = sides.value.read(message);
    const withHeaders = (envelope: Envelope | null): Message =>
      headers.length === 0 ? message : { ...message, headers: [...message.headers, ...headersOf(headers, envelope)] };
    if (value === null) return deletes === 'rewrite-with-tombstone' ? withHeaders(null) : null;
    if (schema === null || !isEnvelope(schema)) return message;
    const envelope = requireStruct(schema, value);
    const marked = withHeaders(envelope);
    const after = extracted(envelope, { path: ['after'], nullAsDefault: true });
    if (after.value !== null) {
      const row = rewrite ? updated(after, marked) : after;
      const named = route(marked, rowOf(row), options.routeBy);
      const next = sides.value.replace(named, addFields(rowOf(row), envelope));
      return drop(next);
    }
    const before = extracted(envelope, { path: ['before'], nullAsDefault: true });
    // A truncate has neither.
    if (before.value === null) return null;
    const left = ofDelete(marked, envelope);
    if (left === null) return null;
    const named = route(marked, rowOf(before), options.routeBy);
    const dropped = drop(sides.value.replace(named, left));
    const row = sides.value.read(dropped);
    return row.value === null ? dropped : sides.value.replace(dropped, addFields(rowOf(row), envelope));
  };
}

function rowOf({ schema, value }: Datum): Envelope {
  if (schema === null) throw problem('expected a row that is a struct, got one without a schema');
  return requireStruct(schema, value);
}

function route(message: Message, row: Envelope, routeBy: string | null): Message {
  if (routeBy === null) return message;
  const field = fieldNamed(row.schema, routeBy);
  if (field?.schema.type !== 'string') {
    throw problem(`"${routeBy}" (route.by.field) ${field === undefined ? 'is no field' : 'is no text'} of the row`);
  }
  const topic = fieldOf(row.value, routeBy);
  return typeof topic !== 'string' || topic.trim() === '' ? message : routed(message, topic);
}

/** Where the envelope has the field: in its struct, or else beside that. null: nowhere. */
function fieldOfReference(schema: StructSchema, { struct, field }: Reference): Field | null {
  if (struct === null) return fieldNamed(schema, field) ?? null;
  const parent = fieldNamed(schema, struct)?.schema;
  if (parent === undefined) throw problem(`the event has no "${struct}", which "${field}" is looked for in`);
  if (parent.type !== 'struct') throw problem(`"${struct}" of the event is no struct`);
  return fieldNamed(parent, field) ?? fieldNamed(schema, field) ?? null;
}

function valueOfReference({ schema, value }: Envelope, { struct, field }: Reference): Data {
  if (struct === null) return fieldOf(value, field);
  const parent = fieldNamed(schema, struct)?.schema;
  const inside = fieldOf(value, struct);
  if (parent?.type !== 'struct' || inside === null) return null;
  return fieldNamed(parent, field) === undefined ? fieldOf(value, field) : fieldOf(inside as Struct, field);
}

/** As the copy of Connect's `SchemaUtil`: of a struct or map what is in it is left out. */
function copied(schema: Schema): Schema {
  const facts = { ...factsOf(schema), optional: true };
  if (schema.type === 'struct') return Object.freeze({ type: 'struct', ...facts, fields: [] });
  if (schema.type === 'array') return Object.freeze({ type: 'array', ...facts, items: schema.items });
  if (schema.type !== 'map') return Object.freeze({ type: schema.type, ...facts });
  return Object.freeze({ type: 'map', ...facts, keys: schema.keys, values: schema.values });
}

function headersOf(references: readonly Reference[], envelope: Envelope | null): Header[] {
  return references.flatMap((reference): Header[] => {
    // Of a tombstone only the operation is known.
    if (envelope === null) {
      return reference.field === 'op' ? [{ name: reference.name, value: Buffer.from('d') }] : [];
    }
    const field = fieldOfReference(envelope.schema, reference);
    if (field === null) return [];
    return [{ name: reference.name, value: headerBytes(field.schema, valueOfReference(envelope, reference)) }];
  });
}

/** Adds fields of the envelope to a row. Also without any, the row's schema is no longer optional. */
function createAddition(references: readonly Reference[]): (row: Envelope, envelope: Envelope) => Datum {
  const updated = perSchema((row: StructSchema) =>
    perSchema((envelope: StructSchema): StructSchema => {
      const added = references.flatMap((reference): Field[] => {
        const field = fieldOfReference(envelope, reference);
        return field === null ? [] : [{ name: reference.name, schema: copied(field.schema) }];
      });
      return structSchema(factsOf(row), [...row.fields, ...added]);
    }),
  );
  return (row, envelope) => {
    const schema = updated(row.schema)(envelope.schema);
    const out = emptyStruct();
    for (const field of row.schema.fields) put(out, field, fieldOf(row.value, field.name));
    for (const reference of references) {
      const field = fieldNamed(schema, reference.name);
      if (field === undefined || fieldOfReference(envelope.schema, reference) === null) continue;
      const value = valueOfReference(envelope, reference);
      if (value !== null && field.schema.type === 'map')
        throw problem(`"${reference.field}" is a map: it cannot be added`);
      put(out, field, value);
    }
    return { schema, value: out };
  };
}

/** Drops the fields that a header lists. */
function createDropper(
  sides: Sides,
  { dropHeader, dropFromKey, keepCompatible }: ExtractNewRecordStateOptions,
): (message: Message) => Message {
  // Made once for the same names, so that the schemas behind it stay the same, too.
  const known = new Map<string, (datum: Datum) => Datum>();
  const without = (datum: Datum, names: readonly string[]): Datum => {
    const id = JSON.stringify(names);
    let replace = known.get(id);
    if (replace === undefined) {
      replace = createFieldReplacement({ exclude: names, include: [], renames: new Map(), nullAsDefault: true });
      if (known.size >= 1000) known.clear();
      known.set(id, replace);
    }
    return replace(datum);
  };
  const droppable = ({ schema }: Datum, names: readonly string[]): readonly string[] => {
    if (!keepCompatible) return names;
    if (schema === null) throw problem('fields are to be dropped of what has no schema');
    if (schema.type !== 'struct') throw problem(`fields are to be dropped of a ${schema.type}`);
    return schema.fields.filter((field) => field.schema.optional && names.includes(field.name)).map(({ name }) => name);
  };
  return (message) => {
    if (dropHeader === null) return message;
    const names = namesIn(message, dropHeader);
    if (names.length === 0) return message;
    let next = message;
    for (const side of dropFromKey ? [sides.key, sides.value] : [sides.value]) {
      const datum = side.read(next);
      if (side.of === 'key' && datum.value === null) continue;
      const some = droppable(datum, names);
      if (some.length > 0 && datum.value !== null) next = side.replace(next, without(datum, some));
    }
    return next;
  };
}

function namesIn(message: Message, header: string): readonly string[] {
  const value = message.headers.find(({ name }) => name === header)?.value ?? null;
  const literal = value === null ? null : readLiteral(value.toString('utf8'));
  if (literal === null || literal.kind === 'null') return [];
  if (literal.kind !== 'array') throw problem(`the header "${header}" (drop.fields.header.name) is no list`);
  return literal.value.map((item) => literalText(item) ?? '');
}
