/** What the outbox router needs and makes, for those who look at tables and topics without a row at hand; pure. */
import type { ConnectorConfig } from '../config/connector.ts';
import { literalOf } from '../config/java-replacement.ts';
import type { NeededColumn } from '../source/postgres/doctor-table.ts';

/** The columns that a row has to have. */
export function neededColumns({ router, headers }: ConnectorConfig): readonly NeededColumn[] {
  const one = (column: string, option: string, notNull = false): NeededColumn => ({ column, option, notNull });
  return [
    one(router.id, 'table.field.event.id'),
    ...(router.key === null ? [] : [one(router.key, 'table.field.event.key')]),
    one(router.payload, 'table.field.event.payload'),
    one(router.routeBy, 'route.by.field', true),
    ...(router.missing === 'ignore'
      ? []
      : headers.map(({ column }) => one(column, 'table.fields.additional.placement'))),
  ];
}

const GROUP = /\$\$|\$&|\$\d\d|\$<\w+>/g;

/** Whether the router may make a topic of this name; of a replacement without any text of its own nothing can be said. */
export function topicPattern({ topicReplacement }: Pick<ConnectorConfig, 'topicReplacement'>): RegExp | null {
  if (literalOf(topicReplacement) === '') return null;
  const parts = topicReplacement.split(GROUP).map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}$`);
}

/** A topic that the router could make. */
export function exampleTopic({ topicReplacement }: Pick<ConnectorConfig, 'topicReplacement'>): string {
  return topicReplacement.replaceAll(GROUP, 'example');
}
