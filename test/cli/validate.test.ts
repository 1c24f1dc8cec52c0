import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { validate } from '../../src/cli/validate.ts';
import { KEYS } from '../../src/config/keys.ts';
import { ROUTER_KEYS } from '../../src/config/router-keys.ts';
import { CONNECT_4_3, DEBEZIUM_3_4_POSTGRES, PRODUCER_4_3 } from '../fixtures/debezium-keys.ts';
import { millrace } from '../support/command.ts';
import { edgeFor } from '../support/edge.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-validate-'));
after(() => rmSync(folder, { recursive: true }));

const EXAMPLES = new URL('../../connectors/', import.meta.url).pathname;
const RIGHT = `{
  "$schema": "https://example.com/connector.schema.json",
  "name": "right",
  "config": {
    "connector.class": "postgres",
    "database.hostname": "localhost",
    "database.user": "u",
    "database.dbname": "d",
    "transforms": "o",
    "transforms.o.type": "outbox",
    "kafka.bootstrap.servers": "localhost:9092"
  }
}`;
const WRONG = `{
  "name": "wrong",
  "config": {
    "connector.class": "postgres",
    "database.hostname": "localhost",
    "database.user": "u",
    "database.password": "\${env:NOT_THERE}",
    "slot.nam": "s",
    "transforms": "o",
    "transforms.o.type": "outbox",
    "transforms.o.route.by.feild": "x",
    "kafka.sasl.password": "hunter2",
    "transaction.split": "sometimes",
    "kafka.bootstrap.servers": "localhost:9092"
  }
}`;

const EXAMPLE_TEXTS = readdirSync(EXAMPLES).map((name) => readFileSync(join(EXAMPLES, name), 'utf8'));
/** Every key that Debezium and Kafka Connect declare, in one file. */
const DEBEZIUM = JSON.stringify(
  {
    name: 'debezium',
    config: Object.fromEntries(
      [...DEBEZIUM_3_4_POSTGRES, ...CONNECT_4_3, ...PRODUCER_4_3].map((key) => [key, key.length % 2 ? 'false' : '1']),
    ),
  },
  null,
  2,
);

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('every mistake of every file is said at once, from top to bottom, with a value that is right', async () => {
  const [right, wrong] = [file('right.json', RIGHT), file('wrong.json', WRONG)];
  const edge = edgeFor([wrong, right, join(folder, 'none.json')]);
  assert.equal(await validate(edge), 2);
  assert.equal(
    edge.text(),
    `ok ${right}: connector "right"
not checked ${wrong}:7:5: "database.password" refers to the environment variable "NOT_THERE", which is not set
mistake ${wrong}:8:5: "slot.nam" is not a key of this connector; did you mean "slot.name"?
    for example "slot.name": "millrace_orders"
mistake ${wrong}:11:5: "transforms.o.route.by.feild" is not a key of this connector; did you mean "transforms.o.route.by.field"?
    for example "transforms.o.route.by.field": "aggregatetype"
mistake ${wrong}:12:5: "kafka.sasl.password" has no effect while kafka.security.protocol is PLAINTEXT: expected SASL_SSL or SASL_PLAINTEXT, or this key removed
    for example "kafka.sasl.password": "\${env:KAFKA_PASSWORD}"
mistake ${wrong}:13:5: "transaction.split" expected one of auto, never, got "sometimes"
    for example "transaction.split": "auto"
mistake ${wrong}: "database.dbname" is missing: Database to read.
    for example "database.dbname": "orders"
mistake ${join(folder, 'none.json')}: cannot be read: ENOENT: no such file or directory, open '${join(folder, 'none.json')}'
3 files, 6 mistakes, 1 not checked
`,
  );
});

test('--json says the same to machines', async () => {
  const [right, wrong] = [file('right.json', RIGHT), file('wrong.json', WRONG)];
  const edge = edgeFor(['--json', right, wrong]);
  assert.equal(await validate(edge), 2);
  const result = JSON.parse(edge.text()) as { mistakes: unknown[] };
  assert.deepEqual(
    { ...result, mistakes: result.mistakes.slice(0, 1), count: result.mistakes.length },
    {
      valid: false,
      files: [right, wrong],
      connectors: [{ file: right, name: 'right' }],
      mistakes: [
        {
          file: wrong,
          line: 8,
          column: 5,
          key: 'slot.nam',
          problem: 'is not a key of this connector; did you mean "slot.name"?',
          near: 'slot.name',
          example: 'millrace_orders',
        },
      ],
      notChecked: [
        {
          file: wrong,
          line: 7,
          column: 5,
          key: 'database.password',
          reason: 'refers to the environment variable "NOT_THERE", which is not set',
        },
      ],
      count: 5,
    },
  );
  const good = edgeFor([right, '--json']);
  assert.equal(await validate(good), 0);
  assert.deepEqual((JSON.parse(good.text()) as { valid: boolean }).valid, true);
});

const REFERRING = (over: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ name: 'referring', config: { ...(JSON.parse(RIGHT) as { config: object }).config, ...over } });
const mistakesOf = async (content: string, ...flags: readonly string[]): Promise<[number, string[], string[]]> => {
  const edge = edgeFor([file('referring.json', content), '--json', ...flags]);
  const code = await validate(edge);
  type Result = { mistakes: { key: string; problem: string }[]; notChecked: { key: string }[] };
  const { mistakes, notChecked } = JSON.parse(edge.text()) as Result;
  return [
    code,
    mistakes.map(({ key, problem }) => `${key} ${problem.split(' ').slice(0, 2).join(' ')}`),
    notChecked.map(({ key }) => key),
  ];
};

test('a file for another machine: what its environment alone knows is not checked, and nothing is judged by it', async () => {
  const open = {
    'database.port': '${env:PORT}',
    'database.dbname': 'd${env:SHARD}',
    'database.password': '${file:/run/secrets/of/another/machine:key}',
    'kafka.security.protocol': '${env:PROTOCOL}',
    'kafka.sasl.password': '${env:PASSWORD}',
    'producer.override.acks': '${env:ACKS}',
    'tombstones.on.delete': '${env:TOMBSTONES}',
    'transforms.o.route.topic.regex': '${env:REGEX}',
    'transforms.o.route.topic.replacement': '${named}',
    'table.whitelist': '${env:TABLES}',
  };
  const referring = Object.keys(open).filter((key) => key !== 'transforms.o.route.topic.replacement');
  const [code, mistakes, notChecked] = await mistakesOf(REFERRING(open));
  assert.deepEqual([code, mistakes], [0, []]);
  assert.deepEqual(notChecked.toSorted(), referring.toSorted());
  // One half of a pair that is not known is there all the same.
  const pair = {
    'kafka.security.protocol': 'SASL_SSL',
    'kafka.sasl.username': '${env:U}',
    'kafka.sasl.password': 'pa55word',
    'kafka.ssl.certificate.location': '/c.pem',
    'kafka.ssl.key.location': '${env:KEY}',
  };
  assert.deepEqual(await mistakesOf(REFERRING(pair)), [0, [], ['kafka.sasl.username', 'kafka.ssl.key.location']]);
  assert.deepEqual(await mistakesOf(REFERRING({ transforms: '${env:T}' })), [0, [], ['transforms']]);
});

test('what goes to PUT /connectors/NAME/config lacks one thing, and the rest of it is checked', async () => {
  const flat = { name: 'flat', ...(JSON.parse(RIGHT) as { config: object }).config, 'slot.nam': 's' };
  assert.deepEqual(await mistakesOf(JSON.stringify(flat)), [2, ['config is missing:', 'slot.nam is not'], []]);
});

test('--strict-env: on the machine that runs it, what is missing is a mistake, as it is to run', async () => {
  const [code, mistakes, notChecked] = await mistakesOf(REFERRING({ 'database.port': '${env:PORT}' }), '--strict-env');
  assert.deepEqual([code, mistakes, notChecked], [2, ['database.port refers to'], []]);
  const command = millrace([
    'validate',
    '--strict-env',
    file('referring.json', REFERRING({ 'slot.name': '${env:NOT_SET}' })),
  ]);
  assert.equal(await command.ended, 2);
});

test('what is wrong on every machine is a mistake, whatever its environment', async () => {
  const wrong = {
    'slot.nam': '${env:X}',
    'offsets.storage.topic': '${env:X}',
    'slot.name': '${vault:x}',
    'publication.name': '${env:}',
    'database.password': `\${file:${file('secrets.properties', 'a=b')}:none}`,
  };
  const [code, mistakes] = await mistakesOf(REFERRING(wrong));
  assert.equal(code, 2);
  assert.deepEqual(mistakes.toSorted(), [
    'database.password refers to',
    'offsets.storage.topic is refused:',
    'publication.name refers to',
    'slot.nam is not',
    'slot.name refers to',
  ]);
});

test('two connectors clash only where what they share is known', async () => {
  const [a, b] = ['a', 'b'].map((name) =>
    file(
      `${name}-slot.json`,
      REFERRING({ 'slot.name': 's', 'database.hostname': `\${env:${name}}` }).replace('referring', name),
    ),
  ) as [string, string];
  assert.equal(await validate(edgeFor([a, b])), 0);
  const same = edgeFor([a, b], { env: { a: 'h', b: 'h' } });
  assert.equal(await validate(same), 2);
  assert.match(same.text(), /the slot "s" is also that of/);
  const kafka = ['c', 'd'].map((name) =>
    file(
      `${name}.json`,
      REFERRING({ 'kafka.bootstrap.servers': undefined, 'producer.override.bootstrap.servers': '${env:K}' }).replace(
        'referring',
        name,
      ),
    ),
  );
  assert.equal(await validate(edgeFor(kafka)), 0);
});

test('a path that is no small text file is a mistake with a name, and does not hang or exhaust us', async () => {
  mkdirSync(join(folder, 'empty'), { recursive: true });
  const utf16 = Buffer.from(`\uFEFF${RIGHT}`, 'utf16le');
  for (const [path, expected] of [
    ['/dev/zero', /cannot be read: it is larger than 1 MiB/],
    [file('huge.json', Buffer.alloc(1024 * 1024 + 1, ' ')), /cannot be read: it is larger than 1 MiB/],
    [file('empty.json', ''), /:1:1: not valid JSON: expected a value, got the end of the file/],
    [file('binary.json', Buffer.from([0, 1, 2, 255])), /:1:1: not valid JSON/],
    [file('utf16.json', utf16), /cannot be read: it is UTF-16: save it as UTF-8/],
    [join(folder, 'empty'), /is a folder that holds no \.json file/],
    [file('deep.json', '['.repeat(100_000)), /:1:66: nested deeper than 64 levels/],
    [
      file('reference.json', REFERRING({ 'database.user': '${file:/dev/zero}' })),
      /refers to a file that cannot be read: it is larger/,
    ],
    [file('long.json', REFERRING({ ['k'.repeat(100_000)]: 'x' })), /"k{200}…" is not a key of this connector/],
    [
      file('proto.json', REFERRING({}).replace('{"name"', '{"__proto__":{},"constructor":1,"name"')),
      /"__proto__" stands outside of "config"/,
    ],
  ] as const) {
    const edge = edgeFor([path]);
    assert.equal(await validate(edge), 2, path);
    assert.match(edge.text(), expected);
  }
  for (const content of [`\uFEFF${RIGHT}`, RIGHT.replaceAll('\n', '\r\n'), RIGHT.replace('"u"', '"\\ud800"')]) {
    assert.equal(await validate(edgeFor([file('odd.json', content)])), 0);
  }
});

test('the examples are right; two connectors of one name are not; a wrong flag is said once', async () => {
  const env = { DATABASE_PASSWORD: 'pa55word' };
  const example = edgeFor([join(EXAMPLES, 'postgres-outbox.json')], { env });
  assert.equal(await validate(example), 0, example.text());
  const twins = join(folder, 'twins');
  mkdirSync(twins);
  file('twins/a.json', RIGHT);
  file('twins/b.json', RIGHT);
  const clash = edgeFor([twins]);
  assert.equal(await validate(clash), 2);
  assert.match(clash.text(), /^ok .*a\.json.*\nmistake .*b\.json: "name" the name "right" is also that of .*a\.json/);
  const flags = edgeFor([
    join(twins, 'a.json'),
    file('c.json', RIGHT.replace('"right"', '"c"')),
    '--offsets.topic=a b',
  ]);
  assert.equal(await validate(flags), 2);
  assert.match(
    flags.text(),
    /^mistake --offsets\.topic: "offsets\.topic" expected a legal topic name.*\n.*\n2 files, one/,
  );
});

test('colours are for terminals, for nobody with NO_COLOR, and for everybody with FORCE_COLOR', async () => {
  const wrong = file('wrong.json', WRONG);
  const escape = '\u001b';
  for (const [terminal, env, coloured] of [
    [true, {}, true],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [false, {}, false],
    [false, { FORCE_COLOR: '1' }, true],
    [false, { FORCE_COLOR: '3', NO_COLOR: '1', TERM: 'dumb' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: 'false' }, false],
    [false, { FORCE_COLOR: '' }, false],
  ] as const) {
    const edge = edgeFor([wrong], { terminal, env });
    await validate(edge);
    assert.equal(edge.text().includes(escape), coloured);
  }
});

test('the process ends with 0 or 2, and says nothing on standard error', async () => {
  const ends = async (...args: readonly string[]): Promise<unknown[]> => {
    const command = millrace(['validate', ...args]);
    return [await command.ended, command.stderr()];
  };
  assert.deepEqual(await ends(file('right.json', RIGHT)), [0, '']);
  assert.deepEqual(await ends(file('wrong.json', WRONG)), [2, '']);
  assert.deepEqual(await ends('--help'), [0, '']);
  const [code, said] = await ends('--jsn', 'x');
  assert.equal(code, 2);
  assert.match(String(said), /^there is no option --jsn; did you mean --json\?/);
});

test('no file makes it crash: each is right or has mistakes with places inside of it', async () => {
  const keys = [...Object.values(KEYS), ...Object.values(ROUTER_KEYS)].map((field) => field.key);
  const strangeKey = fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    '',
    'transforms.',
    'transforms..type',
    '\ud800',
  );
  const noise = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '"',
      '{',
      '}',
      ',',
      ':',
      '\\',
      '\\ud800',
      '\0',
      '\uFEFF',
      '\r\n',
      '"__proto__":{},',
      '${env:',
      '${file:/',
    ),
  );
  const mutated = fc
    .tuple(fc.constantFrom(RIGHT, WRONG, DEBEZIUM, ...EXAMPLE_TEXTS), fc.nat(), fc.nat(40), noise)
    .map(([text, at, length, other]) => {
      const start = at % text.length;
      return text.slice(0, start) + other + text.slice(start + length);
    });
  const nested = fc.constantFrom(
    '['.repeat(100_000),
    '{"a":'.repeat(100_000),
    `[${'{},'.repeat(100_000)}`,
    '{"config":'.repeat(5000),
    `"${'\\u0000'.repeat(5000)}"`,
  );
  const config = fc.dictionary(
    fc.oneof(fc.constantFrom(...keys, ...keys.map((key) => `transforms.o.${key}`)), fc.string(), strangeKey),
    fc.oneof(fc.string(), fc.constantFrom('${env:X}', '${file:/}', '${file:', '(', ',', '\0'), fc.jsonValue()),
  );
  const connector = fc
    .record({ name: fc.jsonValue(), config: fc.oneof(config, fc.jsonValue()) }, { requiredKeys: [] })
    .map((value) => JSON.stringify(value, null, 1));
  const content = fc.oneof(
    mutated,
    connector,
    nested,
    fc.string({ unit: 'binary' }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  await fc.assert(
    fc.asyncProperty(content, async (text) => {
      const path = file('fuzzed.json', text);
      const edge = edgeFor([path, '--json']);
      const code = await validate(edge);
      const { mistakes } = JSON.parse(edge.text()) as {
        mistakes: { line: number | null; column: number | null; problem: string }[];
      };
      assert.equal(code, mistakes.length === 0 ? 0 : 2);
      const lines = String(text).split('\n');
      for (const { line, column, problem } of mistakes) {
        assert.notEqual(problem, '');
        if (line === null) continue;
        assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`);
        assert.ok(column !== null && column >= 1 && column <= (lines[line - 1] ?? '').length + 1);
      }
      assert.equal(await validate(edgeFor([path])), code);
    }),
    { numRuns: 400 },
  );
});
