import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { importConfig } from '../../src/cli/import-config.ts';
import { MillraceError } from '../../src/errors.ts';
import { millrace } from '../support/command.ts';
import { edgeFor } from '../support/edge.ts';
import { keepText } from '../support/output.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-import-'));
after(() => rmSync(folder, { recursive: true }));

async function outcome(...args: readonly string[]): Promise<{ code: unknown; out: string; err: string }> {
  const command = millrace(['import-config', ...args]);
  const code = await command.ended;
  return { code, out: command.stdout(), err: command.stderr() };
}
/** Called as a function. */
async function called(content: string | Buffer): Promise<{ code: number; out: string; err: string }> {
  const path = join(folder, 'called.properties');
  writeFileSync(path, content);
  const edge = edgeFor([path]);
  const code = await importConfig(edge).catch((error: unknown) => {
    assert.ok(error instanceof MillraceError && error.kind === 'config', String(error));
    return 2;
  });
  return { code, out: edge.text(), err: edge.errors() };
}
function file(name: string, ...lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.join('\n'));
  return path;
}

const COMPLETE = [
  'debezium.sink.type=kafka',
  'debezium.sink.kafka.producer.bootstrap.servers=kafka:9092',
  'debezium.source.connector.class=io.debezium.connector.postgresql.PostgresConnector',
  'debezium.source.database.hostname=${DB_HOST}',
  'debezium.source.database.user=relay',
  'debezium.source.database.password=${DB_PASSWORD}',
  'debezium.source.database.dbname=orders',
  'debezium.source.topic.prefix=orders',
  'debezium.source.max.queue.size=5',
  'debezium.transforms=o',
  'debezium.transforms.o.type=io.debezium.transforms.outbox.EventRouter',
  'debezium.format.key=simplestring',
  'debezium.format.value=simplestring',
];

test('JSON is on standard output and notes with file and line on standard error; what starts ends with 0', async () => {
  const path = file('complete.properties', ...COMPLETE);
  const { code, out, err } = await outcome(path, '--name', 'mine');
  assert.equal(code, 0, err);
  const { name, config } = JSON.parse(out) as { name: string; config: Record<string, string> };
  assert.deepEqual(
    [name, config['database.hostname'], config['value.converter']],
    ['mine', '${env:DB_HOST}', 'org.apache.kafka.connect.storage.StringConverter'],
  );
  assert.ok(err.includes(`${path}:9:1: "debezium.source.max.queue.size" dropped: memory is bounded`), err);
});

test('what has to be decided first is said, and ends with 1 with the JSON written all the same', async () => {
  const path = file(
    'open.properties',
    ...COMPLETE,
    'debezium.sink.kafka.producer.acks=1',
    'debezium.source.snapshot.mode=initial',
  );
  const { code, out, err } = await outcome(path);
  assert.equal(code, 1);
  assert.equal((JSON.parse(out) as { name: string }).name, 'orders');
  assert.ok(err.includes(`${path}:14:1: "producer.override.acks" expected "all" or "-1", got "1"`), err);
  assert.ok(err.includes(`${path}:15:1: "snapshot.mode" expected "no_data" (there are no snapshots yet`), err);
});

test('help, and mistakes of usage, which end with 2', async () => {
  const help = await outcome('--help');
  assert.deepEqual([help.code, help.err], [0, '']);
  assert.match(help.out, /import-config FILE[^]*--name NAME[^]*Exit codes: 0 converted, 1 converted, but/);
  for (const [args, expected] of [
    [[], /^which file\? Give one application\.properties/],
    [['a', 'b'], /^which file\?/],
    [
      [file('other.properties', 'name=x', 'connector.class=y')],
      /other\.properties holds no key of a Debezium Server: expected debezium\.source/,
    ],
    [[join(folder, 'none')], /^cannot read .*none: ENOENT/],
    [
      [file('bad.properties', 'a=b', 'c=\\u12')],
      /bad\.properties:2: malformed escape .*expected \\u and four hex digits/,
    ],
    [['--nam', 'x'], /^there is no option --nam; did you mean --name\?/],
  ] as const) {
    const { code, out, err } = await outcome(...args);
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, expected);
  }
});

test('a file may come on standard input; what is no small text is refused', async () => {
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const path = file('piped.properties', ...COMPLETE);
  const script = `cat '${path}' | '${process.execPath}' '${main}' import-config -`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  keepText(stdout + stderr, 'import-config');
  assert.equal(status, 0, stderr);
  assert.equal((JSON.parse(stdout) as { name: string }).name, 'orders');
  for (const [wrong, expected] of [
    ['/dev/zero', /^cannot read \/dev\/zero: it is larger than 1 MiB/],
    [folder, /^cannot read .*: EISDIR/],
  ] as const) {
    await assert.rejects(importConfig(edgeFor([wrong])), ({ message }: Error) => expected.test(message));
  }
  const marked = await called(`\uFEFF${COMPLETE.join('\r\n')}`);
  assert.deepEqual(marked, await called(COMPLETE.join('\n')), 'a byte order mark is no part of the first key');
});

test('a typing error behind a reference is found, whatever the environment', async () => {
  const { code, err } = await called([...COMPLETE, 'debezium.source.slot.nam=${SLOT}'].join('\n'));
  assert.equal(code, 1);
  assert.match(err, /:14:1: "slot\.nam" is not a key of this connector; did you mean "slot\.name"\?/);
});

test('property: no file makes it crash, and what it writes is JSON', async () => {
  const whole = COMPLETE.join('\n');
  const noise = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '=',
      ':',
      '\\',
      '\\u',
      '\\u12',
      '${',
      '${a:',
      '}',
      '\n',
      '\r',
      '__proto__=x\n',
      'debezium.source.',
      '\0',
      '\uFEFF',
    ),
  );
  const mutated = fc.array(fc.tuple(fc.nat(), fc.nat(30), noise), { minLength: 1, maxLength: 4 }).map((changes) => {
    let text = whole;
    for (const [at, length, other] of changes) {
      const start = at % (text.length + 1);
      text = text.slice(0, start) + other + text.slice(start + length);
    }
    return text;
  });
  const bytes = fc.uint8Array().map((each) => Buffer.from(each));
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated, mutated, bytes), async (content) => {
      const { code, out } = await called(content);
      assert.ok([0, 1, 2].includes(code));
      if (code === 2) return;
      const { name, config } = JSON.parse(out) as { name: unknown; config: object };
      assert.equal(typeof name, 'string');
      assert.ok(Object.values(config).every((value) => typeof value === 'string'));
    }),
    { numRuns: 400 },
  );
});
