import { MillraceError } from '../../../errors.ts';

/** Bytes that are no value of their type; never says which. `remedy`: what the operator can do. */
export function malformed(type: string, expected: string, remedy?: string): MillraceError {
  return new MillraceError(
    'data',
    `a value of type ${type} is not ${expected}${remedy === undefined ? ': this is a fault of Millrace, please report it with the type' : `: ${remedy}`}`,
  );
}
