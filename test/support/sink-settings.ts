import type { KafkaSettings } from '../../src/kafka/client.ts';
import type { KafkaSinkSettings } from '../../src/sink/kafka/sink.ts';

/** Settings of a Kafka sink as a user's defaults would make them, on one broker. */
export function sinkSettings(
  connector: string,
  kafka: Partial<KafkaSettings> & Pick<KafkaSettings, 'bootstrapServers'>,
  over: Partial<KafkaSinkSettings> = {},
): KafkaSinkSettings {
  return {
    connector,
    version: 'test',
    kafka: { clientId: 'test', sasl: null, tls: null, ...kafka },
    transactionalId: `millrace-${connector}`,
    transactionTimeoutMs: 60_000,
    split: 'auto',
    offsetsTopic: `${connector}-offsets`,
    maxRequestBytes: 1_000_000,
    topicCreation: { enable: true, partitions: 3, replicationFactor: 1, configs: {} },
    ...over,
  };
}
