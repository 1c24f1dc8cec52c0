/** Topics: looking one up, creating it, reading its settings. */
import { MillraceError } from '../errors.ts';
import type { Clock, Log } from '../ports.ts';
import { errorType, kafkaError } from './client.ts';
import { type Cluster, type TopicRequest, anyBroker } from './cluster.ts';

export interface TopicCreation {
  readonly enable: boolean;
  /** -1: the broker's default. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

export interface TopicContext {
  readonly cluster: Cluster;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** ConfigResource.Type.TOPIC of the protocol. */
const TOPIC_RESOURCE = 2;
/** ConfigResource.Type.BROKER. */
const BROKER_RESOURCE = 4;
const CREATE_TIMEOUT_MS = 30_000;
const LEADERS_WITHIN_MS = 30_000;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
/** The protocol's timestamp for the first offset. */
const EARLIEST = -2;
/** For the end. */
const LATEST = -1;

/** Node ids of the leaders by partition, or null if there is no such topic. Waits for leaders that are being elected. */
export async function topicLeaders(context: TopicContext, topic: string): Promise<readonly number[] | null> {
  const { cluster, clock, signal } = context;
  const until = clock.now() + LEADERS_WITHIN_MS;
  for (let waitMs = 5; ; waitMs = Math.min(200, waitMs * 2)) {
    try {
      const broker = await anyBroker(cluster);
      const { topicMetadata } = await broker.metadata([topic]);
      const partitions = topicMetadata[0]?.partitionMetadata ?? [];
      const leaders: number[] = [];
      for (const { partitionId, leader } of partitions) leaders[partitionId] = leader;
      // Leaders may stand on brokers that have joined since we looked.
      if (leaders.some((leader) => !(leader in cluster.brokerPool.brokers))) await cluster.refreshMetadata();
      if (leaders.length > 0) return leaders;
    } catch (error) {
      if (errorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return null;
      if (errorType(error) !== 'LEADER_NOT_AVAILABLE' || clock.now() > until) {
        throw kafkaError(error, `cannot look topic "${topic}" up`);
      }
    }
    await clock.sleep(waitMs, signal);
  }
}

/** Makes sure that a topic exists and gives the leaders of its partitions. */
export async function ensureTopic(
  context: TopicContext,
  topic: string,
  creation: TopicCreation,
): Promise<readonly number[]> {
  const existing = await topicLeaders(context, topic);
  if (existing !== null) return existing;
  if (!creation.enable) {
    throw new MillraceError(
      'kafka-rejected',
      `topic "${topic}" does not exist and topic.creation.enable is false. Create it, or set topic.creation.enable=true`,
    );
  }
  await createTopic(context, topic, creation);
  const starts = await topicStarts(context, topic, 'created');
  return starts.map(({ leader }) => leader);
}

/**
 * The same for many at once: a broker answers one request of a connection after the other, so that a thousand new topics,
 * each in a request, would keep a first batch waiting for the better part of a minute.
 */
export async function ensureTopics(
  context: TopicContext,
  topics: readonly string[],
  creation: TopicCreation,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const leaders = new Map<string, readonly number[]>();
  const missing: string[] = [];
  for (const topic of topics) {
    const existing = await topicLeaders(context, topic);
    if (existing === null) missing.push(topic);
    else leaders.set(topic, existing);
  }
  const created = creation.enable && missing.length > 1 && (await createAll(context, missing, creation));
  for (const topic of missing) {
    const found = created
      ? (await topicStarts(context, topic, 'created')).map(({ leader }) => leader)
      : await ensureTopic(context, topic, creation);
    leaders.set(topic, found);
  }
  return leaders;
}

/** False when the brokers refused one of them; then each is told apart by itself. */
async function createAll(
  { cluster, log }: TopicContext,
  topics: readonly string[],
  creation: TopicCreation,
): Promise<boolean> {
  try {
    const controller = await cluster.findControllerBroker();
    await controller.createTopics({
      timeout: CREATE_TIMEOUT_MS,
      topics: topics.map((topic) => requestFor(topic, creation)),
    });
  } catch {
    return false;
  }
  for (const topic of topics) log.info('created topic', { topic });
  return true;
}

export interface PartitionStart {
  readonly partition: number;
  /** Node id. */
  readonly leader: number;
  /** First offset that is kept. */
  readonly offset: bigint;
}

/** Answers of brokers that do not know yet of a topic or an election that others know of. */
const NOT_YET = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE']);

/**
 * Where the partitions start, in order of their numbers. Every leader has answered, so that what is written next finds
 * it: the metadata of a new topic is there before its leaders know of it. Throws `kafka-rejected` for an unknown topic,
 * at once unless it has just been created.
 */
export async function topicStarts(
  context: TopicContext,
  topic: string,
  since: 'found' | 'created' = 'found',
): Promise<readonly PartitionStart[]> {
  const { clock, signal } = context;
  const until = clock.now() + LEADERS_WITHIN_MS;
  for (let waitMs = 5; ; waitMs = Math.min(200, waitMs * 2)) {
    try {
      const leaders = await topicLeaders(context, topic);
      if (leaders !== null) return await askLeaders(context, topic, leaders);
      if (since === 'found' || clock.now() > until) {
        throw new MillraceError('kafka-rejected', `topic "${topic}" does not exist`);
      }
    } catch (error) {
      if (!NOT_YET.has(errorType(error)) || clock.now() > until) {
        throw kafkaError(error, `cannot find the leaders of topic "${topic}"`);
      }
    }
    await clock.sleep(waitMs, signal);
  }
}

async function askLeaders(
  { cluster }: TopicContext,
  topic: string,
  leaders: readonly number[],
): Promise<readonly PartitionStart[]> {
  const byLeader = Map.groupBy(leaders.keys(), (partition) => leaders[partition] ?? -1);
  const lists = await Promise.all(
    Array.from(byLeader, async ([leader, partitions]) => {
      const broker = await cluster.findBroker({ nodeId: String(leader) });
      const { responses } = await broker.listOffsets({
        isolationLevel: READ_COMMITTED,
        topics: [{ topic, partitions: partitions.map((partition) => ({ partition, timestamp: EARLIEST })) }],
      });
      const answered = responses[0]?.partitions ?? [];
      return answered.map(({ partition, offset }) => ({ partition, leader, offset: BigInt(offset) }));
    }),
  );
  return lists.flat().sort((a, b) => a.partition - b.partition);
}

/**
 * The ends of partitions: `stable` is how far a committed reader gets (the last stable offset), `written` the high
 * watermark. Throws protocol errors.
 */
export async function endOffsets(
  cluster: Cluster,
  partitions: readonly { readonly topic: string; readonly partition: number; readonly leader: number }[],
  end: 'stable' | 'written',
): Promise<readonly bigint[]> {
  const found = new Map<string, bigint>();
  const byLeader = Map.groupBy(partitions, ({ leader }) => leader);
  await Promise.all(
    Array.from(byLeader, async ([leader, of]) => {
      const broker = await cluster.findBroker({ nodeId: String(leader) });
      const topics = Array.from(
        Map.groupBy(of, ({ topic }) => topic),
        ([topic, list]) => ({ topic, partitions: list.map(({ partition }) => ({ partition, timestamp: LATEST })) }),
      );
      const isolationLevel = end === 'stable' ? READ_COMMITTED : READ_UNCOMMITTED;
      const { responses } = await broker.listOffsets({ isolationLevel, topics });
      for (const { topic, partitions: answered } of responses) {
        for (const { partition, offset } of answered) found.set(`${topic}/${partition}`, BigInt(offset));
      }
    }),
  );
  return partitions.map(({ topic, partition }) => found.get(`${topic}/${partition}`) ?? -1n);
}

async function createTopic({ cluster, log }: TopicContext, topic: string, creation: TopicCreation): Promise<void> {
  try {
    const controller = await cluster.findControllerBroker();
    await controller.createTopics({
      timeout: CREATE_TIMEOUT_MS,
      topics: [requestFor(topic, creation)],
    });
    log.info('created topic', { topic });
  } catch (error) {
    // Another instance may have been faster.
    if (errorType(error) !== 'TOPIC_ALREADY_EXISTS') throw kafkaError(error, `cannot create topic "${topic}"`);
  }
}

/** Asks the brokers whether they would create a topic; none is created. Throws what they would refuse. */
export async function checkCreation({ cluster }: TopicContext, topic: string, creation: TopicCreation): Promise<void> {
  const controller = await cluster.findControllerBroker();
  await controller.createTopics({
    timeout: CREATE_TIMEOUT_MS,
    validateOnly: true,
    topics: [requestFor(topic, creation)],
  });
}

function requestFor(topic: string, { partitions, replicationFactor, configs }: TopicCreation): TopicRequest {
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
  return { topic, numPartitions: partitions, replicationFactor, configEntries };
}

/** Settings of a topic by name. Throws `kafka-rejected` without the right to describe them. */
export async function topicConfigs(
  { cluster }: TopicContext,
  topic: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  try {
    const broker = await anyBroker(cluster);
    const { resources } = await broker.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: TOPIC_RESOURCE, name: topic, configNames: names }],
    });
    return new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
  } catch (error) {
    throw kafkaError(error, `cannot read the settings of topic "${topic}"`);
  }
}

/** A setting of one of the brokers, or null where it is not said. Throws `kafka-rejected` without the right to ask. */
export async function brokerConfig({ cluster }: TopicContext, name: string): Promise<string | null> {
  try {
    const nodeId = Object.keys(cluster.brokerPool.brokers)[0];
    if (nodeId === undefined) return null;
    const broker = await cluster.findBroker({ nodeId });
    const { resources } = await broker.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: BROKER_RESOURCE, name: nodeId, configNames: [name] }],
    });
    return resources[0]?.configEntries.find(({ configName }) => configName === name)?.configValue ?? null;
  } catch (error) {
    throw kafkaError(error, `cannot read the brokers' ${name}`);
  }
}
