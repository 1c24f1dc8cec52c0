import type { Change } from '../change/change.ts';
import type { Tx } from '../change/fragment.ts';
import type { Message } from '../change/message.ts';

/** Makes messages of a change: none drops it, several fan it out. Pushes into `out` so that nothing is allocated. */
export interface Transform {
  (change: Change, tx: Tx | null, out: Message[]): void;
  /** Where a transaction begins and where it ends; pushes what is sent there. */
  readonly begin?: (tx: Tx, out: Message[]) => void;
  readonly end?: (tx: Tx, out: Message[]) => void;
  /** Hears of a change that an earlier run has delivered, of a split transaction that is resumed. */
  readonly delivered?: (change: Change, tx: Tx) => void;
  /** The heartbeat record of this moment. */
  readonly beat?: (out: Message[]) => void;
}

/** One transform of a chain: gives the message to go on with, or null to drop it. */
export type Stage = (message: Message) => Message | null;
