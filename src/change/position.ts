export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Where a source is in its log: plain JSON, opaque to everyone but the source that made it. Positions are never
 * compared outside their source, since GTID sets have no total order.
 */
export type Position = { readonly [key: string]: Json };
