/** The only place, with the files beside it, that knows a Kafka client. */
import { type Socket, connect, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type ISocketFactory, Kafka, type KafkaConfig, type SASLOptions, logLevel } from 'kafkajs';
import { type ErrorKind, MillraceError, messageOf } from '../errors.ts';
import type { Log } from '../ports.ts';

/** How to reach a cluster (`kafka.*`). */
export interface KafkaSettings {
  readonly bootstrapServers: readonly string[];
  readonly clientId: string;
  readonly sasl: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  } | null;
  /** PEM texts; null: no TLS. */
  readonly tls: { readonly ca: string | null; readonly cert: string | null; readonly key: string | null } | null;
}

/** How long a client waits for a broker, and how often it tries. */
export interface Patience {
  readonly connectionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly retries: number;
}

const PATIENT: Patience = { connectionTimeoutMs: 5000, requestTimeoutMs: 30_000, retries: 12 };

/** A kafkajs client whose own log goes to ours at debug. */
export function createKafka(settings: KafkaSettings, log: Log, patience: Patience = PATIENT): Kafka {
  const { sasl, tls } = settings;
  const config: KafkaConfig = {
    clientId: settings.clientId,
    brokers: [...settings.bootstrapServers],
    connectionTimeout: patience.connectionTimeoutMs,
    requestTimeout: patience.requestTimeoutMs,
    // kafkajs' default of 300 ms would be waited for after every CONCURRENT_TRANSACTIONS, which is normal here.
    retry: { initialRetryTime: 10, maxRetryTime: 1000, multiplier: 1.5, retries: patience.retries },
    socketFactory,
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, log: entry }) =>
        log.debug(`kafkajs: ${entry.message}`, { namespace }),
  };
  if (sasl !== null) config.sasl = { ...sasl } as SASLOptions;
  if (tls !== null) {
    const { ca, cert, key } = tls;
    config.ssl = {
      ...(ca === null ? {} : { ca }),
      ...(cert === null ? {} : { cert }),
      ...(key === null ? {} : { key }),
    };
  }
  return new Kafka(config);
}

const KEEP_ALIVE_MS = 10_000;

/** kafkajs leaves Nagle's algorithm on: a small request behind another would wait for the other's answer. */
const socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const name = isIP(host) ? {} : { servername: host };
  const socket: Socket = ssl
    ? connectTls({ host, port, ...name, ...ssl }, onConnect)
    : connect({ host, port }, onConnect);
  return socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true);
};

const KINDS: Readonly<Record<string, ErrorKind>> = {
  INVALID_PRODUCER_EPOCH: 'fenced',
  PRODUCER_FENCED: 'fenced',
  TRANSACTION_COORDINATOR_FENCED: 'fenced',
  MESSAGE_TOO_LARGE: 'record-rejected',
  RECORD_LIST_TOO_LARGE: 'record-rejected',
  INVALID_RECORD: 'record-rejected',
  INVALID_TIMESTAMP: 'record-rejected',
  TOPIC_AUTHORIZATION_FAILED: 'kafka-rejected',
  CLUSTER_AUTHORIZATION_FAILED: 'kafka-rejected',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'kafka-rejected',
  GROUP_AUTHORIZATION_FAILED: 'kafka-rejected',
  SASL_AUTHENTICATION_FAILED: 'kafka-rejected',
  UNSUPPORTED_SASL_MECHANISM: 'kafka-rejected',
  INVALID_TRANSACTION_TIMEOUT: 'kafka-rejected',
  INVALID_REPLICATION_FACTOR: 'kafka-rejected',
  INVALID_PARTITIONS: 'kafka-rejected',
  INVALID_CONFIG: 'kafka-rejected',
  INVALID_TOPIC_EXCEPTION: 'kafka-rejected',
  POLICY_VIOLATION: 'kafka-rejected',
  UNSUPPORTED_VERSION: 'kafka-rejected',
};

/** The protocol's name of what a broker answered, or ''. */
export function errorType(error: unknown): string {
  const answer = brokersAnswer(error);
  return answer !== null && 'type' in answer && typeof answer.type === 'string' ? answer.type : '';
}

/** What a broker answered: kafkajs wraps it as a cause or as one of several errors. */
function brokersAnswer(error: unknown): Error | null {
  if (!(error instanceof Error)) return null;
  if ('type' in error && typeof error.type === 'string') return error;
  return brokersAnswer('errors' in error && Array.isArray(error.errors) ? error.errors[0] : error.cause);
}

/** Codes of Node's TLS errors: a certificate, a protocol, a missing client certificate; trying again does not help. */
const TLS_REFUSED = /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|EPROTO)/;

function isRefusedConnection(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name === 'KafkaJSSASLAuthenticationError') return true;
    if ('code' in cause && typeof cause.code === 'string' && TLS_REFUSED.test(cause.code)) return true;
  }
  return false;
}

/** Classifies what kafkajs throws; it may wrap the broker's answer several times. */
export function kafkaError(error: unknown, doing: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const type = errorType(error);
  const kind = KINDS[type] ?? (isRefusedConnection(error) ? 'kafka-rejected' : 'kafka-unavailable');
  const said = messageOf(brokersAnswer(error) ?? error);
  return new MillraceError(kind, `${doing}: ${said}${type === '' ? '' : ` (${type})`}`, { cause: error });
}
