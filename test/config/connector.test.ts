import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { type ConnectorConfig, checkConnector, parseConnector, readConnectorFile } from '../../src/config/connector.ts';
import { KEYS } from '../../src/config/keys.ts';
import { connectorConfig } from '../support/connector-config.ts';
import { routerOf } from '../support/router-of.ts';
import { formatMistake } from '../../src/config/mistake.ts';
import { ROUTER_KEYS } from '../../src/config/router-keys.ts';
import { MillraceError } from '../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
after(() => rmSync(folder, { recursive: true }));

const MINIMUM = {
  'connector.class': 'postgres',
  'database.hostname': 'localhost',
  'database.user': 'u',
  'database.dbname': 'd',
  transforms: 'o',
  'transforms.o.type': 'outbox',
  'kafka.bootstrap.servers': 'localhost:9092',
};
type Values = Readonly<Record<string, unknown>>;

function parse(over: Values = {}, surroundings = {}): ConnectorConfig {
  return parseConnector({ name: 'c', config: { ...MINIMUM, ...over } }, surroundings);
}
function mistakes(over: Values, surroundings = {}): string[] {
  const checked = checkConnector(JSON.stringify({ name: 'c', config: { ...MINIMUM, ...over } }), null, surroundings);
  return 'mistakes' in checked ? checked.mistakes.map(formatMistake) : [];
}
function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('the shortest connector has the documented defaults', () => {
  const config = parse();
  const { values, slotName, publicationName, transactionalId, security } = config;
  const { values: router, topicRegex, topicReplacement } = routerOf(config);
  assert.deepEqual(
    [
      values.port,
      values.sslMode,
      values.plugin,
      values.snapshotMode,
      values.publicationAutocreate,
      values.maxQueueBytes,
    ],
    [5432, 'prefer', 'pgoutput', 'no_data', 'filtered', 16 * 1024 * 1024],
  );
  assert.deepEqual(
    [values.transactionTimeoutMs, values.split, values.offsetsTopic, values.keyConverter, values.valueConverter],
    [60_000, 'auto', 'millrace-offsets', 'raw', 'raw'],
  );
  assert.deepEqual([slotName, publicationName, transactionalId], ['millrace_c', 'millrace_c', 'millrace-c']);
  assert.equal('order'.replace(topicRegex, topicReplacement), 'outbox.event.order');
  assert.deepEqual([router.id, router.key, security.sasl, security.tls], ['id', 'aggregateid', null, null]);
});

test("values may be JSON strings, numbers and booleans, and Debezium's class name is known", () => {
  const texts = parse({ 'database.port': '6432', 'slot.adopt': 'true', 'errors.max.retries': '-1' });
  const typed = parse({ 'database.port': 6432, 'slot.adopt': true, 'errors.max.retries': -1, 'max.batch.size': 1e3 });
  assert.deepEqual([texts.values.port, texts.values.slotAdopt, texts.values.maxRetries], [6432, true, -1]);
  assert.deepEqual(
    [typed.values.port, typed.values.slotAdopt, typed.values.maxRetries, typed.values.maxBatchSize],
    [6432, true, -1, 1000],
  );
  assert.equal(parse({ 'database.password': 123 }).values.password, '123');
  const long = checkConnector('{"name": "c", "config": {"database.password": 12345678901234567890}}', null);
  assert.ok('mistakes' in long && !JSON.stringify(long.mistakes).includes('password'));
  const debezium = parse({
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'transforms.o.type': 'io.debezium.transforms.outbox.EventRouter',
    'tasks.max': '1',
    'topic.prefix': 'shop',
    'snapshot.mode': 'never',
    name: 'c',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': false,
  });
  assert.deepEqual([debezium.values.connectorClass, debezium.values.valueConverter], ['postgres', 'json']);
});

test('every mistake is said at once, with file, line and column, and the nearest known key', () => {
  const path = file(
    'bad.json',
    `{
  "name": "orders",
  "config": {
    "connector.class": "oracle",
    "database.hostnam": "localhost",
    "database.user": "u",
    "database.user": "v",
    "database.port": "54321x",
    "database.dbname": ["d"],
    "snapshot.mode": "initial",
    "transforms": "o",
    "transforms.o.type": "outbox",
    "transforms.o.table.expand.json.payload": true,
    "kafka.bootstrap.servers": "localhost:9092"
  }
}`,
  );
  assert.throws(
    () => readConnectorFile(path),
    (error) => {
      assert.ok(error instanceof MillraceError && error.kind === 'config');
      for (const expected of [
        `${path}:4:5: "connector.class" expected "postgres", got "oracle"`,
        `${path}:5:5: "database.hostnam" is not a key of this connector; did you mean "database.hostname"?`,
        `${path}:7:5: "database.user" stands twice: first in line 6. Remove one`,
        `${path}:8:5: "database.port" expected a whole number from 1 to 65535, got "54321x"`,
        `${path}:9:5: "database.dbname" expected a text, number, true or false, got an array`,
        `${path}:10:5: "snapshot.mode" expected "no_data" (there are no snapshots yet`,
        `${path}:13:5: "transforms.o.table.expand.json.payload" expected "false", got "true": a payload that is taken apart`,
        `${path}: "database.hostname" is missing: Host of the database`,
      ]) {
        assert.ok(error.message.includes(expected), `${expected}\n---\n${error.message}`);
      }
      assert.match(error.message, /^8 mistakes/);
      return true;
    },
  );
});

test('text that is no connector is said to be none, whatever it is', () => {
  for (const [text, expected] of [
    ['', /x:1:1: not valid JSON/],
    ['[]', /x:1:1: expected \{"name"/],
    ['{}', /x: "name" is missing.*x: "config" is missing/],
    ['{"name": 3, "config": {}}', /"name" expected a text of 1 to 200/],
    ['{"nam": "c", "config": {}}', /x:1:2: "nam" stands outside of "config"; did you mean "name"\?/],
    ['{"name": "c", "config": []}', /"config" is no object/],
    ['{"name": "c", "name": "d", "config": {}}', /"name" stands twice/],
  ] as const) {
    const checked = checkConnector(text, 'x');
    assert.ok('mistakes' in checked);
    assert.match(checked.mistakes.map(formatMistake).join(' '), expected, text);
  }
  assert.throws(() => readConnectorFile(join(folder, 'none.json')), /none\.json: cannot be read: ENOENT/);
});

test('references to the environment and to files are resolved, also inside of longer values', () => {
  const secret = file('secret', 'pa55word=${env:NOT_AGAIN}\n');
  const properties = file('a.properties', '# comment\nuser = alice\npassword: pa55word s3 cret \nuser.name=x\n');
  const env = { HOST: 'db', REGION: 'eu' };
  const { values } = parse(
    {
      'database.hostname': '${env:HOST}.${env:REGION}.example',
      'database.password': `\${file:${secret}}`,
      'database.user': `\${file:${properties}:user}`,
      'kafka.client.id': `\${file:${properties}:password}|`,
    },
    { env },
  );
  assert.deepEqual(
    [values.hostname, values.password, values.user, values.clientId],
    ['db.eu.example', 'pa55word=${env:NOT_AGAIN}', 'alice', 'pa55word s3 cret |'],
  );
  const wrong = mistakes(
    {
      'database.hostname': '${env:NO}',
      'database.user': `\${file:${properties}:nope}`,
      'database.dbname': '${file:/no/such}',
      'kafka.client.id': '${vault:x:y}',
    },
    { env },
  ).join('\n');
  assert.match(wrong, /"database.hostname" refers to the environment variable "NO", which is not set/);
  assert.match(wrong, /"database.user" refers to the key "nope" of file .*, which has no line nope=/);
  assert.match(wrong, /"database.dbname" refers to a file that cannot be read: ENOENT/);
  assert.match(wrong, /"kafka.client.id" refers to a provider "vault": there are/);
  assert.doesNotMatch(mistakes({ 'database.hostname': '${env:toString}' }, { env }).join(), /missing/);
});

test('no secret is shown, be it in its place, in the wrong place or behind a reference', () => {
  const env = { PASSWORD: 'hunter2' };
  const said = [
    ...mistakes(
      { 'database.port': '${env:PASSWORD}', 'transforms.o.table.fields.additional.placement': '${env:PASSWORD}' },
      { env },
    ),
    ...mistakes({ 'kafka.security.protocol': 'SASL_SSL', 'kafka.sasl.jaas.config': 'hunter2' }),
    ...mistakes({
      'kafka.security.protocol': 'SSL',
      'kafka.ssl.keystore.key': 'hunter2',
      'database.password': ['hunter2'],
    }),
  ];
  assert.equal(said.length, 5, said.join('\n'));
  assert.ok(!said.join('\n').includes('hunter2'), said.join('\n'));
});

test('the outbox router stands under any alias; other options of it are refused by name', () => {
  const other = {
    transforms: 'my.odd-alias',
    'transforms.o.type': undefined,
    'transforms.my.odd-alias.type': 'outbox',
  };
  assert.equal(routerOf(parse(other)).values.routeBy, 'aggregatetype');
  assert.match(mistakes({ transforms: 'o,unwrap' }).join(), /"transforms.unwrap.type" is missing/);
  assert.deepEqual(mistakes({ transforms: '', 'transforms.o.type': undefined }), [], 'row changes as such');
  assert.match(
    mistakes({ 'transforms.p.type': 'outbox' }).join(),
    /belongs to the alias "p", which "transforms" does not name/,
  );
  assert.match(
    mistakes({ 'transforms.o.type': 'org.example.Mask' }).join(),
    /"transforms.o.type" expected one of outbox, .*MaskField\$Value.*, or the path of a module \(.*docs\/plugins\.md\), got "org.example.Mask"/,
  );
  for (const placement of ['a:envelope', 'a:partition']) {
    assert.match(
      mistakes({ 'transforms.o.table.fields.additional.placement': placement }).join(),
      /is not supported yet/,
    );
  }
  const placed = parse({
    'transforms.o.table.fields.additional.placement': 'type:header:eventType, tenant:header',
  });
  const { headers } = routerOf(placed);
  assert.deepEqual(headers, [
    { column: 'type', name: 'eventType' },
    { column: 'tenant', name: 'tenant' },
  ]);
});

test("routing options are read as Java's", () => {
  const config = parse({
    'transforms.o.route.topic.regex': '(?i)(?<domain>[a-z&&[^x]]+)\\.(.*)',
    'transforms.o.route.topic.replacement': 'events.${domain}.$2',
  });
  const routed = routerOf(config);
  assert.equal('Shop.Order'.replace(routed.topicRegex, routed.topicReplacement), 'events.Shop.Order');
  for (const [regex, replacement, expected] of [
    ['(a', 'b', /route.topic.regex" cannot be read, or not with the same meaning as in Java: a \( without its \)/],
    ['a++', 'b', /possessive quantifier/],
    ['(?<t>.*)', '${u}', /route.topic.replacement" cannot be read.*no group of that name \(it has t\)/],
    ['(?<t>.*)', '$2', /has 1 groups/],
    ['(?<t>.*)', 'a b', /makes no legal topic names/],
  ] as const) {
    const said = mistakes({
      'transforms.o.route.topic.regex': regex,
      'transforms.o.route.topic.replacement': replacement,
    });
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', expected);
  }
});

test('table.include.list is a list of anchored expressions without case, as in Debezium', () => {
  const { tables } = parse({
    'table.include.list': 'public\\.out(box|put), audit\\..*,q\\Q.\\E(?<x>\\w{1\\,3})',
  }).values;
  const matches = (name: string): boolean => tables.some((pattern) => pattern.test(name));
  assert.deepEqual(
    ['public.outbox', 'PUBLIC.OUTPUT', 'public.outbox2', 'audit.x', 'xaudit.x', 'q.abc', 'q.abcd'].map(matches),
    [true, true, false, true, false, true, false],
  );
  assert.match(
    mistakes({ 'table.include.list': 'a++' }).join(),
    /regular expressions that mean the same in Java and here/,
  );
});

test('created topics have settings as in Connect: all of partitions and replication, or nothing', () => {
  const given = { 'topic.creation.default.partitions': 6, 'topic.creation.default.replication.factor': -1 };
  const config = parse({
    ...given,
    'topic.creation.default.cleanup.policy': 'compact',
    'topic.creation.enable': false,
  });
  assert.deepEqual(
    [config.values.topicPartitions, config.values.topicReplication, config.values.topicCreation],
    [6, -1, false],
  );
  assert.deepEqual(config.topicConfigs, { 'cleanup.policy': 'compact' });
  assert.match(
    mistakes({ 'topic.creation.default.partitions': 6 }).join(),
    /replication.factor" is missing: with any topic.creation.default/,
  );
  assert.equal(mistakes({ 'topic.creation.default.cleanup.policy': 'compact' }).length, 2);
  assert.equal(mistakes({ ...given, 'topic.creation.default.partitions': 0 }).length, 1);
  assert.match(mistakes({ 'topic.creation.groups': 'big' }).join(), /expected no value: .* There is one group/);
  assert.match(mistakes({ ...given, 'topic.creation.default.__proto__': 'x' }).join(), /names no setting of a topic/);
});

test('contradictions and values that would mean something else in Debezium are refused', () => {
  const cases: [Values, RegExp][] = [
    [{ 'plugin.name': 'decoderbufs' }, /expected "pgoutput" \(pgoutput is in every PostgreSQL/],
    [{ 'slot.name': 'My-Slot' }, /expected 1 to 63 of a-z 0-9 _/],
    [{ 'offsets.topic': 'a b' }, /expected a legal topic name/],
    [{ 'kafka.bootstrap.servers': 'localhost' }, /expected host:port/],
    [{ 'kafka.bootstrap.servers': '[::1]:9092' }, /IPv6/],
    [{ 'kafka.bootstrap.servers': ' , ' }, /at least one item/],
    [{ 'value.converter': 'io.confluent.connect.avro.AvroConverter' }, /one of raw, string, json, bytes/],
    [{ 'tasks.max': 2 }, /"tasks.max" expected/],
    [{ name: 'other' }, /"name" differs/],
    [{ 'connector.class': 'constructor' }, /expected "postgres"/],
    [{ 'database.user': '' }, /not empty/],
    [{ 'database.user': null }, /got null/],
  ];
  for (const [over, expected] of cases) {
    const said = mistakes(over);
    assert.equal(said.length, 1, said.join('\n'));
    assert.match(said[0] ?? '', expected);
  }
});

test('no input makes it crash: it is a configuration or a list of mistakes', () => {
  const keys = [
    ...Object.values(KEYS).map(({ key }) => key),
    ...Object.values(ROUTER_KEYS).map(({ key }) => `transforms.o.${key}`),
    'name',
    '__proto__',
    'constructor',
    'transforms..type',
    'topic.creation.default.x',
  ];
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '${env:A}',
      '${file:/}',
      '${file:}',
      '${x:y}',
      '$1',
      '${a}',
      '(',
      '[a',
      '\\',
      'o',
      'o,p',
      'outbox',
      'SASL_SSL',
      'SSL',
      'true',
      '-1',
      '__proto__',
      'toString',
      'a:header',
      'x.jks',
      '-----BEGIN X',
    ),
  );
  const value = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.array(fc.integer()));
  const config = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...keys), fc.string()), value));
  fc.assert(
    fc.property(config, fc.boolean(), fc.jsonValue(), (entries, whole, other) => {
      const given = Object.fromEntries([...(whole ? Object.entries(MINIMUM) : []), ...entries]);
      for (const json of [{ name: 'c', config: given }, { name: other, config: given }, other]) {
        const checked = checkConnector(JSON.stringify(json), 'x', { env: { A: 'b' } });
        if ('mistakes' in checked) {
          assert.ok(checked.mistakes.length > 0);
          for (const mistake of checked.mistakes) assert.ok(formatMistake(mistake).length < 2000);
        } else assert.ok(Object.isFrozen(checked.config));
      }
    }),
    { numRuns: 1500 },
  );
});

test('converters that cannot write rows are refused where nothing makes anything else of rows', () => {
  const rows = { transforms: undefined, 'transforms.o.type': undefined };
  for (const [key, value] of [
    ['key.converter', 'org.apache.kafka.connect.storage.StringConverter'],
    ['value.converter', 'string'],
    ['value.converter', 'bytes'],
  ] as const) {
    const [said, ...others] = mistakes({ ...rows, [key]: value });
    assert.match(said ?? '', new RegExp(`^"${key}" cannot write row changes, .* expected json or raw`));
    assert.deepEqual([others, mistakes({ [key]: value })], [[], []]);
  }
  assert.deepEqual(mistakes({ ...rows, 'key.converter': 'json', 'value.converter': 'raw' }), []);
});

test('every key has a sentence of documentation', () => {
  for (const { key, doc } of [...Object.values(KEYS), ...Object.values(ROUTER_KEYS)]) assert.match(doc, /\.$/, key);
});

test('of the lists of logical messages one is given, and a heartbeat message needs an interval', () => {
  const messages = (over: Readonly<Record<string, unknown>>): ReturnType<typeof connectorConfig> =>
    connectorConfig('c', over);
  assert.throws(
    () => messages({ 'message.prefix.include.list': 'a', 'message.prefix.exclude.list': 'b' }),
    /"message\.prefix\.exclude\.list" stands beside "message\.prefix\.include\.list": give one of them/,
  );
  assert.throws(
    () => messages({ 'heartbeat.message.prefix': 'beat' }),
    /"heartbeat\.message\.prefix" has no effect without "heartbeat\.interval\.ms" above 0/,
  );
  const { values } = messages({ 'heartbeat.message.prefix': 'beat', 'heartbeat.interval.ms': 10 });
  assert.deepEqual([values.heartbeatMs, values.heartbeatMessage], [10, 'beat']);
});
