/**
 * Kafka Connect's predicates, `org.apache.kafka.connect.transforms.predicates.*`
 * (https://kafka.apache.org/documentation/#connect_predicates).
 */
import type { Tx } from '../change/fragment.ts';
import type { Message } from '../change/message.ts';

export type Predicate = (message: Message, tx: Tx | null) => boolean;

/** TopicNameMatches: the pattern, which is anchored by whoever read it, matches the topic. */
export function topicNameMatches(pattern: RegExp): Predicate {
  // Topics are few: the regex is asked once for each.
  const known = new Map<string, boolean>();
  return ({ topic }) => {
    let matches = known.get(topic);
    if (matches === undefined) {
      matches = pattern.test(topic);
      if (known.size >= 10_000) known.clear();
      known.set(topic, matches);
    }
    return matches;
  };
}

/** HasHeaderKey: at least one header has that name. */
export function hasHeaderKey(name: string): Predicate {
  return ({ headers }) => headers.some((header) => header.name === name);
}

/** RecordIsTombstone: the value is null. */
export function recordIsTombstone(): Predicate {
  return ({ body }) => {
    switch (body.kind) {
      case 'tombstone':
        return true;
      case 'payload':
        return body.payload.bytes === null;
      case 'data':
        return body.datum.value === null;
      case 'change':
        return false;
    }
  };
}
