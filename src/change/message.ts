import type { Change } from './change.ts';
import type { Datum } from './schema.ts';
import type { Column, ColumnForm } from './table.ts';

/** A record header. Kafka keeps their order and allows a name twice. */
export interface Header {
  readonly name: string;
  readonly value: Buffer | null;
}

/** A column's content: its bytes, and its form, which decides what a converter makes of them. */
export interface Payload {
  readonly form: ColumnForm;
  readonly bytes: Buffer | null;
  /** Where they come from. */
  readonly column: Column | null;
}

export type Body =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'payload'; readonly payload: Payload }
  /** What a transform has made. */
  | { readonly kind: 'data'; readonly datum: Datum }
  | { readonly kind: 'tombstone' };

/** What a transform makes of a change: routed, not yet encoded. */
export interface Message {
  readonly topic: string;
  readonly key: Payload | Datum | null;
  readonly body: Body;
  readonly headers: readonly Header[];
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestampMs: number;
  readonly partition?: number;
}

/** A record ready for Kafka. */
export interface OutRecord {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestampMs: number;
  /** Set when the row decides; else the Java client's default partitioner does. */
  readonly partition?: number;
}
