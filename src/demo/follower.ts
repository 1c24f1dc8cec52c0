/** A consumer as any other: committed records only, a group of its own. */
import { type Admin, type Consumer, Kafka, logLevel } from 'kafkajs';
import { MillraceError } from '../errors.ts';
import type { Clock } from '../ports.ts';

export interface Heard {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

const READY_WITHIN_MS = 30_000;

/** Creates the topics, so that the consumer need not wait for their first records; resolves when they have leaders. */
export async function createTopics(bootstrap: string, topics: readonly string[], clock: Clock): Promise<void> {
  const admin = quietKafka(bootstrap).admin({ retry: { initialRetryTime: 20, retries: 1 } });
  await admin.connect();
  try {
    // kafkajs' own waiting gives up when a broker has not heard of the topic yet.
    await admin.createTopics({
      topics: topics.map((topic) => ({ topic, numPartitions: 3, replicationFactor: -1 })),
      waitForLeaders: false,
    });
    const until = clock.now() + READY_WITHIN_MS;
    while (!(await haveLeaders(admin, topics))) {
      if (clock.now() > until) {
        throw new MillraceError('kafka-unavailable', `Kafka has created ${topics.join(', ')}, but no leaders for them`);
      }
      await clock.sleep(20, new AbortController().signal);
    }
  } finally {
    await admin.disconnect();
  }
}

async function haveLeaders(admin: Admin, topics: readonly string[]): Promise<boolean> {
  try {
    const metadata = await admin.fetchTopicMetadata({ topics: [...topics] });
    return metadata.topics.every(
      ({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0),
    );
  } catch {
    // Not known to the broker that was asked.
    return false;
  }
}

/** Removes what a demo on somebody's own Kafka has made. */
export async function deleteTopics(bootstrap: string, topics: readonly string[]): Promise<void> {
  const admin = quietKafka(bootstrap).admin();
  await admin.connect();
  try {
    await admin.deleteTopics({ topics: [...topics] });
  } finally {
    await admin.disconnect();
  }
}

/** Resolves when the consumer has its partitions; hears every record from then and before. */
export async function follow(
  bootstrap: string,
  options: { readonly groupId: string; readonly topics: readonly string[]; readonly hear: (heard: Heard) => void },
): Promise<Consumer> {
  const consumer = quietKafka(bootstrap).consumer({
    groupId: options.groupId,
    readUncommitted: false,
    maxWaitTimeInMs: 10,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [...options.topics], fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const message of batch.messages) {
        const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
        options.hear({
          topic: batch.topic,
          key: String(message.key),
          value: String(message.value),
          headers: Object.fromEntries(headers) as Record<string, string>,
        });
      }
    },
  });
  await joined;
  return consumer;
}

function quietKafka(bootstrap: string): Kafka {
  return new Kafka({ brokers: [bootstrap], clientId: 'millrace-demo', logLevel: logLevel.NOTHING });
}
