import type { Admin } from 'kafkajs';
import { MillraceError } from '../errors.ts';
import type { Log } from '../ports.ts';
import { kafkaError } from './client.ts';

export interface TopicCreation {
  readonly enable: boolean;
  /** -1: the broker's default. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

/** Number of partitions of a topic, or null if there is none. */
export async function partitionCount(admin: Admin, topic: string): Promise<number | null> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.length ?? null;
  } catch (error) {
    if (error instanceof Error && 'type' in error && error.type === 'UNKNOWN_TOPIC_OR_PARTITION') return null;
    throw kafkaError(error, `cannot look topic "${topic}" up`);
  }
}

/** Makes sure that a topic exists and gives its number of partitions. */
export async function ensureTopic(admin: Admin, topic: string, creation: TopicCreation, log: Log): Promise<number> {
  const existing = await partitionCount(admin, topic);
  if (existing !== null) return existing;
  if (!creation.enable) {
    throw new MillraceError(
      'kafka-rejected',
      `topic "${topic}" does not exist and topic.creation.enable is false. Create it, or set topic.creation.enable=true`,
    );
  }
  try {
    const created = await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic,
          numPartitions: creation.partitions,
          replicationFactor: creation.replicationFactor,
          configEntries: Object.entries(creation.configs).map(([name, value]) => ({ name, value })),
        },
      ],
    });
    if (created) log.info('created topic', { topic });
  } catch (error) {
    throw kafkaError(error, `cannot create topic "${topic}"`);
  }
  const count = await partitionCount(admin, topic);
  if (count === null) throw new MillraceError('kafka-unavailable', `topic "${topic}" was created and is not there yet`);
  return count;
}
