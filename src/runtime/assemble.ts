/** Makes a source and a sink of a configuration: the one place that knows both sides. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tableName } from '../change/table.ts';
import type { ColumnFilter } from '../config/columns.ts';
import type { ConnectorConfig } from '../config/connector.ts';
import type { Pem } from '../config/kafka-security.ts';
import { MillraceError, messageOf } from '../errors.ts';
import type { KafkaSettings } from '../kafka/client.ts';
import { type KafkaSinkContext, type KafkaSinkSettings, createKafkaSink } from '../sink/kafka/sink.ts';
import type { ResettableSink } from '../sink/sink.ts';
import type { Operation, PostgresSettings } from '../source/postgres/settings.ts';
import { readLogAlone } from '../source/postgres/log-reading.ts';
import { type PostgresSourceContext, createPostgresSource } from '../source/postgres/source.ts';
import type { Source } from '../source/source.ts';
import type { LogReading } from '../ports.ts';
import { VERSION } from './version.ts';

export function createSource(config: ConnectorConfig, context: PostgresSourceContext): Source {
  return createPostgresSource(postgresSettings(config), context);
}

/** What the database says of its log, in a session of its own. */
export function readLog(config: ConnectorConfig, signal: AbortSignal): Promise<LogReading> {
  return readLogAlone(postgresSettings(config), signal);
}

export function postgresSettings(config: ConnectorConfig): PostgresSettings {
  const { values, name } = config;
  return {
    connectorName: name,
    transactionalId: config.transactionalId,
    host: values.hostname,
    port: values.port,
    user: values.user,
    password: values.password,
    database: values.dbname,
    sslMode: values.sslMode,
    sslRootCert: values.sslRootCert,
    sslCert: values.sslCert,
    sslKey: values.sslKey,
    slotName: config.slotName,
    slotAdopt: values.slotAdopt,
    publicationName: config.publicationName,
    publicationAutocreate: values.publicationAutocreate,
    includeTables: config.tables,
    version: VERSION,
    topicPrefix: values.topicPrefix ?? name,
    types: {
      decimal: values.decimal,
      time: values.time,
      interval: values.interval,
      binary: values.binary,
      hstore: values.hstore,
      moneyFractionDigits: values.moneyDigits,
      includeUnknown: values.unknownTypes,
    },
    columns: columnRules(config.columns),
    identities: config.identities,
    includesMessage: messageRule(config),
    ...operations(config),
    heartbeat:
      values.heartbeatMs === 0
        ? null
        : { everyMs: values.heartbeatMs, query: values.heartbeatQuery, messagePrefix: values.heartbeatMessage },
  };
}

/** What our own heartbeats write is no event, whatever the lists say. */
function messageRule({ messages: { include, exclude }, values }: ConnectorConfig): PostgresSettings['includesMessage'] {
  const own = values.heartbeatMs === 0 ? null : values.heartbeatMessage;
  return (prefix) => {
    if (prefix === own) return false;
    if (include.length > 0) return include.some((pattern) => pattern.test(prefix));
    return !exclude.some((pattern) => pattern.test(prefix));
  };
}

const LETTERS = { insert: 'c', update: 'u', delete: 'd', truncate: 't' } as const;

function operations({
  values,
  transforms,
  publishesLess,
}: ConnectorConfig): Pick<PostgresSettings, 'operations' | 'publish'> {
  const skipped = values.skipped.includes('none') ? [] : values.skipped;
  const left = (Object.keys(LETTERS) as Operation[]).filter((each) => !skipped.includes(LETTERS[each]));
  // Of a row that is not inserted an outbox router makes no event.
  const routed = transforms.some(({ transform, predicate }) => transform.kind === 'outbox' && predicate === null);
  return {
    operations: routed ? left.filter((each) => each === 'insert') : left,
    publish: publishesLess && skipped.length > 0 ? left : null,
  };
}

/** The lists of a connector as a source asks them. */
function columnRules({ include, exclude, keys, mappings }: ColumnFilter): PostgresSettings['columns'] {
  return {
    includes: (table, column) => {
      const name = `${tableName(table)}.${column.name}`;
      if (include.length > 0) return include.some((pattern) => pattern.test(name));
      return !exclude.some((pattern) => pattern.test(name));
    },
    key: (table) => keys.find((each) => each.table.test(tableName(table)))?.columns ?? null,
    mapping: (table, column, typeName) => {
      const ofName = `${tableName(table)}.${column.name}`;
      const ofType = `${tableName(table)}.${typeName}`;
      return (
        mappings.find(({ on, patterns }) => patterns.some((pattern) => pattern.test(on === 'column' ? ofName : ofType)))
          ?.mapping ?? null
      );
    },
  };
}

export function createSink(config: ConnectorConfig, context: KafkaSinkContext): ResettableSink {
  return createKafkaSink(sinkSettings(config), context);
}

export function sinkSettings(config: ConnectorConfig): KafkaSinkSettings {
  const { values } = config;
  return {
    connector: config.name,
    version: VERSION,
    kafka: kafkaSettings(config),
    transactionalId: config.transactionalId,
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
  };
}

/** How to reach Kafka, from a connector's keys; PEM files are read now, at each start of a run. */
export function kafkaSettings({ values, security }: ConnectorConfig): KafkaSettings {
  const { sasl, tls } = security;
  return {
    bootstrapServers: values.bootstrap,
    clientId: values.clientId,
    sasl: sasl === null ? null : { ...sasl, mechanism: MECHANISMS[sasl.mechanism] },
    tls:
      tls === null
        ? null
        : {
            ca: read(tls.ca),
            cert: read(tls.certificate),
            key: tls.keyPassword === null ? read(tls.key) : decrypted(read(tls.key), tls.keyPassword),
          },
  };
}

const MECHANISMS = { PLAIN: 'plain', 'SCRAM-SHA-256': 'scram-sha-256', 'SCRAM-SHA-512': 'scram-sha-512' } as const;

function read(pem: Pem | null): string | null {
  if (pem === null || 'text' in pem) return pem?.text ?? null;
  try {
    return readFileSync(pem.file, 'utf8');
  } catch (error) {
    throw new MillraceError('config', `cannot read a kafka.ssl file: ${messageOf(error)}`, { cause: error });
  }
}

function decrypted(key: string | null, passphrase: string): string | null {
  if (key === null) return null;
  try {
    return String(createPrivateKey({ key, format: 'pem', passphrase }).export({ type: 'pkcs8', format: 'pem' }));
  } catch (error) {
    throw new MillraceError(
      'config',
      `the private key of the client certificate cannot be read with kafka.ssl.key.password: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
