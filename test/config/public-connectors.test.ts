/**
 * Connectors for the outbox with PostgreSQL as they stand in public repositories: the keys of each, with other names,
 * hosts and values of the same kind. Each is a person who may come over; what they read first is what is said here.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConnector } from '../../src/config/connector.ts';
import { formatMistake } from '../../src/config/mistake.ts';
import { routerOf } from '../support/router-of.ts';

type Values = Readonly<Record<string, unknown>>;

const DATABASE = {
  'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
  'database.hostname': 'db.internal',
  'database.port': '5432',
  'database.user': 'relay',
  'database.password': 'pa55word',
  'database.dbname': 'shop',
};
/** The one thing that a file for Kafka Connect cannot know. */
const WITH_KAFKA = { 'kafka.bootstrap.servers': 'kafka:9092' };
const ROUTER = { transforms: 'outbox', 'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter' };

function read(config: Values): { mistakes: string[]; remarks: string[]; topicOf: (value: string) => string } {
  const checked = checkConnector(JSON.stringify({ name: 'shop-outbox', config: { ...config, ...WITH_KAFKA } }), null);
  if ('mistakes' in checked) return { mistakes: checked.mistakes.map(formatMistake), remarks: [], topicOf: () => '' };
  const { remarks } = checked.config;
  const { topicRegex, topicReplacement } = routerOf(checked.config);
  return {
    mistakes: [],
    remarks: remarks.map(({ key }) => key),
    topicOf: (value) => value.replace(topicRegex, topicReplacement),
  };
}

test('a ksqlDB source connector with CloudEvents headers runs (davidwmartines/microservices-django-kafka, V000003__accounting_outbox_source.sql)', () => {
  const { mistakes, remarks, topicOf } = read({
    ...DATABASE,
    ...ROUTER,
    'database.server.name': 'billing',
    'plugin.name': 'pgoutput',
    'slot.name': 'billing_outbox',
    'table.include.list': 'public.invoicing_outbox',
    'transforms.outbox.table.field.event.key': 'event_key',
    'transforms.outbox.route.by.field': 'destination',
    'transforms.outbox.route.topic.replacement': '${routedByValue}',
    'transforms.outbox.table.fields.additional.placement':
      'id:header:ce_id,occurred:header:ce_time,kind:header:ce_type,origin:header:ce_source',
    'value.converter': 'io.debezium.converters.ByteBufferConverter',
  });
  assert.deepEqual([mistakes, remarks, topicOf('invoices')], [[], ['database.server.name'], 'invoices']);
});

test('a curl of a JSON connector runs (project-openubl/ublhub, connect.sh)', () => {
  const { mistakes, remarks, topicOf } = read({
    ...DATABASE,
    ...ROUTER,
    'tasks.max': '1',
    'database.server.name': 'main',
    'schema.include.list': 'public',
    'table.include.list': 'public.sentmessage',
    'tombstones.on.delete': 'false',
    'transforms.outbox.table.fields.additional.placement': 'type:header:eventType',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
  });
  assert.deepEqual([mistakes, remarks, topicOf('letter')], [[], ['database.server.name'], 'outbox.event.letter']);
});

test('a connector that a Go service registers itself runs (hexolan/stocklet, cmd/service-init/connectors.go)', () => {
  const { mistakes, remarks } = read({
    ...DATABASE,
    ...ROUTER,
    'plugin.name': 'pgoutput',
    'tasks.max': '1',
    'table.include.list': 'public.outgoing',
    'topic.prefix': 'stock',
    'transforms.outbox.route.topic.replacement': '${routedByValue}',
    'value.converter': 'io.debezium.converters.BinaryDataConverter',
  });
  assert.deepEqual([mistakes, remarks], [[], []]);
});

test('a connector with an ambiguous converter option runs (DenysLiubchenko/mic-creator, README.md)', () => {
  const { mistakes } = read({
    ...DATABASE,
    ...ROUTER,
    'tasks.max': '1',
    'table.include.list': 'basket.outbox',
    'transforms.outbox.route.by.field': 'target',
    'transforms.outbox.table.field.event.key': 'id',
    'transforms.outbox.table.field.event.payload': 'payload',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'io.debezium.converters.BinaryDataConverter',
    'value.converter.schemas.enable': 'false',
    'topic.prefix': 'play',
  });
  assert.deepEqual(mistakes, []);
});

/** An OpenShift template; its config references secrets of Strimzi, here plain values. */
test('an expanded payload is refused with what to set, and runs when that is set (project-kessel/kessel-kafka-connect, deploy/sp-connectors/hbi-outbox-connector.yml)', () => {
  const config = {
    ...DATABASE,
    ...ROUTER,
    'slot.name': 'relay_outbox',
    'snapshot.mode': 'no_data',
    'database.server.name': 'stock-db',
    'topic.prefix': 'stock',
    'table.whitelist': 'app.outbox',
    'table.include.list': 'app.outbox',
    'transforms.outbox.table.fields.additional.placement': 'action:header,revision:header',
    'transforms.outbox.table.expand.json.payload': true,
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'plugin.name': 'pgoutput',
    'heartbeat.interval.ms': '60000',
    'heartbeat.action.query': "SELECT pg_logical_emit_message(false, 'beat', 'x')",
    'topic.heartbeat.prefix': 'beats',
    'poll.interval.ms': '100',
  };
  const { mistakes } = read(config);
  assert.equal(mistakes.length, 1, mistakes.join('\n'));
  assert.match(mistakes[0] ?? '', /expand\.json\.payload" expected "false", got "true".*value\.converter=raw/);
  const followed = read({
    ...config,
    'transforms.outbox.table.expand.json.payload': false,
    'value.converter': 'raw',
  });
  assert.deepEqual(followed.mistakes, []);
  assert.deepEqual(
    followed.remarks.filter((key) => !key.startsWith('transforms.')),
    ['database.server.name', 'table.whitelist', 'poll.interval.ms'],
  );
});

test('Avro, a first snapshot and options that never were are refused one by one (sylwiakubicz/ParcelHub, infra/connectors/update-shipment-connector.sh)', () => {
  const { mistakes } = read({
    ...DATABASE,
    ...ROUTER,
    'plugin.name': 'pgoutput',
    'topic.prefix': 'freight',
    'schema.include.list': 'freight',
    'table.include.list': 'freight.outbox',
    'slot.name': 'freight_outbox',
    'publication.autocreate.mode': 'filtered',
    'transforms.outbox.route.by.field': 'kind',
    'transforms.outbox.route.topic.regex': '(?<k>.*)',
    'transforms.outbox.route.topic.replacement': '${k}-log',
    'transforms.outbox.table.field.event.key': 'kind_id',
    'transforms.outbox.table.field.payload': 'payload',
    'transforms.outbox.table.field.timestamp': 'at',
    'transforms.outbox.table.fields.additional.placement': 'kind:header,extra:header',
    'transforms.outbox.table.expand.json.payload': 'true',
    'snapshot.mode': 'initial',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'io.apicurio.registry.utils.converter.AvroConverter',
    'value.converter.apicurio.registry.url': 'http://registry:8080',
    'value.converter.apicurio.registry.use.headers': 'true',
  });
  for (const expected of [
    /"value\.converter" expected one of raw, string, json, bytes, or the path of a module \(schema registries.*got "io\.apicurio/,
    /"value\.converter\.apicurio\.registry\.url" is refused: it is an option of a converter that is not there/,
    /"snapshot\.mode" expected "no_data" \(there are no snapshots yet/,
    /expand\.json\.payload" expected "false"/,
    /table\.field\.payload" is not a key of this connector; did you mean "transforms\.outbox\.table\.field\.event\.payload"\?/,
    /table\.field\.timestamp" is not a key of this connector; did you mean "transforms\.outbox\.table\.field\.event\.timestamp"\?/,
  ]) {
    assert.ok(
      mistakes.some((mistake) => expected.test(mistake)),
      `${expected.source}\n${mistakes.join('\n')}`,
    );
  }
  assert.equal(mistakes.length, 7, mistakes.join('\n'));
});

test('a transform that is not there is refused, and one that is comes through (nulogy/terragrunt-modules, modules/debezium_connection/debezium-config.tpl)', () => {
  const { mistakes } = read({
    ...DATABASE,
    'bootstrap.servers': 'kafka:9092',
    acks: 'all',
    'database.server.name': 'main',
    'heartbeat.action.query': 'SELECT 1',
    'heartbeat.interval.ms': '1000',
    'behavior.on.null.values': 'delete',
    'errors.log.enable': 'true',
    'errors.log.include.messages': 'true',
    'plugin.name': 'pgoutput',
    'publication.name': 'events_pub',
    'slot.name': 'events_slot',
    'slot.drop.on.stop': 'false',
    'snapshot.mode': 'never',
    'table.whitelist': 'public.events',
    transforms: 'unwrap,topic',
    'transforms.unwrap.type': 'io.debezium.transforms.ExtractNewRecordState',
    'transforms.topic.type': 'io.confluent.connect.transforms.ExtractTopic$Value',
    'transforms.topic.field': 'destination',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
  });
  const [first, second, ...others] = mistakes;
  assert.match(first ?? '', /^"bootstrap\.servers" is refused.*Use kafka\.bootstrap\.servers$/);
  assert.match(
    second ?? '',
    /^"transforms\.topic\.type" expected one of outbox, ExtractNewRecordState, .*, got "io\.confluent\.connect\.transforms\.ExtractTopic\$Value"$/,
  );
  assert.deepEqual(others, []);
});
