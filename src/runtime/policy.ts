import type { ErrorKind } from '../errors.ts';

export interface Policy {
  /** `isolate`: retried, and after a second time one source transaction at a time, until the culprit is alone. */
  readonly action: 'retry' | 'isolate' | 'stop';
  /** For the operator. */
  readonly advice: string;
}

/** What is done about each kind of error: the one place where it is decided. */
export const POLICY: Readonly<Record<ErrorKind, Policy>> = {
  config: { action: 'stop', advice: 'correct the configuration' },
  refused: { action: 'stop', advice: 'going on would lose or repeat events: follow the remedy in the message' },
  unsupported: { action: 'stop', advice: 'remove what is not supported' },
  'lease-lost': { action: 'retry', advice: 'the database session broke; the lease is taken again' },
  'database-unavailable': { action: 'retry', advice: 'check that the database is up and reachable' },
  'database-rejected': { action: 'stop', advice: 'check user, password and rights in the database' },
  'database-shutdown': { action: 'retry', advice: 'the database is restarting' },
  protocol: { action: 'stop', advice: 'the log holds what this version does not understand: report it' },
  'kafka-unavailable': { action: 'retry', advice: 'check that the brokers are up and reachable' },
  'kafka-rejected': { action: 'stop', advice: 'check rights, credentials and topic settings in Kafka' },
  fenced: { action: 'retry', advice: 'another owner has opened the same transactional.id, or a transaction timed out' },
  'record-rejected': { action: 'isolate', advice: 'Kafka does not accept a record of the batch; it is searched for' },
  'poison-record': { action: 'stop', advice: 'Kafka does not accept a record: see its size and the topic settings' },
  'transaction-too-long': { action: 'stop', advice: 'raise the transaction time-out, or allow splitting' },
  data: { action: 'stop', advice: 'a row cannot become an event: correct the options or the row' },
  internal: { action: 'stop', advice: 'a defect: report it' },
};

/** Milliseconds to wait before try `attempt` (from 1): doubling from 0.5 s to 30 s; 1 to 3 s at random when fenced. */
export function backoffMs(kind: ErrorKind, attempt: number, random: number): number {
  if (kind === 'fenced') return 1000 + Math.floor(random * 2000);
  const most = Math.min(30_000, 500 * 2 ** Math.min(attempt - 1, 10));
  return Math.floor(most / 2 + (most / 2) * random);
}
