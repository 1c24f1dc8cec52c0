/** Transforms of Connect's that put headers in and take them out. Headers are bytes, as SimpleHeaderConverter makes them. */
import type { Header } from '../../change/message.ts';
import type { StructSchema } from '../../change/schema.ts';
import type { Stage } from '../transform.ts';
import { headerBytes } from './header-text.ts';
import { literalText, readLiteral } from './literal.ts';
import type { Side } from './side.ts';
import {
  emptyStruct,
  factsOf,
  fieldNamed,
  keep,
  objectOf,
  perSchema,
  problem,
  requireObject,
  requireStruct,
  structSchema,
  valueIn,
} from './structs.ts';

/** `InsertHeader`: the literal is read as Connect reads it, so that `1.0` is written as 1. */
export function createInsertHeader(options: { readonly header: string; readonly literal: string }): Stage {
  const text = literalText(readLiteral(options.literal));
  const header: Header = { name: options.header, value: text === null ? null : Buffer.from(text) };
  return (message) => ({ ...message, headers: [...message.headers, header] });
}

/** `DropHeaders`. */
export function createDropHeaders({ headers }: { readonly headers: readonly string[] }): Stage {
  const names = new Set(headers);
  return (message) =>
    message.headers.some(({ name }) => names.has(name))
      ? { ...message, headers: message.headers.filter(({ name }) => !names.has(name)) }
      : message;
}

export interface HeaderFromOptions {
  /** As many as headers. */
  readonly fields: readonly string[];
  readonly headers: readonly string[];
  readonly operation: 'copy' | 'move';
  readonly nullAsDefault: boolean;
}

/** `HeaderFrom`: fields become headers. */
export function createHeaderFrom(side: Side, { fields, headers, operation, nullAsDefault }: HeaderFromOptions): Stage {
  const left = perSchema(
    (schema: StructSchema): StructSchema =>
      structSchema(
        factsOf(schema),
        schema.fields.filter(({ name }) => !fields.includes(name)),
      ),
  );
  return (message) => {
    const { schema, value } = side.read(message);
    const made: Header[] = [...message.headers];
    if (schema === null) {
      const object = requireObject(value);
      for (const [index, name] of fields.entries()) {
        made.push({ name: headers[index] ?? name, value: headerBytes(null, object[name] ?? null) });
      }
      if (operation === 'copy') return { ...message, headers: made };
      const rest = Object.entries(object).filter(([name]) => !fields.includes(name));
      return { ...side.replace(message, { schema, value: objectOf(rest) }), headers: made };
    }
    const struct = requireStruct(schema, value);
    for (const [index, name] of fields.entries()) {
      const field = fieldNamed(struct.schema, name);
      if (field === undefined) throw problem(`the ${side.of} has no field "${name}"`);
      const each = valueIn(struct.value, field, nullAsDefault);
      if (each === null && !field.schema.optional) throw problem(`field "${name}" is required, and is null`);
      made.push({ name: headers[index] ?? name, value: headerBytes(field.schema, each) });
    }
    if (operation === 'copy') return { ...message, headers: made };
    const target = left(struct.schema);
    const out = emptyStruct();
    for (const field of target.fields) keep(out, field, valueIn(struct.value, field, nullAsDefault));
    return { ...side.replace(message, { schema: target, value: out }), headers: made };
  };
}
