import type { Position } from './position.ts';

/** What the source knows about itself once it holds the lease; the sink writes it down before anything else. */
export interface SourceIdentity {
  /** Which database server: PostgreSQL's system identifier. */
  readonly system: string;
  readonly database: string;
  /** PostgreSQL's time line of the server now. */
  readonly timeline: number;
  /** Time lines this one descends from, its own included. */
  readonly ancestors: readonly number[];
  /** What the source is about to create or use (PostgreSQL: the slot's name). */
  readonly intent: string;
}

/** An identity, and whether what it names was there before anything was claimed. */
export interface Introduction extends SourceIdentity {
  /** Then only an earlier claim, or a position, makes it ours. */
  readonly intentExists?: boolean;
}

/** A claim found in or written to the offsets topic. */
export interface Claim extends SourceIdentity {
  readonly connector: string;
  readonly transactionalId: string;
  readonly host: string;
  readonly version: string;
  /** Counts the claims of this connector. */
  readonly number: number;
}

/** What the sink found when it opened: the stored position and the claim of the owner before us. */
export interface Opened {
  readonly position: Position | null;
  readonly earlier: Claim | null;
  /** Identifies the Kafka cluster; the source marks its sessions with a hash of it. */
  readonly clusterId: string;
}
