/** Debezium 3.4's PostgreSQL connector: the keys that no other of its connectors has. */
import { type Family, fixed, harmless, mapped, refused, routed } from './known-key.ts';

export const POSTGRES: Family = {
  title: "Debezium's PostgreSQL connector",
  about: 'Keys of `io.debezium.connector.postgresql.PostgresConnector` alone.',
  keys: [
    ...fixed(
      'database.tcpKeepAlive',
      ['true'],
      'connections are always kept alive by TCP',
      'without it a connection that was cut off would go unnoticed. Remove it',
    ),
    ...refused(
      'an encrypted client key is not read',
      'Decrypt it (openssl pkcs8 -in key.pem -out plain.pem) and name that in database.sslkey',
      'database.sslpassword',
    ),
    ...refused(
      'it names a Java class',
      'database.sslmode, database.sslrootcert, database.sslcert and database.sslkey are what there is',
      'database.sslfactory',
    ),
    ...refused(
      "it is an option of Java's driver",
      'Remove it; database.sslmode and its neighbours are read',
      'driver.*',
    ),
    ...fixed(
      'slot.drop.on.stop',
      ['false'],
      'the slot stays when the connector stops',
      'what is committed while nobody reads would be lost. Drop the slot by hand when the connector is gone for good: SELECT pg_drop_replication_slot(…)',
    ),
    ...fixed(
      'slot.failover',
      ['false'],
      'the slot is created without failover',
      "a slot that was not created so does not survive a fail-over. Create it yourself, SELECT pg_create_logical_replication_slot('NAME', 'pgoutput', false, false, true), and set slot.adopt=true",
    ),
    ...fixed(
      'slot.stream.params',
      [''],
      'no options beyond our own',
      'options of the stream change what arrives. Remove it',
    ),
    ...harmless(
      'a slot that is in use is waited for by the lease, and every restart waits longer than the one before',
      'slot.max.retries',
      'slot.retry.delay.ms',
    ),
    ...harmless(
      'the server hears of a commit within 50 ms, and of us once a second at least',
      'status.update.interval.ms',
    ),
    ...routed(
      ['0'],
      'xmin is null in source blocks',
      'source blocks would have no xmin. Remove it',
      'xmin.fetch.interval.ms',
    ),
    ...fixed(
      'lsn.flush.mode',
      ['connector', 'connector_and_driver'],
      'what Kafka holds is acknowledged, and idle progress too',
      'with nobody acknowledging, the server keeps its log until the disk is full. Remove it',
    ),
    ...fixed(
      'flush.lsn.source',
      ['true'],
      'what Kafka holds is acknowledged',
      'with nobody acknowledging, the server keeps its log until the disk is full. Remove it',
    ),
    ...harmless(
      'an acknowledgement is one message that nobody answers',
      'lsn.flush.timeout.ms',
      'lsn.flush.timeout.action',
    ),
    ...fixed(
      'offset.mismatch.strategy',
      ['no_validation', 'trust_offset'],
      'the stored position counts, and a slot that is ahead of it is refused',
      'trusting a slot that is ahead of Kafka skips what lies between. Remove it; a position that is to be given up is reset by hand',
    ),
    ...routed(
      ['true'],
      'a publication that Millrace creates names the root of partitioned tables; a partition in table.include.list is refused at the start',
      'rows of partitions go to the topic of their table, not to one for each partition. Set it to true, or remove it',
      'publish.via.partition.root',
    ),
    ...harmless('a new shape of the table comes with the log', 'schema.refresh.mode'),
    ...mapped('toasted.value.placeholder', 'unavailable.value.placeholder', 'its earlier name'),
  ],
};
