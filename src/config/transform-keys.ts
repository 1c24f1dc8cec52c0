/** What stands behind `transforms.<alias>.` for every transform, and behind `predicates.<name>.`, declared once. */
import { boolean, choice, optional, text } from './field.ts';

export const STEP_KEYS = {
  predicate: optional('predicate', {
    example: 'isOutbox',
    doc: 'The predicate, one of "predicates", that decides which records the transform sees; others pass as they are.',
  }),
  negate: boolean('negate', { doc: 'The transform sees the others.', default: false }),
} as const;

export const PREDICATE_KEYS = {
  type: choice('type', ['TopicNameMatches', 'HasHeaderKey', 'RecordIsTombstone'], {
    doc: "One of Connect's predicates, or the path of a module in plugin.path.",
    aliases: {
      'org.apache.kafka.connect.transforms.predicates.TopicNameMatches': 'TopicNameMatches',
      'org.apache.kafka.connect.transforms.predicates.HasHeaderKey': 'HasHeaderKey',
      'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone': 'RecordIsTombstone',
    },
    modules: true,
  }),
} as const;
export const TOPIC_NAME_MATCHES_KEYS = {
  pattern: text('pattern', {
    example: 'shop\\.public\\.outbox',
    doc: "Java's regular expression for the whole topic.",
  }),
} as const;
export const HAS_HEADER_KEY_KEYS = {
  name: text('name', { example: 'id', doc: 'Name of a header.' }),
} as const;
