/** What becomes of a value that has no form in events: `event.converting.failure.handling.mode`. */
import { type Table, tableName } from '../change/table.ts';
import { MillraceError } from '../errors.ts';
import type { Log } from '../ports.ts';
import type { RowSettings } from './row-format.ts';

export type FailureMode = 'fail' | 'warn' | 'skip';

/** The same column is not heard of more often. */
const WARN_EVERY_MS = 60_000;
/** Columns that are remembered. */
const REMEMBERED = 1000;

/** `now`: milliseconds since 1970. Never says the value. */
export function failureHandler(
  mode: FailureMode,
  { log, now }: { log: Log; now: () => number },
): RowSettings['failed'] {
  const warned = new Map<string, number>();
  return (table, column, error) => {
    if (mode === 'fail' || !isData(error)) throw inColumn(table, column, error);
    if (mode === 'skip') return;
    const name = `${tableName(table)}.${column}`;
    const elapsed = now() - (warned.get(name) ?? Number.NEGATIVE_INFINITY);
    // The clock may have been set back.
    if (elapsed >= 0 && elapsed < WARN_EVERY_MS) return;
    if (warned.size >= REMEMBERED) warned.clear();
    warned.set(name, now());
    log.warn('a value cannot be converted and is sent as null ("event.converting.failure.handling.mode")', {
      column: name,
      reason: error.message,
    });
  };
}

/** The error with its place; what is no matter of the value stays as it is. */
export function inColumn(table: Table, column: string, error: unknown): unknown {
  if (!isData(error)) return error;
  return new MillraceError('data', `${tableName(table)}.${column}: ${error.message}`, { cause: error });
}

function isData(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.kind === 'data';
}
