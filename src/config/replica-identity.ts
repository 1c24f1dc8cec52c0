/** `replica.identity.autoset.values`: `regex:FULL,regex:INDEX name`, as in Debezium, but for parts that nobody can read. */
import { EVENT_KEYS } from './event-keys.ts';
import { fromJavaRegex } from './java-regex.ts';
import type { KeyReader } from './key-reader.ts';

export interface IdentityRule {
  /** On schema.table. */
  readonly table: RegExp;
  readonly identity: 'DEFAULT' | 'FULL' | 'NOTHING' | { readonly index: string };
}

const PART = /^\s*([^\s:]+):(?:(DEFAULT|FULL|NOTHING)|INDEX (\w+))\s*$/i;

export function readIdentities(reader: KeyReader, given: string): readonly IdentityRule[] {
  const { key } = EVENT_KEYS.replicaIdentities;
  return given.split(',').flatMap((part): IdentityRule[] => {
    const [, source = '', word, index] = PART.exec(part) ?? [];
    if (word === undefined && index === undefined) {
      reader.note(
        key,
        'expected regex:DEFAULT, regex:FULL, regex:NOTHING or regex:INDEX name, with commas between them',
      );
      return [];
    }
    const table = reader.java(key, () => fromJavaRegex(source, { ignoreCase: true }));
    if (table === null) return [];
    const identity = index === undefined ? (word?.toUpperCase() as 'DEFAULT' | 'FULL' | 'NOTHING') : { index };
    return [{ table, identity }];
  });
}
