/**
 * The closed list of what can go wrong. What is done about each (retry, stop, dead letter) is decided in one table,
 * `runtime/policy.ts`, never where the error is thrown.
 */
export const ERROR_KINDS = [
  'config',
  'refused',
  'unsupported',
  'lease-lost',
  'database-unavailable',
  'database-rejected',
  'database-shutdown',
  'protocol',
  'kafka-unavailable',
  'kafka-rejected',
  'fenced',
  'record-rejected',
  'poison-record',
  'transaction-too-long',
  'data',
  'internal',
] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

/** The one error class. The message says what, where, expected, got and what to do; never a secret or a row value. */
export class MillraceError extends Error {
  readonly kind: ErrorKind;
  /** The statement or command of the message, alone, to be copied; null if there is none. */
  readonly statement: string | null;
  constructor(kind: ErrorKind, message: string, options?: ErrorOptions & { readonly statement?: string }) {
    super(message, options);
    this.statement = options?.statement ?? null;
    this.name = 'MillraceError';
    this.kind = kind;
  }
}

/** For a `switch` that must know every tag: the compiler proves that this is never reached. */
export function unreachable(value: never): never {
  throw new MillraceError('internal', `a case nobody thought of: ${String(value)}`);
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
