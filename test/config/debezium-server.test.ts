import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkConnector } from '../../src/config/connector.ts';
import { type Imported, importServer } from '../../src/config/debezium-server.ts';
import { readProperties } from '../../src/config/properties.ts';

function imported(text: string, name: string | null = null): Imported {
  return importServer(readProperties(text), name);
}
function notes(text: string): string[] {
  return imported(text).notes.map(({ key, line, text: said }) => `${line ?? '-'} ${key ?? '-'} ${said}`);
}

const COMPLETE = String.raw`
debezium.sink.type = kafka
debezium.sink.kafka.producer.bootstrap.servers : kafka-1:9092,\
    kafka-2:9092
debezium.sink.kafka.producer.max.request.size=2000000
debezium.sink.kafka.producer.key.serializer=org.apache.kafka.common.serialization.StringSerializer
debezium.source.connector.class=io.debezium.connector.postgresql.PostgresConnector
debezium.source.offset.storage.file.filename=data/offsets.dat
debezium.source.database.hostname=\${DB_HOST}
debezium.source.database.user=relay
debezium.source.database.password=\${db.password:none}
debezium.source.database.dbname=orders
debezium.source.topic.prefix=Shop \u00e9
debezium.source.slot.name=orders
debezium.source.publication.name=orders
debezium.source.snapshot.mode=no_data
debezium.source.table.include.list=public\\.outbox
debezium.source.poll.interval.ms=50
debezium.transforms=o
debezium.transforms.o.type=io.debezium.transforms.outbox.EventRouter
debezium.transforms.o.route.topic.replacement=\${routedByValue}.v1
debezium.format.key=simplestring
debezium.format.value=json
debezium.format.value.schemas.enable=false
debezium.format.header=simplestring
`.replaceAll('\\${', '${');

test('a whole application.properties becomes a connector that starts', () => {
  const { name, config, notes: said } = imported(COMPLETE);
  assert.equal(name, 'Shop__');
  assert.deepEqual(config, {
    'kafka.bootstrap.servers': 'kafka-1:9092,kafka-2:9092',
    'kafka.max.request.size': '2000000',
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'database.hostname': '${env:DB_HOST}',
    'database.user': 'relay',
    'database.password': '${env:DB_PASSWORD}',
    'database.dbname': 'orders',
    'topic.prefix': 'Shop é',
    'slot.name': 'orders',
    'publication.name': 'orders',
    'snapshot.mode': 'no_data',
    'table.include.list': 'public\\.outbox',
    transforms: 'o',
    'transforms.o.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.o.route.topic.replacement': '${routedByValue}.v1',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
  });
  assert.deepEqual(
    said.map(({ line, key }) => [line, key?.replace('debezium.', '')]),
    [
      [6, 'sink.kafka.producer.key.serializer'],
      [8, 'source.offset.storage.file.filename'],
      [11, 'source.database.password'],
      [18, 'source.poll.interval.ms'],
      [25, 'format.header'],
    ],
  );
  const env = { DB_HOST: 'h', DB_PASSWORD: 'pa55word' };
  const legal = { ...config, 'topic.prefix': 'shop' };
  const checked = checkConnector(JSON.stringify({ name, config: legal }), null, { env });
  assert.ok('config' in checked, JSON.stringify(checked));
});

test('references lead to other properties and to the environment; an escaped one stays as it is', () => {
  const { config } = imported(
    [
      'host=db.internal',
      'domain=${host}',
      'debezium.source.database.hostname=${domain}',
      'debezium.source.database.user=\\\\${as-is}',
      'debezium.source.database.dbname=${a}${b.c}',
      'a=${b}',
      'b=${a}',
    ].join('\n'),
  );
  assert.equal(config['database.hostname'], 'db.internal');
  assert.equal(config['database.user'], '${as-is}');
  assert.match(notes('a=${b}\nb=${a}\ndebezium.source.topic.prefix=${a}').join('\n'), /refers to itself by way of/);
  assert.match(notes('debezium.source.topic.prefix=${x.y}').join('\n'), /read as the environment variable X_Y/);
});

test('what Debezium would do unasked, and what has no counterpart, is said', () => {
  const said = notes(
    [
      'debezium.sink.type=pubsub',
      'debezium.sink.pubsub.project.id=p',
      'debezium.source.topic.prefix=a',
      'debezium.source.topic.prefix=b',
      'debezium.source.database.password=hunter2',
      '%dev.debezium.source.slot.name=x',
      'quarkus.http.port=8080',
      'debezium.api.enabled=true',
    ].join('\n'),
  );
  for (const expected of [
    /^1 debezium\.sink\.type says "pubsub": the only sink is Kafka/,
    /^2 .* dropped: it belongs to a sink that is not Kafka/,
    /^3 .* dropped: it stands again in line 4/,
    /^5 .* holds a password as plain text/,
    /^6 .* profile of Quarkus/,
    /^7 .* --http/,
    /^8 .* dropped: there is nothing like it/,
    /^- debezium\.source\.slot\.name is not given: Debezium's slot is "debezium"/,
    /^- debezium\.source\.publication\.name is not given/,
    /^- debezium\.source\.snapshot\.mode is not given/,
    /^- - header values are plain texts/,
  ]) {
    assert.ok(
      said.some((note) => expected.test(note)),
      `${expected.source}\n${said.join('\n')}`,
    );
  }
  assert.doesNotMatch(said.join('\n'), /hunter2/);
});

test('what must not be dropped stays, so that the connector refuses to start', () => {
  const { config } = imported(
    'debezium.sink.kafka.producer.acks=1\ndebezium.source.column.exclude.list=a\ndebezium.format.value=avro\ndebezium.format.schemas.enable=false',
  );
  assert.equal(config['producer.override.acks'], '1');
  assert.equal(config['column.exclude.list'], 'a');
  assert.equal(config['value.converter'], 'io.confluent.connect.avro.AvroConverter');
  assert.deepEqual(
    [config['key.converter.schemas.enable'], config['value.converter.schemas.enable']],
    ['false', 'false'],
  );
  const own = imported('debezium.format.value.schemas.enable=true\ndebezium.format.schemas.enable=false').config;
  assert.deepEqual([own['key.converter.schemas.enable'], own['value.converter.schemas.enable']], ['false', 'true']);
  assert.equal(imported('', 'mine').name, 'mine');
  assert.equal(imported('debezium.source.name=own').name, 'own');
  assert.equal(imported('').name, 'imported');
});

test('property: no file makes it crash', () => {
  const key = fc.oneof(
    fc.string(),
    fc.constantFrom(
      'debezium.source.',
      'debezium.format.value',
      'debezium.format.x',
      'debezium.transforms',
      'debezium.sink.type',
      'a',
      '__proto__',
    ),
  );
  const value = fc.oneof(fc.string(), fc.constantFrom('${a}', '${__proto__}', '${', '${a:b}', 'constructor', '\\${a}'));
  fc.assert(
    fc.property(fc.array(fc.record({ key, value, line: fc.constant(1) })), (properties) => {
      const { config, name } = importServer(properties, null);
      assert.match(name, /^[A-Za-z0-9._-]{1,200}$/);
      checkConnector(JSON.stringify({ name, config }), null);
    }),
  );
});
