import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ConnectorConfig, checkConnector, parseConnector } from '../../src/config/connector.ts';
import { MAPPING_KEYS } from '../../src/config/column-mappings.ts';
import { KEYS } from '../../src/config/keys.ts';
import { CONNECTOR_FAMILIES, ROUTER_FAMILIES } from '../../src/config/known/families.ts';
import { fits } from '../../src/config/known/known-key.ts';
import { formatMistake } from '../../src/config/mistake.ts';
import { ROUTER_KEYS } from '../../src/config/router-keys.ts';
import {
  CONNECT_4_3,
  DEBEZIUM_3_4_MYSQL,
  DEBEZIUM_3_4_POSTGRES,
  OUTBOX_3_4,
  PRODUCER_4_3,
} from '../fixtures/debezium-keys.ts';
import { routerOf } from '../support/router-of.ts';

const MINIMUM = {
  'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
  'database.hostname': 'localhost',
  'database.user': 'u',
  'database.dbname': 'd',
  transforms: 'o',
  'transforms.o.type': 'outbox',
  'kafka.bootstrap.servers': 'localhost:9092',
};
type Values = Readonly<Record<string, unknown>>;

function parse(over: Values): ConnectorConfig {
  return parseConnector({ name: 'c', config: { ...MINIMUM, ...over } });
}
function mistakes(over: Values, env: Readonly<Record<string, string>> = {}): string[] {
  const checked = checkConnector(JSON.stringify({ name: 'c', config: { ...MINIMUM, ...over } }), null, { env });
  return 'mistakes' in checked ? checked.mistakes.map(formatMistake) : [];
}

const ours = Object.values(KEYS).map(({ key }) => key);
const oursOfRouter = Object.values(ROUTER_KEYS).map(({ key }) => key);
const known = CONNECTOR_FAMILIES.flatMap(({ keys }) => keys.map(({ key }) => key));
const knownOfRouter = ROUTER_FAMILIES.flatMap(({ keys }) => keys.map(({ key }) => key));

/** What their own declarations (ConfigDef) list: test/fixtures/debezium-keys.ts says how they were read. */
test('every key that Debezium 3.4 and Kafka Connect 4.3 declare is known', () => {
  const isKnown = (key: string): boolean =>
    key === 'name' ||
    ours.includes(key) ||
    MAPPING_KEYS.some(({ shape }) => shape.test(key)) ||
    known.some((declared) => fits(declared, key));
  for (const [name, keys] of Object.entries({ DEBEZIUM_3_4_POSTGRES, DEBEZIUM_3_4_MYSQL, CONNECT_4_3, PRODUCER_4_3 })) {
    assert.deepEqual(
      keys.filter((key) => !isKnown(key)),
      [],
      name,
    );
  }
  assert.deepEqual(
    OUTBOX_3_4.filter((key) => !oursOfRouter.includes(key) && !knownOfRouter.some((declared) => fits(declared, key))),
    [],
  );
});

test('a key has one declaration: ours or known, and known once', () => {
  for (const [mine, theirs] of [
    [ours, known],
    [oursOfRouter, knownOfRouter],
  ] as const) {
    assert.deepEqual(
      theirs.filter((key) => mine.includes(key)),
      [],
    );
    assert.equal(new Set(theirs).size, theirs.length, theirs.filter((key, at) => theirs.indexOf(key) !== at).join());
  }
});

test('what is mapped leads to a key of ours', () => {
  for (const { verdict, ...key } of CONNECTOR_FAMILIES.flatMap((family) => family.keys)) {
    if (verdict === 'mapped' && 'to' in key) assert.ok(ours.includes(key.to), key.to);
  }
});

test('values decide: what we do anyway is accepted and said, another value is refused with the way on', () => {
  const cases: readonly (readonly [string, readonly string[], string, RegExp])[] = [
    ['exactly.once.support', ['required', 'REQUESTED'], 'none', /expected "required" or "requested", got "none"/],
    ['transaction.boundary', ['poll'], 'interval', /expected "poll", got "interval": a Kafka transaction ends where/],
    ['slot.drop.on.stop', ['false'], 'true', /would be lost\. Drop the slot by hand/],
    ['slot.failover', ['false'], 'true', /pg_create_logical_replication_slot.* slot\.adopt=true/],
    ['lsn.flush.mode', ['connector', 'connector_and_driver'], 'manual', /keeps its log until the disk is full/],
    ['offset.mismatch.strategy', ['no_validation', 'trust_offset'], 'trust_slot', /skips what lies between/],
    ['producer.override.acks', ['all', '-1'], '1', /a record that only the leader holds is lost/],
    ['producer.override.compression.type', ['none'], 'lz4', /topic\.creation\.default\.compression\.type/],
    ['producer.override.enable.idempotence', ['true'], 'false', /a retry repeats records/],
    ['errors.tolerance', ['none'], 'all', /an event that is skipped is lost/],
    ['event.processing.failure.handling.mode', ['fail'], 'skip', /an event that is skipped is lost/],
    ['database.tcpKeepAlive', ['true'], 'false', /would go unnoticed/],
    ['signal.enabled.channels', ['source', ''], 'source,kafka', /there are no signals/],
    ['notification.enabled.channels', ['log,jmx'], 'sink', /Watch the metrics/],
    ['extended.headers.enabled', ['false'], 'true', /__debezium\.context/],
    [
      'header.converter',
      ['org.apache.kafka.connect.storage.SimpleHeaderConverter'],
      'org.apache.kafka.connect.json.JsonConverter',
      /headers would have other bytes/,
    ],
    ['transforms.o.table.expand.json.payload', ['false'], 'true', /value\.converter=raw/],
  ];
  for (const [key, accepted, other, expected] of cases) {
    for (const value of accepted) {
      const { remarks } = parse({ [key]: value });
      assert.deepEqual(
        remarks.map((remark) => remark.key),
        [key],
        `${key}=${value}`,
      );
      assert.match(remarks[0]?.text ?? '', /^holds anyway: /);
    }
    const said = mistakes({ [key]: other });
    assert.equal(said.length, 1, said.join('\n'));
    assert.match(said[0] ?? '', expected);
    assert.ok(said[0]?.startsWith(`"${key}" `));
  }
});

test('some keys are refused whatever they say, and say the alternative', () => {
  for (const [key, expected] of [
    ['offsets.storage.topic', /another format.*offsets\.topic.*slot\.adopt=true/],
    ['producer.override.transactional.id', /kafka\.transactional\.id\.prefix/],
    ['producer.override.sasl.oauthbearer.scope', /PLAIN, SCRAM/],
    ['topic.creation.big.partitions', /Create topics with other settings beforehand/],
    ['database.ssl.mode', /Use database\.sslmode/],
    ['transforms.o.table.field.event.timestamp', /time of processing/],
    ['value.converter.schema.registry.url', /option of a converter that is not there/],
    ['bootstrap.servers', /Use kafka\.bootstrap\.servers/],
  ] as const) {
    const said = mistakes({ [key]: 'x' });
    assert.equal(said.length, 1, said.join('\n'));
    assert.match(said[0] ?? '', expected);
  }
});

test('no value is repeated that may be a secret', () => {
  const keys = [...DEBEZIUM_3_4_POSTGRES, ...DEBEZIUM_3_4_MYSQL, ...CONNECT_4_3, ...PRODUCER_4_3];
  const said = keys
    .filter((key) => /password|jaas|secret|passphrase|statements|query|keystore\.key|private\.key/.test(key))
    .flatMap((key) => [...mistakes({ [key]: 'hunter2' }), ...mistakes({ [key]: '${env:P}' }, { P: 'hunter2' })]);
  assert.ok(said.length > 10);
  assert.doesNotMatch(said.join('\n'), /hunter2/);
});

test('what we have under another name is read, and said', () => {
  const config = parse({
    'producer.override.max.request.size': 2_000_000,
    'producer.override.transaction.timeout.ms': 30_000,
    'producer.override.client.id': 'relay',
    'producer.override.security.protocol': 'SASL_PLAINTEXT',
    'producer.override.sasl.jaas.config': 'x.PlainLoginModule required username="a" password="hunter2";',
    'transforms.o.table.fields.additional.error.on.missing': false,
    'table.whitelist': 'public\\.outbox',
    'retriable.restart.connector.wait.ms': 250,
    'errors.max.retries': 3,
  });
  const { values, remarks, tables, security } = config;
  const { values: router } = routerOf(config);
  assert.deepEqual(
    [values.maxRequestBytes, values.transactionTimeoutMs, values.clientId, router.missing],
    [2_000_000, 30_000, 'relay', 'ignore'],
  );
  assert.deepEqual([values.retryWaitMs, values.maxRetries], [250, 3]);
  assert.deepEqual(security.sasl, { mechanism: 'PLAIN', username: 'a', password: 'hunter2' });
  assert.ok(tables[0]?.test('public.outbox'));
  assert.equal(
    remarks.find(({ key }) => key === 'producer.override.max.request.size')?.text,
    'read as kafka.max.request.size: the same under our name',
  );
  assert.ok(!JSON.stringify(remarks).includes('hunter2'));
});

test('a mistake in what is mapped is said under the name in the file, and two names are one too many', () => {
  assert.match(
    mistakes({ 'producer.override.max.request.size': 'big' }).join(),
    /^"producer\.override\.max\.request\.size" expected a whole number/,
  );
  assert.deepEqual(mistakes({ 'producer.override.client.id': 'a', 'kafka.client.id': 'b' }), [
    '"producer.override.client.id" says the same as "kafka.client.id": give one of them',
  ]);
});

test('a typing error near a key of theirs is corrected to it', () => {
  assert.match(mistakes({ 'tombstone.on.delete': 'false' }).join(), /did you mean "tombstones\.on\.delete"\?/);
  assert.match(
    mistakes({ 'transforms.o.table.expand.json.paylod': 'false' }).join(),
    /did you mean "transforms\.o\.table\.expand\.json\.payload"\?/,
  );
});

test('options of named converters are said once, with the list that names them', () => {
  const said = mistakes({
    converters: 'geo, isbn',
    'geo.type': 'a.B',
    'isbn.type': 'a.C',
    'post.processors': 'p',
    'p.type': 'x',
  });
  assert.deepEqual(
    said.map((mistake) => mistake.split(' ')[0]),
    ['"converters"', '"post.processors"'],
  );
});

test('classes may go by their simple names, as in Connect', () => {
  const config = parse({
    'connector.class': 'PostgresConnector',
    'transforms.o.type': 'EventRouter',
    'key.converter': 'StringConverter',
    'value.converter': 'BinaryDataConverter',
    'header.converter': 'SimpleHeaderConverter',
  });
  const { values, remarks } = config;
  const { values: router } = routerOf(config);
  assert.deepEqual(
    [values.connectorClass, values.keyConverter, values.valueConverter, router.type, remarks.length],
    ['postgres', 'string', 'bytes', 'outbox', 1],
  );
  const json = parse({ 'value.converter': 'JsonConverter' }).serialization.value;
  assert.deepEqual(
    json,
    { kind: 'json', schemas: true, nullAsDefault: true, sourceDefaults: true },
    "Connect's defaults",
  );
  const short = parse({ 'value.converter': 'json' }).serialization.value;
  assert.deepEqual(short, { kind: 'json', schemas: false, nullAsDefault: false, sourceDefaults: true });
});

test('a connector of another database, and a converter that needs a registry, say where that leaves their owner', () => {
  assert.match(
    mistakes({ 'connector.class': 'io.debezium.connector.mysql.MySqlConnector' }).join(),
    /PostgreSQL is the only database yet/,
  );
  assert.match(
    mistakes({ 'value.converter': 'io.confluent.connect.avro.AvroConverter' }).join(),
    /what the service itself has encoded for one passes through raw/,
  );
});

test('property: lists of schemas and tables capture what Debezium captures', () => {
  const schema = fc.constantFrom('a', 'b', 'ab', 'a.*', 'a|b', '.*b', 'A');
  const table = fc.constantFrom('a\\.x', '.*\\.x', 'b\\..*', 'a\\.(x|y)', 'ab\\.y', '.*');
  const some = (item: fc.Arbitrary<string>) => fc.array(item, { maxLength: 3 });
  const names = ['a', 'b', 'ab'].flatMap((of) => ['x', 'y', 'xy'].map((name) => [of, name] as const));
  const any = (patterns: readonly string[], text: string): boolean =>
    patterns.some((pattern) => new RegExp(`^(?:${pattern})$`, 'i').test(text));
  fc.assert(
    fc.property(some(schema), some(table), fc.boolean(), fc.boolean(), (schemas, tables, exSchemas, exTables) => {
      const { tables: filter } = parse({
        [exSchemas ? 'schema.exclude.list' : 'schema.include.list']: schemas.join(','),
        [exTables ? 'table.exclude.list' : 'table.include.list']: tables.join(','),
      });
      for (const [of, name] of names) {
        const inSchema = schemas.length === 0 || any(schemas, of) !== exSchemas;
        const inTable = tables.length === 0 || any(tables, `${of}.${name}`) !== exTables;
        const captured = filter.length === 0 || filter.some((pattern) => pattern.test(`${of}.${name}`));
        assert.equal(captured, inSchema && inTable, `${of}.${name}`);
      }
    }),
  );
});

test("lists of schemas and tables work together as Debezium's", () => {
  const captured = (over: Values, ...names: readonly string[]): boolean[] => {
    const { tables } = parse(over);
    return names.map((name) => tables.some((pattern) => pattern.test(name)));
  };
  const names = ['public.outbox', 'public.orders', 'audit.outbox', 'publicity.outbox'];
  assert.deepEqual(captured({ 'schema.include.list': 'public' }, ...names), [true, true, false, false]);
  assert.deepEqual(captured({ 'schema.include.list': 'PUBLIC', 'table.include.list': '.*\\.outbox' }, ...names), [
    true,
    false,
    false,
    false,
  ]);
  assert.deepEqual(captured({ 'schema.exclude.list': 'audit,pub' }, ...names), [true, true, false, true]);
  assert.deepEqual(captured({ 'schema.include.list': 'public,audit', 'table.exclude.list': '.*\\.orders' }, ...names), [
    true,
    false,
    true,
    false,
  ]);
  assert.deepEqual(parse({}).tables, []);
  assert.match(
    mistakes({ 'table.include.list': 'a\\.b', 'table.exclude.list': 'a\\.c' }).join(),
    /"table\.exclude\.list" stands beside "table\.include\.list": give one of them/,
  );
  assert.match(
    mistakes({ 'schema.include.list': '(?<x>a)', 'table.include.list': '(?<x>a)\\.b' }).join(),
    /cannot be combined with the other lists/,
  );
});

test('what is about row changes alone is harmless behind an outbox router, and refused where row changes are sent', () => {
  const rows = { transforms: undefined, 'transforms.o.type': undefined };
  const some = {
    predicates: 'p',
    'predicates.p.type': 'TopicNameMatches',
    'predicates.p.pattern': 'c\\.public\\.outbox',
    'transforms.o.predicate': 'p',
  };
  for (const [key, anyway, other] of [
    ['schema.name.adjustment.mode', 'none', 'avro'],
    ['field.name.adjustment.mode', 'none', 'avro_unicode'],
    ['topic.naming.strategy', 'io.debezium.schema.SchemaTopicNamingStrategy', 'com.example.Names'],
    ['include.schema.comments', 'false', 'true'],
    ['sourceinfo.struct.maker', 'io.debezium.connector.postgresql.PostgresSourceInfoStructMaker', 'com.example.Maker'],
    ['xmin.fetch.interval.ms', '0', '1000'],
    ['publish.via.partition.root', 'true', 'false'],
  ] as const) {
    assert.deepEqual(mistakes({ [key]: other }), [], `${key} with a router`);
    assert.deepEqual(mistakes({ ...rows, [key]: anyway }), [], `${key}=${anyway}`);
    for (const chain of [rows, some]) {
      const said = mistakes({ ...chain, [key]: other });
      assert.equal(said.length, 1, `${key}: ${said.join('\n')}`);
      assert.match(said[0] ?? '', /^"[^"]+" expected .*(Remove it|Set it to true)/);
    }
    // A list that is not known here: nothing can be refused yet.
    assert.equal(checkOpen({ ...rows, transforms: '${env:CHAIN}', [key]: other }).length, 0, key);
  }
});

test('the earlier name of topic.prefix names the topics, unless topic.prefix does', () => {
  const named = parse({ 'database.server.name': 'legacy' });
  assert.equal(named.values.topicPrefix, 'legacy');
  const both = parse({ 'database.server.name': 'legacy', 'topic.prefix': 'shop' });
  assert.equal(both.values.topicPrefix, 'shop');
  assert.deepEqual(both.remarks, [{ key: 'database.server.name', text: 'accepted without effect: topic.prefix wins' }]);
});

function checkOpen(over: Values): readonly unknown[] {
  const text = JSON.stringify({ name: 'c', config: { ...MINIMUM, ...over } });
  const checked = checkConnector(text, null, { env: {}, absent: 'open' });
  return 'mistakes' in checked ? checked.mistakes : [];
}
