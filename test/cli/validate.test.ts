import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { validate } from '../../src/cli/validate.ts';
import { KEYS } from '../../src/config/keys.ts';
import { ROUTER_KEYS } from '../../src/config/router-keys.ts';
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
mistake ${wrong}:7:5: "database.password" refers to the environment variable "NOT_THERE", which is not set
    for example "database.password": "\${env:DATABASE_PASSWORD}"
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
3 files, 7 mistakes
`,
  );
});

test('--json says the same to machines', async () => {
  const [right, wrong] = [file('right.json', RIGHT), file('wrong.json', WRONG)];
  const edge = edgeFor(['--json', right, wrong]);
  assert.equal(await validate(edge), 2);
  const result = JSON.parse(edge.text()) as { mistakes: unknown[] };
  assert.deepEqual(
    { ...result, mistakes: result.mistakes.slice(1, 2), count: result.mistakes.length },
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
      count: 6,
    },
  );
  const good = edgeFor([right, '--json']);
  assert.equal(await validate(good), 0);
  assert.deepEqual((JSON.parse(good.text()) as { valid: boolean }).valid, true);
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

test('colours are for terminals alone, and for nobody with NO_COLOR', async () => {
  const wrong = file('wrong.json', WRONG);
  const escape = '\u001b';
  for (const [terminal, env, coloured] of [
    [true, {}, true],
    [true, { NO_COLOR: '1' }, false],
    [true, { TERM: 'dumb' }, false],
    [false, {}, false],
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
  const mutated = fc
    .tuple(fc.constantFrom(RIGHT, WRONG), fc.nat(), fc.nat(40), fc.string())
    .map(([text, at, length, other]) => {
      const start = at % text.length;
      return text.slice(0, start) + other + text.slice(start + length);
    });
  const nested = fc.constantFrom('['.repeat(100_000), '{"config":'.repeat(5000), `"${'\\u0000'.repeat(5000)}"`);
  const config = fc.dictionary(
    fc.oneof(fc.constantFrom(...keys, ...keys.map((key) => `transforms.o.${key}`)), fc.string()),
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
