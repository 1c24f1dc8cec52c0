/** The declared options of all those transforms, for whoever describes them: JSON Schema, docs, examples in errors. */
import type { Field } from '../field.ts';
import { SIDED, WHOLE } from './keys.ts';
import { isDebezium } from './types.ts';

export interface Described {
  /** As it stands in a file: `Cast$Key`. */
  readonly types: readonly string[];
  readonly package: string;
  readonly fields: readonly Field<unknown>[];
}

const fieldsOf = (fields: Readonly<Record<string, Field<unknown>>>): readonly Field<unknown>[] => Object.values(fields);

export const CONNECT_TRANSFORMS: readonly Described[] = [
  ...Object.entries(WHOLE).map(([name, fields]) => ({
    types: [name],
    package: isDebezium(name) ? 'io.debezium.transforms' : 'org.apache.kafka.connect.transforms',
    fields: fieldsOf(fields),
  })),
  ...Object.entries(SIDED).map(([name, fields]) => ({
    types: [`${name}$Key`, `${name}$Value`],
    package: 'org.apache.kafka.connect.transforms',
    fields: fieldsOf(fields),
  })),
];

/** Every option once; those of several transforms together. */
export const CONNECT_OPTIONS: ReadonlyMap<string, readonly Field<unknown>[]> = Map.groupBy(
  CONNECT_TRANSFORMS.flatMap(({ fields }) => fields),
  ({ key }) => key,
);
