/**
 * What a module of one's own may be: a transform, a predicate or a converter, named by its path in a connector's file
 * and loaded from the folders of `plugin.path` alone (docs/plugins.md). The shapes are Kafka Connect's
 * (`org.apache.kafka.connect.transforms.Transformation`, `…predicates.Predicate`, `…storage.Converter`).
 */
import type { Data, Schema } from './change/schema.ts';

/** A record between source and Kafka. It cannot be changed: `with` gives another. */
export interface ConnectRecord {
  readonly topic: string;
  /** null: the partition is made of the key, as Java's producer does it. */
  readonly partition: number | null;
  readonly key: Data;
  readonly keySchema: Schema | null;
  /**
   * Behind the outbox router the event's payload. Before it the row change as Debezium's envelope: `before`, `after`,
   * `source`, `op`. null: a tombstone.
   */
  readonly value: Data;
  readonly valueSchema: Schema | null;
  readonly headers: readonly ConnectHeader[];
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestampMs: number;
  /** The same record but for what is given. A new key or value without a schema keeps the old one if it fits that. */
  with(changes: RecordChanges): ConnectRecord;
}

export interface ConnectHeader {
  readonly name: string;
  readonly value: Data;
}

export interface RecordChanges {
  readonly topic?: string;
  readonly partition?: number | null;
  readonly key?: Data;
  readonly keySchema?: Schema | null;
  readonly value?: Data;
  readonly valueSchema?: Schema | null;
  readonly headers?: readonly ConnectHeader[];
  readonly timestampMs?: number;
}

/** Called once per run, with what the connector's file says behind the alias, `type` and Millrace's own keys left out. */
export type TransformFactory = (options: PluginOptions, context: PluginContext) => RecordTransform;
export type PredicateFactory = (options: PluginOptions, context: PluginContext) => RecordPredicate;
export type ConverterFactory = (options: PluginOptions, context: ConverterContext) => RecordConverter;
export type PluginOptions = Readonly<Record<string, string>>;

export interface RecordTransform {
  /** Gives the record to go on with, or null to drop it. Has to be quick and synchronous: every record waits for it. */
  apply(record: ConnectRecord): ConnectRecord | null;
  /** At the end of the run. */
  close?(): void;
}

export interface RecordPredicate {
  test(record: ConnectRecord): boolean;
  close?(): void;
}

export interface RecordConverter {
  /** The bytes of a key or a value; null is Kafka's null, which is a tombstone for a value. */
  toBytes(topic: string, schema: Schema | null, value: Data): Uint8Array | null;
  close?(): void;
}

export interface PluginContext {
  /** `transforms.upper`: whom it works for. */
  readonly name: string;
  /**
   * Ends the run with this message, which goes into the log: it must hold no row values. Of any other error only its
   * name and place are logged, because its message might.
   */
  fail(message: string): never;
}

export interface ConverterContext extends PluginContext {
  readonly of: 'key' | 'value';
}
