/** What a start of a connector would find and make: Kafka first, since what it holds decides what the database has to have. */
import type { Finding } from '../change/finding.ts';
import type { ConnectorConfig } from '../config/connector.ts';
import { MillraceError } from '../errors.ts';
import type { Clock, Log } from '../ports.ts';
import { clashFinding, planKafka, topicCommand } from '../sink/kafka/plan.ts';
import { planDatabase } from '../source/postgres/plan.ts';
import { loadPlugins } from './chain.ts';
import { postgresSettings, sinkSettings } from './assemble.ts';
import { neededColumns, topicPattern } from './doctor-router.ts';
import { TopicNames } from '../transform/topic-name.ts';

export interface ConnectorPlan {
  readonly database: readonly Finding[];
  readonly kafka: readonly Finding[];
}

export async function planConnector(
  config: ConnectorConfig,
  context: { readonly log: Log; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ConnectorPlan> {
  const settings = postgresSettings(config);
  const pattern = topicPattern(config);
  const {
    findings: kafka,
    stored,
    clusterId,
    topics,
  } = await planKafka(sinkSettings(config), {
    ...context,
    isTarget: (topic) => pattern?.test(topic) ?? false,
  });
  const { position, claim } = stored;
  const { findings, facts, tables } = await planDatabase({
    settings,
    position,
    claim,
    clusterId,
    needed: neededColumns(config),
    signal: context.signal,
  });
  if (facts === null) return { database: findings, kafka };
  const ancestors = facts.ancestors.map(({ timeline }) => timeline);
  const clash = clashFinding(config.name, stored, { ...facts, ancestors, intent: settings.slotName });
  return { database: findings, kafka: [...kafka, ...rowTopics(config, tables, topics), ...clash] };
}

const MOST_NAMES = 10;

/** Where row changes go; a transform of any kind may send them elsewhere. `existing` null: nobody knows. */
function rowTopics(
  config: ConnectorConfig,
  tables: readonly string[],
  existing: ReadonlySet<string> | null,
): Finding[] {
  const { name, values, transforms } = config;
  if (transforms.length > 0 || tables.length === 0) return [];
  const names = new TopicNames(values.topicPrefix ?? name, values.topicDelimiter);
  const topics = tables.map((table) => {
    const dot = table.indexOf('.');
    return names.named(table.slice(0, dot), table.slice(dot + 1));
  });
  const found: Finding[] = [{ level: 'ok', text: `row changes go to ${topics.join(', ')}` }];
  const { topicCreation } = sinkSettings(config);
  const missing = existing === null || topicCreation.enable ? [] : topics.filter((topic) => !existing.has(topic));
  if (missing.length === 0) return found;
  const more = missing.length > MOST_NAMES ? ` and ${missing.length - MOST_NAMES} more` : '';
  const text =
    `topics that are not there (or not to be seen by us), while topic.creation.enable is false: ` +
    `${missing.slice(0, MOST_NAMES).join(', ')}${more}; no row of their tables can be written before they are`;
  const statement = missing.map((topic) => topicCommand(topic, topicCreation)).join(' && ');
  return [...found, { level: 'warning', text, statement }];
}

/** Whether the connector could run. */
export function couldRun({ database, kafka }: ConnectorPlan): boolean {
  return [...database, ...kafka].every((finding) => finding.level !== 'obstacle');
}

/** A configuration that cannot be put to use (a PEM file that is not there, a module that cannot be loaded) is an obstacle like others. */
export async function planOrObstacle(
  config: ConnectorConfig,
  context: Parameters<typeof planConnector>[1],
): Promise<ConnectorPlan> {
  try {
    (await loadPlugins(config)).close();
    return await planConnector(config, context);
  } catch (error) {
    if (!(error instanceof MillraceError) || context.signal.aborted) throw error;
    return { database: [], kafka: [{ level: 'obstacle', text: error.message }] };
  }
}
