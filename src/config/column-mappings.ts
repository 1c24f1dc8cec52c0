/** Debezium's keys that say in their own name how columns are masked or cut: `column.mask.with.5.chars` and its like. */
import { type Field, patterns } from './field.ts';
import type { KeyReader } from './key-reader.ts';

export type ColumnMapping =
  | { readonly kind: 'mask' | 'truncate'; readonly length: number }
  | { readonly kind: 'hash'; readonly version: 1 | 2; readonly algorithm: string; readonly salt: string }
  | { readonly kind: 'source-type' };

export interface MappingRule {
  /** What the patterns are matched against: `schema.table.column`, or `schema.table.type`. */
  readonly on: 'column' | 'type';
  readonly patterns: readonly RegExp[];
  readonly mapping: ColumnMapping;
}

interface MappingKey {
  /** `*` stands for what the key says. */
  readonly field: Field<readonly RegExp[]>;
  /** The key as a whole, for the JSON Schema. */
  readonly shape: RegExp;
  readonly start: string;
  readonly expected: string;
  readonly read: (key: string) => ColumnMapping | null;
}

const COLUMNS = 'public\\.customers\\.(name|email)';
/** More would not fit into a record. */
const MOST_ASTERISKS = 1_000_000;
const MOST_CHARACTERS = 0x7fff_ffff;

const HASHES: Readonly<Record<string, string>> = {
  md5: 'md5',
  sha: 'sha1',
  sha1: 'sha1',
  'sha-1': 'sha1',
  'sha-224': 'sha224',
  'sha-256': 'sha256',
  'sha-384': 'sha384',
  'sha-512': 'sha512',
  'sha-512/224': 'sha512-224',
  'sha-512/256': 'sha512-256',
  'sha3-224': 'sha3-224',
  'sha3-256': 'sha3-256',
  'sha3-384': 'sha3-384',
  'sha3-512': 'sha3-512',
};
const ALGORITHMS = 'MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512, SHA-512/224, SHA-512/256 or SHA3-224 to SHA3-512';
const HASH = String.raw`[^.]+\.with\.salt\.[\s\S]+`;

/** In the order in which they count when several match a column: what hides most comes first. */
export const MAPPING_KEYS: readonly MappingKey[] = [
  {
    field: mappingField(
      'column.mask.with.*.chars',
      'Text columns whose values are so many asterisks instead: regexes on schema.table.column.',
    ),
    shape: /^column\.mask\.with\.\d+\.chars$/,
    start: 'column.mask.with.',
    expected: `column.mask.with.<n>.chars with n from 0 to ${MOST_ASTERISKS}`,
    read: (key) => counted('mask', /^column\.mask\.with\.(\d+)\.chars$/.exec(key)?.[1], MOST_ASTERISKS),
  },
  {
    field: mappingField(
      'column.mask.hash.v2.*.with.salt.*',
      `Text columns whose values are hashes of salt and value instead, in hexadecimal digits and no longer than the column: by the algorithm (${ALGORITHMS}) and the salt that stand in the key. The salt is never shown.`,
      { secret: true },
    ),
    shape: new RegExp(`^column\\.mask\\.hash\\.v2\\.${HASH}$`),
    start: 'column.mask.hash.v2.',
    expected: `column.mask.hash.v2.<algorithm>.with.salt.<salt> with the algorithm ${ALGORITHMS}`,
    read: (key) => hashed(2, key.slice('column.mask.hash.v2.'.length)),
  },
  {
    field: mappingField('column.mask.hash.*.with.salt.*', "The same of Java's serialized form of the value.", {
      secret: true,
    }),
    shape: new RegExp(`^column\\.mask\\.hash\\.(?!v2\\.)${HASH}$`),
    start: 'column.mask.hash.',
    expected: `column.mask.hash.<algorithm>.with.salt.<salt> with the algorithm ${ALGORITHMS}`,
    read: (key) => hashed(1, key.slice('column.mask.hash.'.length)),
  },
  {
    field: mappingField(
      'column.truncate.to.*.chars',
      'Columns whose texts (bytea: bytes) are cut to so many characters: regexes on schema.table.column.',
    ),
    shape: /^column\.truncate\.to\.\d+\.chars$/,
    start: 'column.truncate.to.',
    expected: `column.truncate.to.<n>.chars with n from 0 to ${MOST_CHARACTERS}`,
    read: (key) => counted('truncate', /^column\.truncate\.to\.(\d+)\.chars$/.exec(key)?.[1], MOST_CHARACTERS),
  },
];

/** Whether the key is one of these, or was meant to be one. */
export function isMappingKey(key: string): boolean {
  return /^column\.(?:mask|truncate)\./.test(key);
}

/** The rules that stand in the keys; a wrong key or value is noted. */
export function readMappings(reader: KeyReader): readonly MappingRule[] {
  const keys = [...reader.given.keys()].filter(isMappingKey);
  const familyOf = (key: string): MappingKey | undefined => MAPPING_KEYS.find(({ start }) => key.startsWith(start));
  for (const key of keys) {
    const family = familyOf(key);
    if (family?.read(key) == null) {
      const expected = family?.expected ?? MAPPING_KEYS.map((each) => each.field.key).join(', ');
      reader.note(key, `is no key of this connector: expected ${expected}`);
    }
  }
  return MAPPING_KEYS.flatMap((family) =>
    keys
      .filter((key) => familyOf(key) === family && !reader.isWrong(key))
      .flatMap((key): MappingRule[] => {
        const mapping = family.read(key);
        const { columns } = reader.fields({ columns: { ...family.field, key } }, '');
        return mapping === null || columns === undefined ? [] : [{ on: 'column', patterns: columns, mapping }];
      }),
  );
}

function mappingField(key: string, doc: string, options: { readonly secret?: boolean } = {}): Field<readonly RegExp[]> {
  return patterns(key, { doc, example: COLUMNS, default: [], ...options });
}

function counted(kind: 'mask' | 'truncate', digits: string | undefined, most: number): ColumnMapping | null {
  const length = Number(digits ?? Number.NaN);
  return length <= most ? { kind, length } : null;
}

function hashed(version: 1 | 2, rest: string): ColumnMapping | null {
  const [, name = '', salt = ''] = /^([^.]+)\.with\.salt\.([^]+)$/.exec(rest) ?? [];
  const algorithm = Object.hasOwn(HASHES, name.toLowerCase()) ? HASHES[name.toLowerCase()] : undefined;
  return algorithm === undefined ? null : { kind: 'hash', version, algorithm, salt };
}
