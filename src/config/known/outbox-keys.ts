/** Debezium 3.4's outbox event router, behind `transforms.<alias>.`: the options that ours does not have. */
import { type Family, fixed, harmless, mapped, refused } from './known-key.ts';

export const OUTBOX: Family = {
  title: 'The outbox event router',
  about: 'Options of `io.debezium.transforms.outbox.EventRouter`, behind `transforms.<alias>.`.',
  keys: [
    ...mapped(
      'table.fields.additional.error.on.missing',
      'table.field.additional.missing',
      'the same under its newer name',
      { true: 'error', false: 'ignore' },
    ),
    ...refused(
      'record timestamps from a column are not supported yet, and ignoring it would change the events',
      'Remove it (records then carry the time of processing) and place the column as a header: table.fields.additional.placement',
      'table.field.event.timestamp',
    ),
    ...harmless('events carry no Connect schema that could have a version', 'table.field.event.schema.version'),
    ...fixed(
      'table.expand.json.payload',
      ['false'],
      'payloads are not taken apart',
      'a payload that is taken apart is written anew, with other bytes. Set it to false with value.converter=raw: the JSON text is sent as the row holds it',
    ),
    ...harmless(
      'only table.expand.json.payload=true reads it',
      'table.json.payload.null.behavior',
      'table.json.payload.empty.array.behavior',
    ),
    ...refused(
      'tracing is not supported yet, and its headers would be missing',
      'Store the traceparent in a column of its own and place it as a header: traceparent:header',
      'tracing.span.context.field',
    ),
    ...harmless('no spans are sent', 'tracing.operation.name', 'tracing.with.context.field.only'),
  ],
};
