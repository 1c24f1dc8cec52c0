/** A field by its path, as `org.apache.kafka.connect.transforms.field.SingleFieldPath`. The configuration splits it. */
import { fieldOf, isStruct } from '../../change/conforms.ts';
import type { Data, Field, Schema, Struct } from '../../change/schema.ts';
import { problem, requireObject, valueIn } from './structs.ts';

/** Names from the outside to the field; never empty. */
export type FieldPath = readonly string[];

/** The field, or null if a name is not there. Throws `data` where something on the way is no struct. */
export function fieldAt(schema: Schema, path: FieldPath): Field | null {
  let field: Field | null = null;
  for (const name of path) {
    const current: Schema = field === null ? schema : field.schema;
    if (current.type !== 'struct') throw problem(`"${name}" is looked for in a ${current.type}, which has no fields`);
    const found: Field | undefined = current.fields.find((each) => each.name === name);
    if (found === undefined) return null;
    field = found;
  }
  return field;
}

/** The value at the path of a struct of that schema; null where something on the way is null. */
export function structValueAt(schema: Schema, struct: Struct, path: FieldPath, nullAsDefault: boolean): Data {
  let current: Schema = schema;
  let value: Data = struct;
  for (const [index, name] of path.entries()) {
    if (current.type !== 'struct' || !isStruct(value)) throw problem(`"${name}" is looked for in a ${current.type}`);
    const field: Field | undefined = current.fields.find((each) => each.name === name);
    if (field === undefined) return null;
    value = valueIn(value, field, index < path.length - 1 || nullAsDefault);
    if (value === null) return null;
    current = field.schema;
  }
  return value;
}

/** The same without a schema. */
export function objectValueAt(value: Data, path: FieldPath): Data {
  let current: Data = value;
  for (const name of path) {
    if (current === null) return null;
    current = fieldOf(requireObject(current), name);
  }
  return current;
}
