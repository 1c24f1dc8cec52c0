import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { millrace } from '../support/command.ts';
import { keepText } from '../support/output.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-usage-'));
after(() => rmSync(folder, { recursive: true }));

async function outcome(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: unknown; out: string; err: string }> {
  const command = millrace(args, { env });
  const code = await command.ended;
  return { code, out: command.stdout(), err: command.stderr() };
}

/** Takes connections and never says a word, as a firewall or a frozen server does. */
async function silentServer(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => socket.on('error', () => {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' ? (address?.port ?? 0) : 0 };
}

function connector(port: number): string {
  const path = join(folder, `silent-${port}.json`);
  const config = {
    'connector.class': 'postgres',
    'database.hostname': '127.0.0.1',
    'database.port': port,
    'database.user': 'u',
    'database.password': '${env:SECRET}',
    'database.dbname': 'd',
    transforms: 'o',
    'transforms.o.type': 'outbox',
    'kafka.bootstrap.servers': '127.0.0.1:1',
  };
  writeFileSync(path, JSON.stringify({ name: 'silent', config }));
  return path;
}

const COMMANDS = ['run', 'validate', 'plan', 'offsets', 'schema', 'import-config', 'demo', 'version'];

test('help is printed with its exit codes; without a command it is the answer to a mistake', async () => {
  for (const args of [['--help'], ['help'], ['-h']]) {
    const { code, out, err } = await outcome(args);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /Exit codes: 0 ended as asked, 1 a connector failed .*, 2 usage or configuration,\n130 or 143/);
    assert.match(out, /\n {2}millrace run connectors\/postgres-outbox\.json\n/, 'with an example');
  }
  const run = await outcome(['run', '--help']);
  assert.match(
    run.out,
    /--http HOST:PORT[^]*kafka\.bootstrap\.servers[^]*transaction\.split[^]*Exit codes: 0 ended as asked/,
  );
  assert.match((await outcome(['demo', '--help'])).out, /--seconds N[^]*Exit codes: 0 the numbers agree/);
  await Promise.all(
    COMMANDS.map(async (command) => {
      const { code, out, err } = await outcome([command, '--help']);
      assert.deepEqual([code, err], [0, ''], command);
      const example = command === 'demo' ? 'npm run demo' : `millrace ${command}`;
      assert.match(
        out,
        new RegExp(`^millrace ${command} [^]*\\n {2}(?:\\S+ <.*)?${example}[^]*Exit codes: 0`),
        'an example',
      );
      assert.ok(
        out.split('\n').every((line) => line.length <= 120 || line.startsWith('  millrace')),
        'no line is too long for a terminal',
      );
    }),
  );
  assert.match((await outcome(['schema', '--help'])).out, /"\$schema"[^]*Exit codes: 0, or 2/);
  for (const args of [
    ['help', 'run'],
    ['run', '-h'],
  ]) {
    assert.equal((await outcome(args)).out, run.out);
  }
  const schema = await outcome(['schema']);
  assert.deepEqual([schema.code, schema.err], [0, '']);
  assert.equal((JSON.parse(schema.out) as { $schema: string }).$schema, 'http://json-schema.org/draft-07/schema#');
  const none = await outcome([]);
  assert.deepEqual([none.code, none.out], [2, '']);
  for (const args of [['version'], ['--version'], ['-v']]) {
    assert.match((await outcome(args)).out, /^\d+\.\d+\.\d+\n$/);
  }
  const { version, node, platform } = JSON.parse((await outcome(['version', '--json'])).out) as Record<string, string>;
  assert.match(`${version} ${node} ${platform}`, /^\d+\.\d+\.\d+ \d+\.\d+\.\d+ \w+-\w+$/);
});

test('mistakes of usage end with 2, one sentence, no stack', async () => {
  const example = new URL('../../connectors/postgres-outbox.json', import.meta.url).pathname;
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['rnu'], /^there is no command "rnu"; did you mean "run"\?/],
    [['--jsn'], /^there is no command "--jsn"/],
    [['help', 'rnu'], /^there is no command "rnu"/],
    [['help', 'run', 'plan'], /^help takes one command/],
    [['--help', '--jsn'], /^there is no option --jsn/],
    [['version', '--jsn'], /^there is no option --jsn; did you mean --json\?/],
    [['version', 'x'], /^version takes no argument, got "x"/],
    ...COMMANDS.map((command) => [[command, '--no-such-option'], /^there is no option --no-such-option/] as const),
    [['run'], /^which connector\? Give a file or a folder/],
    [['run', example, '--htpp', 'x'], /^there is no option --htpp; did you mean --http\?/],
    [
      ['run', example, '--kafka.client.di=x'],
      /^there is no option --kafka.client.di; did you mean --kafka.client.id\?/,
    ],
    [['run', example, '--http'], /^Option '--http <value>' argument missing/],
    [
      ['run', join(folder, 'none.json')],
      /^one mistake in the configuration:\n {2}- .*none\.json: cannot be read: ENOENT/,
    ],
    [['run', example, '--log-level', 'loud'], /^--log-level: expected one of debug, info, warn, error, got "loud"/],
    [['run', example, '--http', 'localhost'], /^--http: expected HOST:PORT/],
    [
      ['run', example, '--transaction.split', 'x'],
      /--transaction\.split: "transaction\.split" expected one of auto, never, got "x"/,
    ],
    [['plan'], /^which connector\? Give a file or a folder/],
    [['plan', example, '--jso'], /^there is no option --jso; did you mean --json\?/],
    [['offsets', 'rest', example], /^there is no "offsets rest"; did you mean "reset"\?/],
    [['validate'], /^which connector\? Give a file or a folder/],
    [['schema', example], /^schema takes no argument/],
    [['schema', '--markdwn'], /^there is no option --markdwn; did you mean --markdown\?/],
    [['demo', '--seconds', 'abc'], /^--seconds: expected a number above 0, got "abc"/],
    [['demo', '--seconds', '0'], /^--seconds: expected a number above 0/],
    [['demo', '--minutes', '3'], /^there is no option --minutes/],
    [['demo', 'now'], /^the demo takes no argument, got "now"/],
  ];
  await Promise.all(
    cases.map(async ([args, expected]) => {
      const { code, out, err } = await outcome(args, { DATABASE_PASSWORD: 'pa55word' });
      assert.deepEqual([code, out], [2, ''], args.join(' '));
      assert.match(err, expected);
      assert.doesNotMatch(err, /\n {4}at /, 'a stack');
    }),
  );
});

test('a reference that leads nowhere is named with its file and line', async () => {
  const { code, err } = await outcome([
    'run',
    new URL('../../connectors/postgres-outbox.json', import.meta.url).pathname,
  ]);
  assert.equal(code, 2);
  assert.match(
    err,
    /postgres-outbox\.json:\d+:5: "database\.password" refers to the environment variable "DATABASE_PASSWORD", which is not set/,
  );
});

test('the demo without Java says so in one sentence with the way round it', async () => {
  const { code, err } = await outcome(['demo', '--seconds', '1'], { PATH: '' });
  assert.equal(code, 2);
  assert.match(
    err,
    /^Java 17 or newer is missing on this machine: install it, or set MILLRACE_KAFKA=host:port to use a Kafka of your own\n$/,
  );
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} while a connection hangs ends with 0 and without an error in the log`, async () => {
    const { server, port } = await silentServer();
    after(() => server.close());
    const args = ['run', connector(port), '--http', '127.0.0.1:0'];
    const patient = millrace(args, { env: { SECRET: 'hunter2' } });
    await patient.says(/"msg":"starting"/);
    const at = performance.now();
    patient.child.kill(signal);
    assert.equal(await patient.ended, 0);
    assert.ok(performance.now() - at < 5000);
    assert.doesNotMatch(patient.stderr(), /"level":"(warn|error)"/);
    assert.doesNotMatch(patient.stderr() + patient.stdout(), /hunter2/);
    for (const line of patient.stderr().trim().split('\n')) assert.equal(typeof JSON.parse(line), 'object');
  });
}

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  test(`a command that is for one answer gives up at the first ${signal}, with ${code} and without a stack`, async () => {
    const { server, port } = await silentServer();
    after(() => server.close());
    const met = new Promise((resolve) => server.once('connection', resolve));
    for (const args of [['plan'], ['offsets', 'show'], ['offsets', 'reset', '--yes']]) {
      const command = millrace([...args, connector(port)], { env: { SECRET: 'hunter2' } });
      await met;
      // Long enough that all of them are waiting for an answer.
      await new Promise((resolve) => setTimeout(resolve, 500));
      const at = performance.now();
      command.child.kill(signal);
      assert.equal(await command.ended, code, args.join(' '));
      assert.ok(performance.now() - at < 3000);
      assert.doesNotMatch(command.stderr(), /\n {4}at /);
    }
  });
}

/** Through a shell, so that standard output is a pipe with somebody else's habits behind it. */
function piped(args: readonly string[], into: string): { code: string; out: string; err: string } {
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const words = [process.execPath, main, ...args].map((word) => `'${word}'`).join(' ');
  const script = `{ ${words}; echo "code $?" >&2; } | ${into}`;
  const { stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  keepText(stdout + stderr, 'usage');
  const [, err = '', code = ''] = /^([^]*)code (\d+)\n$/.exec(stderr) ?? [];
  return { code, out: stdout, err };
}

test('a reader that goes away is no mistake, and one that is slow gets everything', () => {
  for (const args of [['schema'], ['schema', '--markdown'], ['--help']]) {
    assert.deepEqual({ ...piped(args, 'head -n 1'), out: '' }, { code: '0', out: '', err: '' }, args.join(' '));
  }
  const config = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`some.unknown.key.${at}`, 'x']));
  const path = join(folder, 'many.json');
  writeFileSync(path, JSON.stringify({ name: 'many', config }));
  const { code, out } = piped(['validate', path], '(sleep 1; cat)');
  assert.equal(code, '2');
  assert.ok(out.length > 300_000);
  assert.match(out, /\n1 file, 500\d mistakes\n$/);
});

test('a file may come on standard input, also from whoever takes time to write it', () => {
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const example = new URL('../../connectors/postgres-outbox.json', import.meta.url).pathname;
  const script = `(sleep 1; cat '${example}') | '${process.execPath}' '${main}' validate -`;
  const { status, stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  keepText(stdout, 'usage');
  assert.equal(status, 0, stdout);
  assert.match(stdout, /^ok -: connector "postgres-outbox"\n/);
});
