/** What the outbox router needs and what topics there may be, for those who look at tables and topics without a row at hand; pure. */
import type { ConnectorConfig } from '../config/connector.ts';
import { literalOf } from '../config/java-replacement.ts';
import type { RouterConfig } from '../config/transforms.ts';
import type { NeededColumn } from '../source/postgres/doctor-table.ts';

/** The columns that a row has to have; of rows that not every router sees nothing can be said. */
export function neededColumns({ transforms }: ConnectorConfig): readonly NeededColumn[] {
  const [first] = transforms;
  if (first === undefined || first.transform.kind !== 'outbox' || first.predicate !== null) return [];
  const { values, headers } = first.transform;
  const one = (column: string, option: string, notNull = false): NeededColumn => ({ column, option, notNull });
  return [
    one(values.id, 'table.field.event.id'),
    ...(values.key === null ? [] : [one(values.key, 'table.field.event.key')]),
    one(values.payload, 'table.field.event.payload'),
    one(values.routeBy, 'route.by.field', true),
    ...(values.missing === 'ignore'
      ? []
      : headers.map(({ column }) => one(column, 'table.fields.additional.placement'))),
  ];
}

const GROUP = /\$\$|\$&|\$\d\d|\$<\w+>/g;

/**
 * Whether the connector may write to a topic of this name: what its only router makes, or, without transforms, what row
 * changes are called. Of a replacement without any text of its own, and of other transforms, nothing can be said.
 */
export function topicPattern(config: ConnectorConfig): RegExp | null {
  if (config.transforms.length === 0) {
    const { topicPrefix, topicDelimiter } = config.values;
    return new RegExp(`^${literally(`${topicPrefix ?? config.name}${topicDelimiter}`)}`);
  }
  const router = onlyRouter(config);
  if (router === null || literalOf(router.topicReplacement) === '') return null;
  return new RegExp(`^${router.topicReplacement.split(GROUP).map(literally).join('.+')}$`);
}

/** A topic that the connector could write to; null where nothing can be said. */
export function exampleTopic(config: ConnectorConfig): string | null {
  if (config.transforms.length === 0) {
    const { topicPrefix, topicDelimiter } = config.values;
    return [topicPrefix ?? config.name, 'public', 'example'].join(topicDelimiter);
  }
  return onlyRouter(config)?.topicReplacement.replaceAll(GROUP, 'example') ?? null;
}

function onlyRouter({ transforms }: ConnectorConfig): RouterConfig | null {
  const [only, ...others] = transforms;
  return only?.transform.kind === 'outbox' && others.length === 0 ? only.transform : null;
}

function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
