import type { Introduction, Opened } from '../change/claim.ts';
import type { Records } from '../change/records.ts';
import type { Position } from '../change/position.ts';

/** Throws what a start that finds this would be refused for. */
export type StartCheck = (found: Opened) => Promise<void>;

/** Where records go, together with the position they came from. */
export interface Sink {
  /**
   * Fences older owners first, writes our claim, then reads the stored position. Only with the lease held. `check` is
   * asked with what is stored before anything is created, fenced or written, and what it throws ends the opening; it is
   * left out where an open transaction hides what is stored.
   */
  open(identity: Introduction, signal: AbortSignal, check?: StartCheck): Promise<Opened>;
  /**
   * Writes records and position as one. With `atBoundary` it resolves when both are durable; nothing can keep them from
   * becoming visible, which they are a moment later. Without, the
   * records are a piece of one oversized source transaction: they join an open transaction that a later call at a
   * boundary commits (or that the sink splits at `position` when its time runs out: while such a transaction is open
   * there is a call several times a second, without records if there are none).
   * Calls never overlap; `records` is the caller's again when it is resolved. After any rejection the sink is only good for `close`.
   */
  commit(records: Records, position: Position, atBoundary: boolean): Promise<void>;
  /** Lets go of everything; an open transaction is aborted if that is safe, else left to the next owner's open. */
  close(): Promise<void>;
}

/** What an operator may do with a sink that is open and has committed nothing yet. */
export interface ResettableSink extends Sink {
  /** Takes the stored position back, durably: the next `open` finds none. */
  reset(): Promise<void>;
}
