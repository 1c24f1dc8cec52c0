/** Lists whose items say more than a name. */
import type { Parsed } from '../field.ts';
import { javaSplit } from './option.ts';

const CAST_TYPES = ['int8', 'int16', 'int32', 'int64', 'float32', 'float64', 'boolean', 'string'] as const;
export type CastType = (typeof CAST_TYPES)[number];
export interface CastSpec {
  /** All of the key or value; null: fields. */
  readonly whole: CastType | null;
  readonly fields: ReadonlyMap<string, CastType>;
}

/** `spec` of Cast. */
export function readCastSpec(items: readonly string[]): Parsed<CastSpec> {
  const fields = new Map<string, CastType>();
  let whole: CastType | null = null;
  const expected = `field:type for each field, or one type alone: ${CAST_TYPES.join(', ')}`;
  for (const item of items) {
    const parts = javaSplit(item, ':').map((part) => part.trim());
    const type = CAST_TYPES.find((each) => each === parts.at(-1)?.toLowerCase());
    if (type === undefined || parts.length > 2) return { expected };
    if (parts.length === 1) whole = type;
    else fields.set(parts[0] ?? '', type);
  }
  if (items.length === 0 || (whole !== null && items.length > 1)) return { expected };
  return { value: { whole, fields } };
}

/** `renames` of ReplaceField. */
export function readRenames(items: readonly string[]): Parsed<ReadonlyMap<string, string>> {
  const renames = new Map<string, string>();
  for (const item of items) {
    const [from, to, ...others] = javaSplit(item, ':');
    if (from === undefined || to === undefined || others.length > 0) return { expected: 'old:new for each field' };
    renames.set(from, to);
  }
  return { value: renames };
}

/** A field of a change event, which a prefix goes before. */
export interface EventField {
  readonly struct: string | null;
  readonly field: string;
  readonly name: string;
}

const TRANSACTION = ['id', 'data_collection_order', 'total_order'];
const OF_ENVELOPE = ['op', 'ts_ms', 'ts_us', 'ts_ns'];

/** `add.fields` and `add.headers` of ExtractNewRecordState. */
export function readReferences(items: readonly string[]): Parsed<readonly EventField[]> {
  const value: EventField[] = [];
  for (const item of items) {
    const [path = '', name, ...others] = javaSplit(item, ':');
    const [first = '', second] = javaSplit(path, '.');
    if (others.length > 0 || path === '') return { expected: 'field, struct.field, or either with :name behind it' };
    if (second !== undefined) value.push({ struct: first, field: second, name: name ?? `${first}_${second}` });
    else value.push({ struct: structOf(first), field: first, name: name ?? first });
  }
  return { value };
}

/** Where Debezium looks for a field that is named alone. */
function structOf(field: string): string | null {
  if (TRANSACTION.includes(field)) return 'transaction';
  if (OF_ENVELOPE.includes(field)) return null;
  return field === 'updateDescription' ? field : 'source';
}
