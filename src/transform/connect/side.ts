/** The key or the value of a message, for transforms that exist for both (`Cast$Key`, `Cast$Value`). */
import type { Body, Message } from '../../change/message.ts';
import type { Datum } from '../../change/schema.ts';
import { type Decoding, RecordView } from '../record.ts';

export type SideName = 'key' | 'value';

export interface Side {
  readonly of: SideName;
  /** Decodes it: from bytes, or from the row change. */
  read(message: Message): Datum;
  /** The message with another one. */
  replace(message: Message, datum: Datum): Message;
}

export function sideOf(of: SideName, decoding: Decoding): Side {
  if (of === 'key') {
    return {
      of,
      read: (message) => new RecordView(message, decoding).keyDatum(),
      replace: (message, key) => ({ ...message, key }),
    };
  }
  return {
    of,
    read: (message) => new RecordView(message, decoding).valueDatum(),
    replace: (message, datum) => {
      const body: Body =
        datum.value === null && datum.schema === null ? { kind: 'tombstone' } : { kind: 'data', datum };
      return { ...message, body };
    },
  };
}
