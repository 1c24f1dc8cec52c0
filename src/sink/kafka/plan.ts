/** What a start would find and do in Kafka; nothing is created, fenced or waited for. */
import type { SourceIdentity } from '../../change/claim.ts';
import type { Finding } from '../../change/finding.ts';
import { MillraceError } from '../../errors.ts';
import { createKafka, kafkaError } from '../../kafka/client.ts';
import { type Cluster, anyBroker, closeCluster, findCoordinator, openCluster } from '../../kafka/cluster.ts';
import { type TopicState, allTopics } from '../../kafka/cluster-state.ts';
import { TopicTail } from '../../kafka/reader.ts';
import {
  type TopicContext,
  type TopicCreation,
  brokerConfig,
  checkCreation,
  topicConfigs,
  topicLeaders,
} from '../../kafka/topics.ts';
import type { Clock, Log } from '../../ports.ts';
import { weakDurability } from './durability.ts';
import { NOTHING_STORED, type Stored, foldStored, judgeOffsetsTopic, offsetsTopicCreation } from './offsets.ts';
import { type KafkaSinkSettings, checkClash } from './sink.ts';

export interface KafkaPlan {
  readonly findings: readonly Finding[];
  readonly stored: Stored;
  readonly clusterId: string;
  /** The names of all topics that we may see; null: they could not be asked for. */
  readonly topics: ReadonlySet<string> | null;
}

/** Looks at existing topics that the router writes to. */
export interface PlanTargets {
  readonly isTarget: (topic: string) => boolean;
}

interface PlanContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export async function planKafka(
  settings: KafkaSinkSettings,
  { isTarget, ...context }: PlanContext & PlanTargets,
): Promise<KafkaPlan> {
  const findings: Finding[] = [];
  let stored = NOTHING_STORED;
  let topicNames: ReadonlySet<string> | null = null;
  let cluster: Cluster | null = null;
  const attempt = async (doing: string, check: () => Promise<void>): Promise<void> => {
    try {
      await check();
    } catch (error) {
      context.signal.throwIfAborted();
      findings.push(obstacle(kafkaError(error, doing)));
    }
  };
  const { bootstrapServers } = settings.kafka;
  await attempt(`cannot reach Kafka at ${bootstrapServers.join(', ')}`, async () => {
    cluster = await openCluster(createKafka(settings.kafka, context.log));
  });
  // Assigned in a closure, which the compiler does not follow.
  const opened = cluster as Cluster | null;
  if (opened === null) return { findings, stored, clusterId: '', topics: null };
  try {
    const topics = { cluster: opened, ...context };
    const clusterId = opened.brokerPool.metadata?.clusterId ?? '';
    const brokers = Object.keys(opened.brokerPool.brokers).length;
    findings.push({
      level: 'ok',
      text: `reached Kafka at ${bootstrapServers.join(', ')}: cluster ${clusterId}, brokers: ${brokers}`,
    });
    await attempt(`cannot use offsets topic "${settings.offsetsTopic}"`, async () => {
      stored = await offsetsTopic(topics, settings, findings);
    });
    await attempt(`cannot use transactional.id "${settings.transactionalId}"`, async () => {
      await findCoordinator(opened, 'transaction', settings.transactionalId);
      findings.push({ level: 'ok', text: `transactional.id "${settings.transactionalId}" has a coordinator` });
    });
    await attempt('cannot ask for the longest transaction', async () => {
      findings.push(...(await transactionTimeout(topics, settings.transactionTimeoutMs)));
    });
    findings.push(eventTopics(settings.topicCreation));
    await attempt('cannot look at the event topics', async () => {
      const all = await allTopics(await anyBroker(opened));
      topicNames = new Set(all.map(({ topic }) => topic));
      const targets = all.filter(
        ({ topic, internal }) => !internal && topic !== settings.offsetsTopic && isTarget(topic),
      );
      findings.push(...(await durability(topics, targets)));
    });
    return { findings, stored, clusterId, topics: topicNames };
  } finally {
    await closeCluster(opened);
  }
}

/** Another database under our name: what `open` would refuse. */
export function clashFinding(connector: string, stored: Stored, identity: SourceIdentity): Finding[] {
  try {
    checkClash(connector, stored.claim, identity);
    return [];
  } catch (error) {
    if (error instanceof MillraceError) return [obstacle(error)];
    throw error;
  }
}

async function offsetsTopic(
  topics: TopicContext,
  { offsetsTopic: topic, connector, topicCreation }: KafkaSinkSettings,
  findings: Finding[],
): Promise<Stored> {
  const leaders = await topicLeaders(topics, topic);
  if (leaders === null) {
    const creation = offsetsTopicCreation(topicCreation.replicationFactor);
    findings.push({
      level: 'create',
      text: `offsets topic "${topic}" would be created`,
      statement: topicCommand(topic, creation),
    });
    await checkCreation(topics, topic, creation);
    return NOTHING_STORED;
  }
  const { refusals, warnings } = await judgeOffsetsTopic(topics, topic);
  findings.push(
    ...refusals.map(obstacle),
    ...warnings.map((each) => ({ ...obstacle(each), level: 'warning' as const })),
  );
  const tail = new TopicTail(topics.cluster, { topic, deadlineMs: 0, ...topics });
  const stored = foldStored(NOTHING_STORED, await tail.read('stable'), { connector, partitions: leaders.length });
  const what =
    stored.position === null ? 'holds no position: a first start' : 'holds a position: a start goes on from it';
  findings.push({ level: 'ok', text: `offsets topic "${topic}" has ${leaders.length} partitions and ${what}` });
  return stored;
}

/** The brokers refuse a producer that asks for more. */
export async function transactionTimeout(topics: TopicContext, wantedMs: number): Promise<Finding[]> {
  const name = 'transaction.max.timeout.ms';
  const mostMs = await brokerConfig(topics, name).catch((error: unknown) => {
    // Without the right to ask, a start shows it.
    if (error instanceof MillraceError && error.kind === 'kafka-rejected') return null;
    throw error;
  });
  if (mostMs === null || wantedMs <= Number(mostMs)) return [];
  const text = `kafka.transaction.timeout.ms is ${wantedMs}, and the brokers take ${mostMs} at most: lower it, or raise ${name} in server.properties of every broker and restart them`;
  return [{ level: 'obstacle', text }];
}

function eventTopics(creation: TopicCreation): Finding {
  if (!creation.enable) {
    return {
      level: 'warning',
      text: 'event topics have to exist before their first event: topic.creation.enable is false',
    };
  }
  const text = 'event topics that are missing would be created with their first event';
  return { level: 'create', text, statement: topicCommand('TOPIC', creation) };
}

const MOST_TOPICS = 200;

/** Existing event topics that lose what they have acknowledged when one broker is lost (design 3.2.8). */
async function durability(topics: TopicContext, targets: readonly TopicState[]): Promise<Finding[]> {
  const replicated = targets
    .map(({ topic, partitions }) => ({ topic, replicas: Math.min(...partitions.map((each) => each.replicas.length)) }))
    .filter(({ replicas }) => replicas >= 3);
  const found = await Promise.all(
    replicated.slice(0, MOST_TOPICS).map(async ({ topic, replicas }): Promise<Finding[]> => {
      const minInSync = await minInSyncOf(topics, topic);
      const weak = minInSync === null ? null : weakDurability({ topic, replicas, minInSync });
      return weak === null ? [] : [{ level: 'warning', ...weak }];
    }),
  );
  return found.flat();
}

/** null without the right to describe the topic's settings. */
async function minInSyncOf(topics: TopicContext, topic: string): Promise<number | null> {
  const name = 'min.insync.replicas';
  try {
    return Number((await topicConfigs(topics, topic, [name])).get(name) ?? 1);
  } catch (error) {
    if (error instanceof MillraceError && error.kind === 'kafka-rejected') return null;
    throw error;
  }
}

/** What a start would ask of the brokers, as their own tool says it. */
export function topicCommand(topic: string, { partitions, replicationFactor, configs }: TopicCreation): string {
  return [
    `kafka-topics.sh --create --topic ${topic}`,
    ...(partitions < 0 ? [] : [`--partitions ${partitions}`]),
    ...(replicationFactor < 0 ? [] : [`--replication-factor ${replicationFactor}`]),
    ...Object.entries(configs).map(([name, value]) => `--config ${name}=${value}`),
  ].join(' ');
}

function obstacle({ message: text, statement }: MillraceError): Finding {
  return { level: 'obstacle', text, ...(statement === null ? {} : { statement }) };
}
