/** What a header holds of a value: as Connect's SimpleHeaderConverter, that is `Values.convertToString`, writes it. */
import { fieldOf } from '../../change/conforms.ts';
import type { Data, Schema, Struct } from '../../change/schema.ts';
import { isoText } from './java-date-format.ts';
import { decimalText, doubleText, floatText } from './java-number.ts';
import { decimalOf, momentOf } from './logical.ts';

export function headerBytes(schema: Schema | null, value: Data): Buffer | null {
  return value === null ? null : Buffer.from(textOf(schema, value, false));
}

function textOf(schema: Schema | null, value: Data, embedded: boolean): string {
  const moment = schema === null ? null : momentOf(schema, value);
  if (moment !== null) return isoText(moment);
  if (value === null) return 'null';
  if (typeof value === 'number') return numberText(schema, value);
  if (typeof value === 'string') return embedded ? quoted(value) : value;
  if (value instanceof Uint8Array) {
    const decimal = schema === null ? null : decimalOf(schema, value);
    if (decimal !== null) return decimalText(decimal);
    const base64 = Buffer.from(value).toString('base64');
    return embedded ? `"${base64}"` : base64;
  }
  if (Array.isArray(value)) {
    const items = schema?.type === 'array' ? schema.items : null;
    return `[${(value as readonly Data[]).map((item) => textOf(items, item, true)).join(',')}]`;
  }
  if (typeof value !== 'object') return String(value);
  return `{${entriesOf(schema, value as Struct | ReadonlyMap<Data, Data>).join(',')}}`;
}

function entriesOf(schema: Schema | null, value: Struct | ReadonlyMap<Data, Data>): string[] {
  if (value instanceof Map) {
    const [keys, values] = schema?.type === 'map' ? [schema.keys, schema.values] : [null, null];
    return [...(value as ReadonlyMap<Data, Data>)].map(
      ([key, each]) => `${textOf(keys, key, true)}:${textOf(values, each, true)}`,
    );
  }
  const struct = value as Struct;
  if (schema?.type !== 'struct')
    return Object.entries(struct).map(([name, each]) => `${quoted(name)}:${textOf(null, each, true)}`);
  return schema.fields.map(({ name, schema: of }) => {
    const each = fieldOf(struct, name) ?? of.default ?? null;
    return `${quoted(name)}:${textOf(of, each, true)}`;
  });
}

/** A number as Java writes it: without a schema a whole one is an integer. */
export function numberText(schema: Schema | null, value: number): string {
  if (schema?.type === 'float32') return floatText(value);
  return schema?.type === 'float64' || (schema === null && !Number.isInteger(value))
    ? doubleText(value)
    : String(value);
}

export function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
