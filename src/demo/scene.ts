/** What a demo shows: a connector of the repository, the service whose changes it captures, and how these are recognised. */
import type pg from 'pg';
import type { Clock } from '../ports.ts';
import type { Heard } from './follower.ts';
import type { Ledger } from './ledger.ts';

export interface Scene {
  /** In `connectors/`. */
  readonly connector: string;
  /** Statements that make its tables. */
  readonly ddl: string;
  /** Where events arrive; `mark`: of a demo on somebody's own Kafka. */
  readonly topics: (mark: string | null) => readonly string[];
  /** Keys that give topics their mark. */
  readonly marked: (mark: string) => Readonly<Record<string, string>>;
  /** Commits until the signal is aborted. */
  readonly commit: (sql: pg.Client, ledger: Ledger, clock: Clock, signal: AbortSignal) => Promise<void>;
  /** The name under which the ledger knows an event, and its type; null: it counts as none. */
  readonly recognise: (heard: Heard) => { readonly id: string; readonly type: string } | null;
  /** Said when it runs. */
  readonly running: string;
}
