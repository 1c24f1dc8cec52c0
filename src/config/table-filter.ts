/** Debezium's lists of schemas and tables, as patterns on `schema.table` that a table has to match one of. */

export interface TableLists {
  readonly tables: readonly RegExp[];
  readonly excludedTables: readonly RegExp[];
  readonly schemas: readonly RegExp[];
  readonly excludedSchemas: readonly RegExp[];
}

/**
 * Every list that is given has to agree. Empty: every table. Throws a `SyntaxError` when patterns cannot stand in one
 * expression, because of groups of the same name (`fromJavaRegex` takes no back references).
 */
export function tableFilter({ tables, excludedTables, schemas, excludedSchemas }: TableLists): readonly RegExp[] {
  const others = [...excludedTables, ...schemas, ...excludedSchemas];
  if (others.length === 0) return tables;
  const conditions = [
    schemas.length === 0 ? '' : `(?=(?:${alternatives(schemas)})\\.)`,
    excludedSchemas.length === 0 ? '' : `(?!(?:${alternatives(excludedSchemas)})\\.)`,
    excludedTables.length === 0 ? '' : `(?!(?:${alternatives(excludedTables)})$)`,
  ].join('');
  const captured = tables.length === 0 ? ['[^]*'] : tables.map(unanchored);
  return captured.map((source) => new RegExp(`^${conditions}(?:${source})$`, 'iv'));
}

function alternatives(patterns: readonly RegExp[]): string {
  return patterns.map((pattern) => `(?:${unanchored(pattern)})`).join('|');
}

/** `fromJavaRegex` makes `^(?:…)$`. */
function unanchored({ source }: RegExp): string {
  return source.replace(/^\^\(\?:([^]*)\)\$$/, '$1');
}
