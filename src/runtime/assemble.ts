/** Makes a source and a sink of a configuration: the one place that knows both sides. */
import type { ConnectorConfig } from '../config/connector.ts';
import { readFileSync } from 'node:fs';
import { MillraceError, messageOf } from '../errors.ts';
import type { KafkaSettings } from '../kafka/client.ts';
import { createKafkaSink } from '../sink/kafka/sink.ts';
import type { Sink } from '../sink/sink.ts';
import { createPostgresSource } from '../source/postgres/source.ts';
import type { Source } from '../source/source.ts';
import { VERSION } from './version.ts';
import type { WorkerContext } from './worker.ts';

export function createSource(config: ConnectorConfig, context: WorkerContext): Source {
  const { values, name } = config;
  return createPostgresSource(
    {
      connectorName: name,
      transactionalId: transactionalId(config),
      host: values.hostname,
      port: values.port,
      user: values.user,
      password: values.password,
      database: values.dbname,
      sslMode: values.sslMode,
      sslRootCert: values.sslRootCert,
      sslCert: values.sslCert,
      sslKey: values.sslKey,
      slotName: values.slotName ?? defaultName(name),
      slotAdopt: values.slotAdopt,
      publicationName: values.publicationName ?? defaultName(name),
      publicationAutocreate: values.publicationAutocreate,
      includeTables: values.tables,
    },
    context,
  );
}

export function createSink(config: ConnectorConfig, context: WorkerContext): Sink {
  const { values } = config;
  return createKafkaSink(
    {
      connector: config.name,
      version: VERSION,
      kafka: kafkaSettings(config),
      transactionalId: transactionalId(config),
      transactionTimeoutMs: values.transactionTimeoutMs,
      split: values.split,
      offsetsTopic: values.offsetsTopic,
      maxRequestBytes: values.maxRequestBytes,
      topicCreation: {
        enable: values.topicCreation,
        partitions: values.topicPartitions,
        replicationFactor: values.topicReplication,
        configs: config.topicConfigs,
      },
    },
    context,
  );
}

/** How to reach Kafka, from a connector's keys. */
export function kafkaSettings({ values }: ConnectorConfig): KafkaSettings {
  const { securityProtocol, saslMechanism, saslUsername, saslPassword } = values;
  const mechanism =
    saslMechanism === 'PLAIN' ? 'plain' : saslMechanism === 'SCRAM-SHA-256' ? 'scram-sha-256' : 'scram-sha-512';
  const sasl = securityProtocol.startsWith('SASL')
    ? ({ mechanism, username: saslUsername ?? '', password: saslPassword ?? '' } as const)
    : null;
  const tls = securityProtocol.endsWith('SSL')
    ? { ca: pem(values.sslCa), cert: pem(values.sslCertificate), key: pem(values.sslKeyFile) }
    : null;
  return { bootstrapServers: values.bootstrap, clientId: values.clientId, sasl, tls };
}

function pem(path: string | null): string | null {
  if (path === null) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new MillraceError('config', `cannot read a kafka.ssl file: ${messageOf(error)}`);
  }
}

function transactionalId(config: ConnectorConfig): string {
  return config.values.transactionalIdPrefix + config.name;
}

/** Slot names are lower-case letters, digits and underscores, 63 at most. */
function defaultName(connector: string): string {
  return `millrace_${connector.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')}`.slice(0, 63);
}
