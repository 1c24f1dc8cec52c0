/** An unchanged TOAST column: the database did not send it, so it is neither null nor a value. */
export const UNCHANGED: unique symbol = Symbol('unchanged');
export type Unchanged = typeof UNCHANGED;

/**
 * A decoded column. 64-bit integers are `bigint`, decimals and everything without an exact JavaScript form stay the
 * database's own text.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | Unchanged;
