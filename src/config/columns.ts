/** Which columns events carry and in what form, and which are their key, from the lists of a connector. */
import { JavaRegexError, fromJavaRegex } from './java-regex.ts';
import type { KeyReader, Values } from './key-reader.ts';
import { EVENT_KEYS } from './event-keys.ts';
import { type MappingRule, readMappings } from './column-mappings.ts';

export interface ColumnFilter {
  /** Of `schema.table.column`; of both lists one is empty, and with both empty every column is there. */
  readonly include: readonly RegExp[];
  readonly exclude: readonly RegExp[];
  /** `message.key.columns`: the first that matches `schema.table` counts. */
  readonly keys: readonly { readonly table: RegExp; readonly columns: readonly string[] }[];
  /** The first that matches counts. */
  readonly mappings: readonly MappingRule[];
}

export function columnFilter(reader: KeyReader, values: Partial<Values<typeof EVENT_KEYS>>): ColumnFilter {
  const { includedColumns: include = [], excludedColumns: exclude = [], keyColumns } = values;
  if (include.length > 0 && exclude.length > 0) {
    reader.note(
      EVENT_KEYS.excludedColumns.key,
      `stands beside "${EVENT_KEYS.includedColumns.key}": give one of them, as in Debezium`,
    );
  }
  const { sourceTypes = [], sourceTypesOf = [] } = values;
  const mapping = { kind: 'source-type' } as const;
  return {
    include,
    exclude,
    keys: keyColumns == null ? [] : readKeys(reader, keyColumns),
    mappings: [
      ...readMappings(reader),
      { on: 'column', patterns: sourceTypes, mapping },
      { on: 'type', patterns: sourceTypesOf, mapping },
    ],
  };
}

function readKeys(reader: KeyReader, given: string): ColumnFilter['keys'] {
  const { key } = EVENT_KEYS.keyColumns;
  return given
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap((part) => {
      const at = part.lastIndexOf(':');
      const columns = part
        .slice(at + 1)
        .split(',')
        .map((column) => column.trim());
      if (at <= 0 || columns.some((column) => column === '')) {
        reader.note(key, 'expected table:column,column with semicolons between tables');
        return [];
      }
      try {
        return [{ table: fromJavaRegex(part.slice(0, at).trim(), { ignoreCase: true }), columns }];
      } catch (error) {
        if (!(error instanceof JavaRegexError)) throw error;
        reader.note(key, `cannot be read, or not with the same meaning as in Java: ${error.message}`);
        return [];
      }
    });
}
