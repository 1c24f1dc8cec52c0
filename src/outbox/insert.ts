/** The INSERT of an outbox row. */
import { MillraceError } from '../errors.ts';
import type { ColumnValue, OutboxOptions, Row } from './row.ts';

export interface Statement {
  readonly text: string;
  readonly values: ColumnValue[];
}
export type Dialect = 'postgres' | 'mysql';

/** Values are parameters, and names are quoted: nothing of either is read as SQL. */
export function insertStatement(row: Row, options: OutboxOptions, dialect: Dialect): Statement {
  const quote = (name: string): string => quoted(name, dialect);
  const table = [options.schema, options.table ?? 'outbox'].flatMap((name) => (name === undefined ? [] : quote(name)));
  const names = Object.keys(row).map(quote);
  const places = names.map((_, index) => (dialect === 'postgres' ? `$${index + 1}` : '?'));
  return {
    text: `INSERT INTO ${table.join('.')} (${names.join(', ')}) VALUES (${places.join(', ')})`,
    values: Object.values(row),
  };
}

function quoted(name: string, dialect: Dialect): string {
  // https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS and
  // https://dev.mysql.com/doc/refman/en/identifiers.html: any character but NUL, the quote itself doubled.
  if (name === '' || name.includes('\0')) {
    throw new MillraceError('config', `the outbox has no table or column named ${JSON.stringify(name)}`);
  }
  const mark = dialect === 'postgres' ? '"' : '`';
  return `${mark}${name.replaceAll(mark, mark + mark)}${mark}`;
}
