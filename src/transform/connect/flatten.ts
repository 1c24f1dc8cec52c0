/** `org.apache.kafka.connect.transforms.Flatten`: structs in structs become fields of one. */
import { isStruct } from '../../change/conforms.ts';
import type { Data, Field, Schema, Struct, StructSchema } from '../../change/schema.ts';
import type { Stage } from '../transform.ts';
import type { Side } from './side.ts';
import {
  emptyStruct,
  factsOf,
  objectOf,
  perSchema,
  problem,
  put,
  requireObject,
  requireStruct,
  structSchema,
  valueIn,
} from './structs.ts';

/** A field of the flat struct, and the fields that lead to it. */
interface Leaf {
  readonly field: Field;
  readonly path: readonly Field[];
}

export function createFlatten(side: Side, { delimiter }: { readonly delimiter: string }): Stage {
  const joined = (prefix: string, name: string): string => (prefix === '' ? name : prefix + delimiter + name);

  function leavesOf(
    schema: StructSchema,
    above: { prefix: string; path: readonly Field[]; optional: boolean; from: Data },
  ): Leaf[] {
    return schema.fields.flatMap((field): Leaf[] => {
      const name = joined(above.prefix, field.name);
      const path = [...above.path, field];
      const optional = above.optional || field.schema.optional;
      const parent = isStruct(above.from) ? valueIn(above.from, field, true) : null;
      const from = field.schema.default ?? parent;
      if (field.schema.type === 'struct') return leavesOf(field.schema, { prefix: name, path, optional, from });
      if (field.schema.type !== 'map')
        return [{ field: { name, schema: leafSchema(field.schema, optional, from) }, path }];
      throw problem(`field "${name}" is a map: they cannot be flattened where there is a schema`);
    });
  }
  const flat = perSchema((schema: StructSchema) => {
    const from = schema.default ?? null;
    const leaves = leavesOf(schema, { prefix: '', path: [], optional: schema.optional, from });
    return {
      leaves,
      schema: structSchema(
        factsOf(schema),
        leaves.map(({ field }) => field),
      ),
    };
  });

  function* entriesOf(object: Struct, prefix: string): Generator<readonly [string, Data]> {
    for (const [key, value] of Object.entries(object)) {
      const name = joined(prefix, key);
      if (value instanceof Map || isStruct(value)) yield* entriesOf(requireObject(value), name);
      else yield [name, value];
    }
  }

  return (message) => {
    const { schema, value } = side.read(message);
    if (value === null) return message;
    if (schema === null) {
      return side.replace(message, { schema, value: objectOf(entriesOf(requireObject(value), '')) });
    }
    const struct = requireStruct(schema, value);
    const target = flat(struct.schema);
    const out = emptyStruct();
    for (const { field, path } of target.leaves) leaf(out, field, path, struct.value);
    return side.replace(message, { schema: target.schema, value: out });
  };
}

function leaf(out: Record<string, Data>, field: Field, path: readonly Field[], struct: Struct): void {
  let current: Data = struct;
  for (const [index, step] of path.entries()) {
    if (!isStruct(current)) break;
    // A struct on the way is taken as it is; only the value itself may come from a default.
    current = valueIn(current, step, index === path.length - 1);
    if (current === null && index < path.length - 1) {
      out[field.name] = null;
      return;
    }
  }
  put(out, field, current);
}

function leafSchema(schema: Schema, optional: boolean, from: Data): Schema {
  const { default: _, ...rest } = schema;
  return Object.freeze({ ...rest, optional, ...(from === null ? {} : { default: from }) });
}
