/** What is stored of a connector, read by somebody who is not its owner: nothing is created, fenced or waited for. */
import { type KafkaSettings, createKafka, kafkaError } from '../../kafka/client.ts';
import { closeCluster, openCluster } from '../../kafka/cluster.ts';
import { TopicTail } from '../../kafka/reader.ts';
import { topicLeaders } from '../../kafka/topics.ts';
import type { Clock, Log } from '../../ports.ts';
import { NOTHING_STORED, type Stored, foldStored } from './offsets.ts';

export interface StoredOptions {
  readonly kafka: KafkaSettings;
  readonly offsetsTopic: string;
  readonly connector: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Committed records up to the first open transaction; null if there is no such topic. */
export async function readStored({
  kafka,
  offsetsTopic,
  connector,
  ...context
}: StoredOptions): Promise<Stored | null> {
  const cluster = await openCluster(createKafka(kafka, context.log)).catch((error: unknown) => {
    throw kafkaError(error, `cannot reach Kafka at ${kafka.bootstrapServers.join(', ')}`);
  });
  try {
    const leaders = await topicLeaders({ cluster, ...context }, offsetsTopic);
    if (leaders === null) return null;
    const tail = new TopicTail(cluster, { topic: offsetsTopic, deadlineMs: 0, ...context });
    return foldStored(NOTHING_STORED, await tail.read('stable'), { connector, partitions: leaders.length });
  } finally {
    await closeCluster(cluster);
  }
}
