/** The words of the sink contract: what a driver supplies and what the cases work with. */
import assert from 'node:assert/strict';
import type { SourceIdentity } from '../../../src/change/claim.ts';
import type { OutRecord } from '../../../src/change/message.ts';
import type { Position } from '../../../src/change/position.ts';
import { type ErrorKind, MillraceError } from '../../../src/errors.ts';
import type { Failpoint, Log } from '../../../src/ports.ts';
import type { Sink } from '../../../src/sink/sink.ts';

export interface SinkOptions {
  readonly transactionTimeoutMs?: number;
  /** Whether missing topics are created; true when not given. */
  readonly createTopics?: boolean;
  readonly log?: Log;
  /** The clock that the sink goes by, in milliseconds. */
  readonly now?: () => number;
  readonly failpoint?: (name: Failpoint) => void;
}

/** A record as somebody reads it who sees only what is committed. */
export interface SeenRecord extends Omit<OutRecord, 'topic' | 'partition'> {
  readonly partition: number;
}

export interface SinkDriver {
  readonly name: string;
  /** The largest record that the sinks accept, in bytes. */
  readonly maxRecordBytes: number;
  /** A sink for a connector, not open yet. Sinks of one connector name succeed each other. */
  create(connector: string, options?: SinkOptions): Sink;
  /** Makes what the sinks of a connector keep positions in, and topics, ready before a test needs them. */
  prepare(connector: string, topics: readonly string[]): Promise<void>;
  /** Names of two connectors whose positions lie as close together as they can: in one partition, one table, one file. */
  neighbours(): readonly [string, string];
  /** What a committed reader sees of a topic now, by partition, in order; nothing when there is no such topic. */
  readNow(topic: string): Promise<readonly SeenRecord[]>;
  /** The same, once no transaction is open in the topic: a commit may be visible a moment after it is durable. */
  read(topic: string): Promise<readonly SeenRecord[]>;
  /** How many records or marks were ever written to a topic, committed or not. */
  written(topic: string): Promise<number>;
  /** Defects that are known and not mended yet: the test's name and why. */
  readonly todo?: Readonly<Record<string, string>>;
}

export const IDENTITY: SourceIdentity = {
  system: '7000000000000000001',
  database: 'shop',
  timeline: 1,
  ancestors: [1],
  intent: 'slot_a',
};
/** Old time stamps would invite a broker to delete the records by age. */
const STARTED_AT = Date.now();
/** Transaction time-out of sinks that are to die: whoever waits for it, waits no longer. */
export const DEATH_MS = 4000;
export const signal = AbortSignal.timeout(600_000);
export const at = (n: number): { readonly lsn: string; readonly ordinal: number } => ({
  lsn: `0/${n.toString(16).toUpperCase()}`,
  ordinal: 0,
});

/** A record with a number as its value. */
export function numbered(topic: string, n: number, over: Partial<OutRecord> = {}): OutRecord {
  return {
    topic,
    key: Buffer.from('k'),
    value: Buffer.from(String(n)),
    headers: [],
    timestampMs: STARTED_AT + n,
    ...over,
  };
}
export const several = (topic: string, from: number, count: number): OutRecord[] =>
  Array.from({ length: count }, (_, i) => numbered(topic, from + i));
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

export function isError(...kinds: ErrorKind[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MillraceError, `expected a MillraceError, got ${String(error)}`);
    assert.ok(kinds.includes(error.kind), `expected ${kinds.join(' or ')}, got ${error.kind}: ${error.message}`);
    return true;
  };
}

/** What the cases work with. */
export interface SinkSuite {
  readonly driver: SinkDriver;
  readonly it: (name: string, run: (connector: string, topic: string) => Promise<void>) => void;
  /** A sink that is closed when the suite ends, whatever a test does with it. */
  readonly create: (connector: string, options?: SinkOptions) => Sink;
  readonly reopen: (connector: string) => Promise<{ readonly sink: Sink; readonly position: Position | null }>;
  /** The values of all committed records of a topic as numbers, sorted. */
  readonly numbers: (topic: string) => Promise<number[]>;
}

/** Throws when a failpoint is passed for the nth time. */
export function failAt(point: Failpoint, nth: number): (name: Failpoint) => void {
  let passed = 0;
  return (name) => {
    if (name === point && ++passed === nth) throw new MillraceError('kafka-unavailable', `failed at ${point}`);
  };
}
