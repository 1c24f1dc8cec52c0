import type { Change } from '../change/change.ts';
import type { Tx } from '../change/fragment.ts';
import type { Message } from '../change/message.ts';

/** Makes messages of a change: none drops it, several fan it out. Pushes into `out` so that nothing is allocated. */
export type Transform = (change: Change, tx: Tx | null, out: Message[]) => void;

/** One transform of a chain: gives the message to go on with, or null to drop it. */
export type Stage = (message: Message, tx: Tx | null) => Message | null;
