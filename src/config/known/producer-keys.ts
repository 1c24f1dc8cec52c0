/** Kafka 4.3's producer, behind `producer.override.`: written here without it. */
import { type Family, fixed, harmless, mapped, refused } from './known-key.ts';

const PREFIX = 'producer.override.';
const over = (...keys: readonly string[]): string[] => keys.map((key) => PREFIX + key);
const connection = (...keys: readonly string[]) =>
  keys.flatMap((key) => mapped(PREFIX + key, `kafka.${key}`, 'the same under our name'));

export const PRODUCER: Family = {
  title: 'The producer',
  about: '`producer.override.*`, and `debezium.sink.kafka.producer.*` for `millrace import-config`.',
  keys: [
    ...connection(
      'bootstrap.servers',
      'client.id',
      'max.request.size',
      'transaction.timeout.ms',
      'security.protocol',
      'sasl.mechanism',
      'sasl.jaas.config',
      'ssl.truststore.type',
      'ssl.truststore.location',
      'ssl.truststore.certificates',
      'ssl.keystore.type',
      'ssl.keystore.location',
      'ssl.keystore.certificate.chain',
      'ssl.keystore.key',
      'ssl.key.password',
      'ssl.endpoint.identification.algorithm',
    ),
    ...fixed(
      `${PREFIX}acks`,
      ['all', '-1'],
      'every record waits for all in-sync replicas',
      'a record that only the leader holds is lost with it. Remove it',
    ),
    ...fixed(
      `${PREFIX}enable.idempotence`,
      ['true'],
      'sequence numbers are always sent',
      'without sequence numbers a retry repeats records. Remove it',
    ),
    ...fixed(
      `${PREFIX}compression.type`,
      ['none'],
      'batches are sent uncompressed',
      'batches are sent uncompressed. Let the brokers compress: topic.creation.default.compression.type (or compression.type of the topic)',
    ),
    ...fixed(
      `${PREFIX}partitioner.ignore.keys`,
      ['false'],
      'the key decides the partition',
      'events of one key would lose their order. Remove it',
    ),
    ...fixed(
      `${PREFIX}partitioner.class`,
      ['', 'org.apache.kafka.clients.producer.internals.DefaultPartitioner'],
      "the key decides the partition, as Kafka's default does",
      'keys would come to other partitions. Remove it',
    ),
    ...fixed(
      `${PREFIX}interceptor.classes`,
      [''],
      'no interceptors',
      'interceptors are Java classes and may change records. Remove it',
    ),
    ...fixed(
      `${PREFIX}transaction.two.phase.commit.enable`,
      ['false'],
      'transactions are of one phase',
      'a transaction without a time-out would block readers. Remove it',
    ),
    ...refused(
      'the transactional id fences older instances, so it is made from the connector name',
      'kafka.transactional.id.prefix is what may be chosen',
      `${PREFIX}transactional.id`,
    ),
    ...['key', 'value'].flatMap((side) =>
      fixed(
        `${PREFIX}${side}.serializer`,
        {
          matches: /^org\.apache\.kafka\.common\.serialization\.(bytearray|string)serializer$/,
          expected: 'ByteArraySerializer or StringSerializer',
        },
        `${side}.converter makes the bytes`,
        `${side}.converter makes the bytes. Remove it`,
      ),
    ),
    ...harmless(
      'batches grow by themselves while a commit is under way: there is no fixed wait',
      ...over('linger.ms', 'batch.size'),
    ),
    ...harmless('memory is bounded by max.queue.size.in.bytes', ...over('buffer.memory')),
    ...harmless(
      'a request that fails ends the run, and the next one begins at the stored position',
      ...over(
        'delivery.timeout.ms',
        'request.timeout.ms',
        'max.block.ms',
        'retries',
        'retry.backoff.ms',
        'retry.backoff.max.ms',
        'reconnect.backoff.ms',
        'reconnect.backoff.max.ms',
      ),
    ),
    ...harmless(
      'sequence numbers keep the order with several requests under way',
      ...over('max.in.flight.requests.per.connection'),
    ),
    ...harmless(
      'a setting of connections that changes no record',
      ...over(
        'client.dns.lookup',
        'connections.max.idle.ms',
        'metadata.max.age.ms',
        'metadata.max.idle.ms',
        'metadata.recovery.rebootstrap.trigger.ms',
        'metadata.recovery.strategy',
        'receive.buffer.bytes',
        'send.buffer.bytes',
        'socket.connection.setup.timeout.ms',
        'socket.connection.setup.timeout.max.ms',
        'partitioner.adaptive.partitioning.enable',
        'partitioner.availability.timeout.ms',
      ),
    ),
    ...harmless('batches are sent uncompressed', ...over('compression.*.level')),
    ...harmless(
      'metrics are those of /metrics',
      ...over(
        'enable.metrics.push',
        'metric.reporters',
        'metrics.num.samples',
        'metrics.recording.level',
        'metrics.sample.window.ms',
        'auto.include.jmx.reporter',
      ),
    ),
    ...harmless('${env:…} and ${file:…} are what there is', ...over('config.providers', 'config.providers.*')),
    ...harmless('tokens are not renewed: PLAIN and SCRAM have none', ...over('sasl.login.refresh.*')),
    ...refused(
      'of SASL there are PLAIN and SCRAM',
      'Use kafka.sasl.mechanism PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512',
      ...over('sasl.kerberos.*', 'sasl.oauthbearer.*', 'sasl.login.*', 'sasl.client.callback.handler.class'),
    ),
    ...refused(
      'PEM files have no password of their own',
      'Convert the Java store to PEM and remove it; kafka.ssl.key.password is for an encrypted key',
      ...over('ssl.truststore.password', 'ssl.keystore.password'),
    ),
    ...refused(
      "it is a setting of Java's TLS, and the connection would be less strict than it says",
      "Remove it: versions and ciphers are Node's defaults, TLS 1.2 and 1.3",
      ...over(
        'ssl.cipher.suites',
        'ssl.enabled.protocols',
        'ssl.engine.factory.class',
        'ssl.keymanager.algorithm',
        'ssl.protocol',
        'ssl.provider',
        'ssl.secure.random.implementation',
        'ssl.trustmanager.algorithm',
        'security.providers',
      ),
    ),
  ],
};
