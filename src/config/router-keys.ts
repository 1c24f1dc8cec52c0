/** Options of the outbox router, behind `transforms.<alias>.`, declared once. */
import { CONNECT_CLASSES, CONNECT_TYPES } from './connect-transforms/types.ts';
import { boolean, choice, list, optional, text } from './field.ts';

export const ROUTER_KEYS = {
  type: choice<string>('type', ['outbox', ...CONNECT_TYPES], {
    doc: 'The transform: outbox (io.debezium.transforms.outbox.EventRouter), one of those below, with or without its package, or the path of a module in plugin.path.',
    aliases: {
      'io.debezium.transforms.outbox.EventRouter': 'outbox',
      EventRouter: 'outbox',
      ...CONNECT_CLASSES,
    },
    modules: true,
    otherwise: 'what another transform does, a module of your own can do: docs/plugins.md',
  }),
  id: text('table.field.event.id', { example: 'id', doc: 'Column of the id header.', default: 'id' }),
  key: optional('table.field.event.key', {
    example: 'aggregateid',
    doc: 'Column of the record key; empty: no key.',
    default: 'aggregateid',
  }),
  eventType: text('table.field.event.type', {
    example: 'type',
    doc: 'Accepted, as in Debezium without effect.',
    default: 'type',
  }),
  payload: text('table.field.event.payload', { example: 'payload', doc: 'Column of the value.', default: 'payload' }),
  placement: list('table.fields.additional.placement', {
    example: 'type:header:eventType,tenant:header',
    doc: 'Columns that become headers: a list of column:header and column:header:name.',
    default: [],
  }),
  missing: choice('table.field.additional.missing', ['error', 'ignore'], {
    doc: 'What happens when such a column is not there.',
    default: 'error',
  }),
  onUpdate: choice('table.op.invalid.behavior', ['warn', 'error', 'fatal'], {
    doc: 'What an UPDATE of the outbox does: a warning, an error in the log, or a stop.',
    default: 'warn',
  }),
  routeBy: text('route.by.field', {
    example: 'aggregatetype',
    doc: 'Column that names the topic.',
    default: 'aggregatetype',
  }),
  topicRegex: text('route.topic.regex', {
    example: '(?<routedByValue>.*)',
    doc: "Java's regular expression for its value; has to match it whole.",
    default: '(?<routedByValue>.*)',
  }),
  topicReplacement: text('route.topic.replacement', {
    example: 'outbox.event.${routedByValue}',
    doc: 'The topic, with groups as ${name} or $1.',
    default: 'outbox.event.${routedByValue}',
  }),
  tombstone: boolean('route.tombstone.on.empty.payload', { doc: 'An empty payload is a tombstone.', default: false }),
} as const;
