import type { Row } from '../change/change.ts';
import type { ChangeEvent } from '../change/event.ts';
import type { Payload } from '../change/message.ts';
import type { Datum } from '../change/schema.ts';
import type { Events } from './events.ts';

/** How one side of a record becomes bytes. */
export interface Converter {
  /** A column's content, which is bytes already. */
  payload(payload: Payload, topic: string): Buffer | null;
  /** What a transform has made. */
  datum(datum: Datum, topic: string): Buffer | null;
  /** A row change that no transform has made into something else. */
  event(event: ChangeEvent, topic: string): Buffer | null;
  /** The key of one. */
  rowKey(row: Row, topic: string): Buffer | null;
}

/** A converter that looks at data alone. */
export function dataConverter(events: Events, convert: Pick<Converter, 'payload' | 'datum'>): Converter {
  return {
    ...convert,
    event: (event, topic) => convert.datum(events.value(event), topic),
    rowKey: (row, topic) => {
      const key = events.key(row);
      return key === null ? null : convert.datum(key, topic);
    },
  };
}
