/** Errors about a row, with the source transaction that it is in: an operator has to find it. */
import type { Tx } from '../change/fragment.ts';
import { type ErrorKind, MillraceError } from '../errors.ts';

export function located(error: MillraceError, tx: Tx | null, kind: ErrorKind = error.kind): MillraceError {
  const where = tx === null ? '' : `. It is in source transaction ${tx.id}, committed at ${tx.commitLsn}`;
  const message = `${error.message}${where}; everything before that transaction is delivered`;
  return new MillraceError(kind, message, { cause: error });
}
