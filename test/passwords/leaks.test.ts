/** That the search at the end of the suite finds what it is there for. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PASSWORD_WORDS, leaksIn, leaksOf } from '../support/leaks.ts';
import { OUTPUT_DIR, keepOutput } from '../support/output.ts';
import { runnerArguments } from '../support/runner.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUTPUT = new URL('../support/output.ts', import.meta.url).href;
const [WORD] = PASSWORD_WORDS;
const SECRET = `${WORD}-made-up`;

/** Runs test files of the given contents, and the search behind them, as `npm test` does. */
async function suite(
  t: TestContext,
  contents: readonly string[],
): Promise<{ readonly code: number | null; readonly text: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-leaks-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const output = join(folder, 'output');
  mkdirSync(output);
  const files = contents.map((content, index) => {
    const file = join(folder, `${index}.test.mjs`);
    writeFileSync(file, `import { test } from 'node:test';\n${content}\n`);
    return file;
  });
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, runnerArguments(output, { files }), {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, [OUTPUT_DIR]: output, NO_COLOR: '1' },
  });
  // Not kept: what is found in there is made up.
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (some) => (text += some));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, text };
}

const harmless = `test('x', () => console.log('nothing of note'));`;

test('a suite that prints no password ends with 0, and its summary is the last thing said', async (t) => {
  const { code, text } = await suite(t, [harmless, harmless]);
  assert.equal(code, 0, text);
  assert.match(text, /✔ no password of the tests is in anything/);
  assert.match(text, /searched \d+ outputs/);
  assert.match(text, /ℹ tests 3\n[^]*ℹ fail 0\n[^]*ℹ duration_ms [\d.]+\n*$/);
});

for (const [where, content] of [
  ['a test prints', `test('x', () => console.log('the password is ${SECRET} today'));`],
  ['a test prints to standard error', `test('x', () => console.error('the password is ${SECRET} today'));`],
  ['a file prints beside its tests', `console.log('the password is ${SECRET} today'); ${harmless}`],
  ['a test says as a diagnostic', `test('x', (t) => t.diagnostic('the password is ${SECRET} today'));`],
  ['a test is named after', `test('the password is ${SECRET} today', () => {});`],
  [
    'a failing assertion shows',
    `import assert from 'node:assert'; test('x', () => assert.equal('the password is ${SECRET} today', ''));`,
  ],
  [
    'a failing comparison shows, deep in an object',
    `import assert from 'node:assert'; test('x', () => assert.deepEqual({ a: { b: { c: ['the password is ${SECRET} today'] } } }, {}));`,
  ],
  ['an exception outside any test shows', `throw new Error('the password is ${SECRET} today');`],
  [
    'the cause of an error shows',
    `test('x', () => { throw new Error('a', { cause: new Error('the password is ${SECRET} today') }); });`,
  ],
  [
    'a process that a test has started prints',
    `import { spawn } from 'node:child_process';
     import { keepOutput } from '${OUTPUT}';
     test('x', async () => {
       const child = keepOutput(spawn(process.execPath, ['-e', "console.log('the password is ${SECRET} today')"]), 'child');
       await new Promise((resolve) => child.once('close', resolve));
     });`,
  ],
  [
    'a file that takes longer than the search to start prints',
    `test('x', async () => { await new Promise((resolve) => setTimeout(resolve, 4000)); console.log('the password is ${SECRET} today'); });`,
  ],
] as const) {
  test(`a password that ${where} fails the suite, and is not shown by the search`, async (t) => {
    const { code, text } = await suite(t, [harmless, content]);
    assert.notEqual(code, 0);
    const [, result = ''] = /✖ no password of the tests is in anything[^]*?\n([^]*)$/.exec(text) ?? [];
    assert.ok(result !== '', 'the search did not fail');
    assert.match(text, /a password in [\w.-]+:\d+: .*●●●●/);
    assert.match(text, /ℹ duration_ms [\d.]+/);
    const said = text.split('\n').filter((line) => line.includes('●●●●'));
    assert.ok(said.length > 0 && !said.some((line) => line.includes(WORD)), 'the search shows what it found');
  });
}

test('it is found in base64, wherever it begins, in hexadecimal and in any case; so is a private key', () => {
  for (const before of ['', 'u', 'us', 'use', 'user\0name\0']) {
    for (const after of ['', '!', '!!']) {
      for (const word of PASSWORD_WORDS) {
        const bytes = Buffer.from(before + word + after);
        for (const text of [bytes.toString('base64'), bytes.toString('hex'), word.toUpperCase()]) {
          assert.ok(leaksOf(`x ${text} y`, 'f').length > 0, `${before.length} ${text}`);
        }
      }
    }
  }
  const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----';
  assert.equal(leaksOf(key, 'f').length, 1);
  assert.equal(leaksOf(JSON.stringify({ key }), 'f').length, 1);
  assert.deepEqual(leaksOf('expected -----BEGIN PRIVATE KEY-----, got a password, demo only', 'f'), []);
});

test('the password of a server that the user gave is searched for as well', () => {
  const given = ['theirs-0815', ''];
  assert.deepEqual(
    leaksOf('a theirs-0815 b', 'f', given).map(({ context }) => context),
    ['a ●●●● b'],
  );
  assert.deepEqual(leaksOf('nothing', 'f', given), [], 'an empty one is nowhere');
});

test('what is found is told with its place and its surroundings, masked', () => {
  const text = `first\nuser=u password=${SECRET}-and-more next ${SECRET}\n`;
  const [one, two] = leaksOf(text, 'run.txt');
  assert.deepEqual(one, {
    file: 'run.txt',
    line: 2,
    what: 'a password',
    context: 'first user=u password=●●●● next ●●●●-made-up',
  });
  assert.equal(two?.line, 2);
  assert.ok(!JSON.stringify([one, two]).includes(WORD));
});

test('a folder is searched whole', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-leaks-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'a.txt'), 'nothing');
  writeFileSync(join(folder, 'b.txt'), `\n${SECRET}`);
  assert.deepEqual(
    leaksIn(folder).map(({ file, line }) => [file, line]),
    [['b.txt', 2]],
  );
});

/** Files that start programs which know no password, or whose output is not captured. */
const WITHOUT: Readonly<Record<string, string>> = {
  'test/support/certificates.ts': 'openssl, which is told no password',
  'test/support/dockerfile.ts': 'npm, which is told no password',
  'test/cli/package.pg.mysql.kafka.test.ts': 'version and type checks; the rest goes by command.ts',
  'test/support/mysql-packages.ts': 'apt and dpkg, which are told no password',
  'test/support/mysql-server.ts': 'mysqld, whose output nobody captures',
  'test/fault/scale.ts': 'the suite itself',
  'test/cli/doctor-secured.pg.kafka.test.ts': 'openssl, which is told no password; the rest goes by command.ts',
  'test/bench/document.test.ts': 'the formatter',
  'test/bench/process-meter.test.ts': 'a program that prints numbers',
  'test/support/run.ts': 'the runner, whose output the reporter keeps',
  'test/passwords/leaks.test.ts': 'this',
};
/** Programs that make fixtures are no part of the suite. */
const FILES = globSync('test/**/*.ts', { cwd: ROOT }).filter((file) => !file.startsWith('test/fixtures/'));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

test('whoever starts a process keeps what it prints', () => {
  const starting = FILES.filter((file) =>
    /import \{[^}]*\b(?:spawn|exec|fork)\w*\b[^}]*\} from 'node:child_process'/.test(read(file)),
  );
  assert.ok(starting.includes('test/support/process.ts'));
  const silent = starting.filter((file) => !(file in WITHOUT) && !/keep(?:Output|Text)\(/.test(read(file)));
  assert.deepEqual(silent, [], 'call keepOutput (test/support/output.ts) where the process is started');
  assert.equal(typeof keepOutput, 'function');
});

test('every password in a test is one that the search knows', () => {
  const patterns = [
    /(?:password|passphrase|PASSWORD|SECRET)['"]?\s*[:=]\s*(['"`])(?<value>(?:\\.|(?!\1)[^\\\n])*)\1/g,
    /(?:PASSWORD|IDENTIFIED BY)\s+'(?<value>[^'\n]+)'/g,
    /password=\\*"(?<value>[^"\n]+)"/g,
  ];
  const known = (value: string): boolean =>
    PASSWORD_WORDS.some((word) => value.includes(word)) || /^(?:|…|\\?\$\{.*|\d+)\\?;?$/.test(value);
  const unknown = FILES.filter((file) => file !== 'test/passwords/leaks.test.ts').flatMap((file) =>
    patterns.flatMap((pattern) =>
      Array.from(read(file).matchAll(pattern), ({ groups }) => groups?.['value'] ?? '')
        .filter((value) => !known(value))
        .map((value) => `${file}: ${value}`),
    ),
  );
  assert.deepEqual(unknown, [], `a password in a test holds the word ${WORD}`);
});
