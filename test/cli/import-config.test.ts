import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { millrace } from '../support/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-import-'));
after(() => rmSync(folder, { recursive: true }));

async function outcome(...args: readonly string[]): Promise<{ code: unknown; out: string; err: string }> {
  const command = millrace(['import-config', ...args]);
  const code = await command.ended;
  return { code, out: command.stdout(), err: command.stderr() };
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
  'debezium.source.tombstones.on.delete=false',
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
  assert.ok(err.includes(`${path}:9:1: "debezium.source.tombstones.on.delete" dropped: the router drops deletes`), err);
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
