/** pgvector's types (https://github.com/pgvector/pgvector). */
import type { ColumnType } from '../../../change/column-type.ts';
import { inHashOrder } from './java-hash.ts';
import { jsonWord } from '../../../change/json-word.ts';
import { malformed } from './malformed.ts';
import { DOUBLE_VECTOR, FLOAT_VECTOR, SPARSE_DOUBLE_VECTOR } from './schemas.ts';

/** The type of Debezium's indexes and dimensions. */
const INT16_MAX = 32_767;

function denseType(schema: typeof DOUBLE_VECTOR, float: 'float32' | 'float64', name: string): ColumnType {
  const read = (bytes: Buffer): readonly number[] => {
    const inner = /^\[(.+)\]$/.exec(bytes.toString('latin1'))?.[1];
    if (inner === undefined) throw malformed(name, 'numbers in brackets');
    const values = inner.split(',').map(Number);
    if (values.some(Number.isNaN)) throw malformed(name, 'numbers in brackets');
    return float === 'float32' ? values.map(Math.fround) : values;
  };
  return {
    schema,
    data: read,
    json: (bytes, out) =>
      out.ascii(
        `[${read(bytes)
          .map((value) => jsonWord(value, float))
          .join(',')}]`,
      ),
  };
}
export const vectorType = denseType(DOUBLE_VECTOR, 'float64', 'vector');
export const halfvecType = denseType(FLOAT_VECTOR, 'float32', 'halfvec');

/** `{1:1.5,3:-2}/5`: indexes that begin with 1, and how many there could be. */
export const sparsevecType: ColumnType = {
  schema: SPARSE_DOUBLE_VECTOR,
  data: (bytes) => {
    const { dimensions, entries } = readSparse(bytes);
    return { dimensions, vector: new Map(entries) };
  },
  json: (bytes, out) => {
    const { dimensions, entries } = readSparse(bytes);
    // A map whose keys are no text is a list of pairs to JsonConverter.
    const pairs = entries.map(([index, value]) => `[${index},${jsonWord(value, 'float64')}]`);
    out.ascii(`{"dimensions":${dimensions},"vector":[${pairs.join(',')}]}`);
  },
};

type Entry = readonly [index: number, value: number];

function readSparse(bytes: Buffer): { readonly dimensions: number; readonly entries: readonly Entry[] } {
  const match = /^\{(.*)\}\/(\d+)$/.exec(bytes.toString('latin1'));
  if (!match) throw malformed('sparsevec', 'indexed numbers in braces');
  const [, inner = '', size] = match;
  const dimensions = Number(size);
  if (dimensions > INT16_MAX) {
    throw malformed(
      'sparsevec',
      `one of at most ${INT16_MAX} dimensions, which is all that Debezium's io.debezium.data.SparseDoubleVector can hold`,
      'leave the column out with "column.exclude.list"',
    );
  }
  const entries = inner === '' ? [] : inner.split(',').map(readEntry);
  if (new Map(entries).size < entries.length) throw malformed('sparsevec', 'indexed numbers in braces');
  return { dimensions, entries: inHashOrder(entries, ([index]) => index, entries.length) };
}

function readEntry(text: string): Entry {
  const [index = '', value = ''] = text.split(':');
  const entry = [Number(index), Number(value)] as const;
  if (!Number.isInteger(entry[0]) || entry[0] > INT16_MAX || entry[0] < 1 || Number.isNaN(entry[1]))
    throw malformed('sparsevec', 'indexed numbers in braces');
  return entry;
}
