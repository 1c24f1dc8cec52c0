/** The key or the value of a message, for transforms that exist for both (`Cast$Key`, `Cast$Value`). */
import type { Tx } from '../../change/fragment.ts';
import type { Body, Message } from '../../change/message.ts';
import type { Datum } from '../../change/schema.ts';
import { type Decoding, RecordView } from '../record.ts';

export type SideName = 'key' | 'value';

export interface Side {
  readonly of: SideName;
  /** Decodes it: from bytes, or from the row change. */
  read(message: Message, tx: Tx | null): Datum;
  /** The message with another one. */
  replace(message: Message, tx: Tx | null, datum: Datum): Message;
}

export function sideOf(of: SideName, decoding: Decoding): Side {
  if (of === 'key') {
    return {
      of,
      read: (message, tx) => new RecordView(message, tx, decoding).keyDatum(),
      replace: (message, _tx, key) => ({ ...message, key }),
    };
  }
  return {
    of,
    read: (message, tx) => new RecordView(message, tx, decoding).valueDatum(),
    replace: (message, tx, datum) => {
      const body: Body =
        datum.value === null && datum.schema === null ? { kind: 'tombstone' } : { kind: 'data', datum };
      // A row change says what its key is; what takes its place does not.
      if (message.key !== null || message.body.kind !== 'change') return { ...message, body };
      return { ...message, key: new RecordView(message, tx, decoding).keyDatum(), body };
    },
  };
}
