/** The keys of the Kafka side, declared once. These may be given for all connectors by flag and environment. */
import { choice, integer, list, optional, text } from './field.ts';

export const MAX_MS = 2_147_483_647;
/** What Kafka takes as a topic's name. */
export const TOPIC_NAME = {
  matches: /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/,
  expected: 'a legal topic name (1 to 249 of A-Z a-z 0-9 . _ -)',
};

const NO_KEYSTORES =
  'Millrace reads PEM only. Convert a Java store with "keytool -importkeystore -srckeystore FILE -destkeystore store.p12 -deststoretype PKCS12" ' +
  'and "openssl pkcs12 -in store.p12 -out store.pem", then set the type to PEM';
const STORE_TYPES = { jks: NO_KEYSTORES, pkcs12: NO_KEYSTORES };

export const KAFKA_KEYS = {
  bootstrap: list('kafka.bootstrap.servers', {
    example: 'kafka-1:9092,kafka-2:9092',
    doc: 'Kafka brokers, host:port.',
    some: true,
    shape: {
      // kafkajs cuts an address at its first colon.
      matches: /^[^\s:/[\]]+:(?!0+$)\d{1,5}$/,
      expected: 'host:port, … (IPv6 addresses under a host name: the client reads no [::1])',
    },
  }),
  securityProtocol: choice('kafka.security.protocol', ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'], {
    doc: 'Protocol to the brokers.',
    default: 'PLAINTEXT',
  }),
  saslMechanism: choice('kafka.sasl.mechanism', ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], {
    doc: 'SASL mechanism.',
    default: 'PLAIN',
  }),
  saslUsername: optional('kafka.sasl.username', { example: 'millrace', doc: 'SASL user.' }),
  saslPassword: optional('kafka.sasl.password', {
    example: '${env:KAFKA_PASSWORD}',
    doc: 'SASL password.',
    secret: true,
  }),
  saslJaas: optional('kafka.sasl.jaas.config', {
    example:
      'org.apache.kafka.common.security.scram.ScramLoginModule required username="millrace" password="${env:KAFKA_PASSWORD}";',
    doc: "Kafka's own form of user and password: PlainLoginModule or ScramLoginModule with username and password.",
    secret: true,
  }),
  kafkaCa: optional('kafka.ssl.ca.location', {
    example: '/etc/millrace/kafka-ca.pem',
    doc: 'PEM file with the certificate authority of the brokers.',
  }),
  kafkaCertificate: optional('kafka.ssl.certificate.location', {
    example: '/etc/millrace/client.pem',
    doc: 'PEM file with the client certificate.',
  }),
  kafkaKey: optional('kafka.ssl.key.location', {
    example: '/etc/millrace/client-key.pem',
    doc: 'PEM file with its key.',
  }),
  kafkaKeyPassword: optional('kafka.ssl.key.password', {
    example: '${env:KAFKA_KEY_PASSWORD}',
    doc: 'Password of an encrypted key.',
    secret: true,
  }),
  truststoreType: choice('kafka.ssl.truststore.type', ['PEM'], {
    doc: 'Form of the trust store: PEM.',
    default: 'PEM',
    refused: STORE_TYPES,
  }),
  truststoreLocation: optional('kafka.ssl.truststore.location', {
    example: '/etc/millrace/kafka-ca.pem',
    doc: 'PEM file with the certificate authority of the brokers, as Kafka calls it.',
  }),
  truststoreCertificates: optional('kafka.ssl.truststore.certificates', {
    example: '${file:/etc/millrace/kafka-ca.pem}',
    doc: 'The certificate authority itself as PEM text.',
  }),
  keystoreType: choice('kafka.ssl.keystore.type', ['PEM'], {
    doc: 'Form of the key store: PEM.',
    default: 'PEM',
    refused: STORE_TYPES,
  }),
  keystoreLocation: optional('kafka.ssl.keystore.location', {
    example: '/etc/millrace/client.pem',
    doc: 'PEM file with the client certificate and its key, as Kafka calls it.',
  }),
  keystoreCertificates: optional('kafka.ssl.keystore.certificate.chain', {
    example: '${file:/etc/millrace/client.pem}',
    doc: 'The client certificate itself as PEM text.',
  }),
  keystoreKey: optional('kafka.ssl.keystore.key', {
    example: '${file:/run/secrets/kafka-key.pem}',
    doc: 'Its key as PEM text.',
    secret: true,
  }),
  endpointIdentification: choice('kafka.ssl.endpoint.identification.algorithm', ['https'], {
    doc: 'How the name of a broker is checked: https.',
    default: 'https',
    refused: {
      '': 'the check of the host name cannot be turned off; issue the brokers certificates for the names in kafka.bootstrap.servers and advertised.listeners',
    },
  }),
  clientId: text('kafka.client.id', {
    example: 'millrace',
    doc: 'Client id, seen in the logs and quotas of the brokers.',
    default: 'millrace',
  }),
  transactionalIdPrefix: text('kafka.transactional.id.prefix', {
    example: 'production-',
    doc: 'Before the connector name: two environments may share a cluster.',
    default: 'millrace-',
  }),
  transactionTimeoutMs: integer(
    'kafka.transaction.timeout.ms',
    { min: 1000, max: MAX_MS },
    {
      doc: 'Longest Kafka transaction: bigger source transactions stay whole, a writer that died for good blocks readers that long.',
      default: 60_000,
    },
  ),
  maxRequestBytes: integer(
    'kafka.max.request.size',
    { min: 1024, max: 2 ** 30 },
    { doc: 'Largest record in bytes.', default: 1_000_000 },
  ),
} as const;

/** The keys beside `kafka.*` that hold for all connectors. */
export const SHARED_KEYS = {
  split: choice('transaction.split', ['auto', 'never'], {
    doc: 'What happens to a source transaction that outlasts a Kafka transaction.',
    default: 'auto',
  }),
  offsetsTopic: text('offsets.topic', {
    example: 'millrace-offsets',
    doc: 'Topic of the positions.',
    default: 'millrace-offsets',
    shape: TOPIC_NAME,
  }),
} as const;
