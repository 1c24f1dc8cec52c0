/** `millrace bench` as a user starts it: small, on a PostgreSQL of its own and, where its own Kafka is not the point, on ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import type { Report } from '../../src/bench/figures.ts';
import { type Command, millrace } from '../support/command.ts';
import { nothingLeft, ownTemp, processesIn } from '../support/leftovers.ts';
import { kafka, waitFor } from '../support/servers.ts';

const SMALL = ['--quick', '--rows', '2000', '--per-tx', '10', '--rates', '100', '--seconds', '1'];

function start(
  t: Parameters<typeof ownTemp>[0],
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Command & { readonly temp: string } {
  const temp = ownTemp(t);
  const command = millrace(['bench', ...SMALL, ...args], { env: { TMPDIR: temp, ...env } });
  t.after(() => command.child.kill('SIGTERM'));
  return { ...command, temp };
}

const medians = (report: Report): string[] =>
  report.figures.flatMap(({ group, measure, results }) =>
    Object.entries(results).map(([side, { median }]) => {
      assert.ok(median > 0, `${group} ${measure} ${side}: ${median}`);
      return `${group} ${measure} ${side}`;
    }),
  );

test('every kind of measure on a Kafka of the user, as JSON; progress stays out of it and no topic remains', async (t) => {
  const bootstrap = await kafka();
  const bench = start(t, ['--json'], { MILLRACE_KAFKA: bootstrap });
  assert.equal(await bench.ended, 0, bench.stderr());
  const report = JSON.parse(bench.stdout()) as Report;
  assert.deepEqual([report.format, report.quick, report.failures], [1, true, []]);
  const of = (group: string, measures: readonly string[]): string[] =>
    measures.map((measure) => `${group} ${measure} millrace`);
  assert.deepEqual(medians(report), [
    ...of('drain', ['rate', 'cpu', 'memory']),
    ...of('latency', ['p50', 'p99', 'p999', 'max', 'cpu', 'memory']),
    ...of('times', ['time', 'time', 'time']),
  ]);
  assert.match(report.versions['PostgreSQL'] ?? '', /^18\./);
  assert.match(bench.stderr(), /\[1\/4 0:0\d\] 10 rows a transaction: loading 2,000 rows[^]*\[4\/4 [^]*kill -9/);
  assert.doesNotMatch(bench.stderr(), /[Ww]arning/);
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = await admin.listTopics();
  await admin.disconnect();
  assert.deepEqual(
    topics.filter((topic) => topic.startsWith('bench-')),
    [],
  );
  await nothingLeft(bench.temp);
});

test("Debezium's records are ours: id header, key, type header and value of every one are the row's bytes", async (t) => {
  const bench = start(t, ['--peer', 'debezium', '--only', 'drain', '--json'], { MILLRACE_KAFKA: await kafka() });
  assert.equal(await bench.ended, 0, bench.stderr());
  const report = JSON.parse(bench.stdout()) as Report;
  const sides = report.figures.filter(({ measure }) => measure === 'rate').map(({ results }) => Object.keys(results));
  assert.deepEqual(sides, [['debezium'], ['millrace', 'debezium']], 'a first run to warm up, then both');
  assert.match(report.versions['Debezium'] ?? '', /^3\./);
  await nothingLeft(bench.temp);
});

test('a peer that cannot be set up is said, and Millrace measured all the same', async (t) => {
  const env = { MILLRACE_KAFKA: await kafka(), PATH: '' };
  const bench = start(t, ['--peer', 'debezium', '--only', 'drain'], env);
  assert.equal(await bench.ended, 1);
  assert.match(bench.stdout(), /10 rows a transaction +throughput, events\/s +[\d,]+\n/);
  assert.match(
    bench.stdout(),
    /\nFAILED setting up Debezium: Java 17 or newer is missing on this machine: install it, or measure Millrace alone, without --peer\n/,
  );
  assert.doesNotMatch(bench.stdout() + bench.stderr(), /\n {4}at /, 'a stack');
});

for (const signal of ['SIGINT', 'SIGHUP'] as const) {
  test(`${signal} in the middle ends its own servers and the peer, too`, async (t) => {
    const bench = start(t, ['--peer', 'debezium', '--only', 'drain'], {});
    await waitFor(
      'the peer to be measured',
      async () => {
        assert.equal(bench.child.exitCode, null, bench.stderr());
        return bench.stderr().includes('first run, warming up');
      },
      90_000,
    );
    assert.ok(processesIn(bench.temp).length >= 3, 'PostgreSQL, Kafka, Connect');
    const at = performance.now();
    bench.child.kill(signal);
    assert.equal(await bench.ended, 1);
    assert.ok(performance.now() - at < 6000);
    assert.equal(bench.stdout(), '');
    assert.match(bench.stderr(), /\nstopped before everything was measured\n$/);
    await nothingLeft(bench.temp);
  });
}

test('help has examples and exit codes; mistakes end with 2 and one sentence', async () => {
  const help = millrace(['bench', '--help']);
  assert.equal(await help.ended, 0);
  assert.match(help.stdout(), /^millrace bench [^]*--peer debezium[^]*\n {2}millrace bench --quick\n[^]*Exit codes: 0/);
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--pear', 'debezium'], /^there is no option --pear; did you mean --peer\?/],
    [['--peer', 'sequin'], /^--peer: expected debezium, got "sequin"\n/],
    [['--rows', 'many'], /^--rows: expected a whole number from 1000 to 100000000, got "many"/],
    [['now'], /^bench takes no argument, got "now"/],
  ];
  for (const [args, expected] of cases) {
    const command = millrace(['bench', ...args]);
    assert.equal(await command.ended, 2, args.join(' '));
    assert.equal(command.stdout(), '');
    assert.match(command.stderr(), expected);
    assert.doesNotMatch(command.stderr(), /\n {4}at /);
  }
});
