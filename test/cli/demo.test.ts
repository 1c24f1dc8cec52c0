/** The demo as a user starts it: its own servers, so that starting and ending them is tested, too. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { millrace } from '../support/command.ts';
import { keepOutput } from '../support/output.ts';
import { nothingLeft, ownTemp, processesIn } from '../support/leftovers.ts';
import { kafka, waitFor } from '../support/servers.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SUMMARY = /committed (\d+) delivered \1 duplicates 0 missing 0\r?\np50 \d+\.\d ms\r?\np99 \d+\.\d ms\r?\n/;

test('millrace demo --seconds ends by itself, with numbers that agree, and leaves nothing behind', async (t) => {
  const temp = ownTemp(t);
  const demo = millrace(['demo', '--seconds', '2'], { env: { TMPDIR: temp } });
  t.after(() => demo.child.kill('SIGTERM'));
  assert.equal(await demo.ended, 0, demo.stderr());
  assert.match(demo.stdout(), new RegExp(`${SUMMARY.source}$`));
  assert.ok(Number(SUMMARY.exec(demo.stdout())?.[1]) > 0);
  assert.match(demo.stdout(), / events\/s {2}p50 .* position [0-9A-F]+\/[0-9A-F]+ {2}outbox\.event\.\w+ key=\d+ \w+ /);
  assert.ok(!demo.stdout().includes('\u001b'), 'no control characters into a pipe');
  assert.doesNotMatch(demo.stderr(), /[Ww]arning|kafkajs/);
  await nothingLeft(temp);
});

test('millrace demo --tables shows inserts, updates and deletes of tables, each exactly once', async (t) => {
  const temp = ownTemp(t);
  const demo = millrace(['demo', '--tables', '--seconds', '4'], {
    env: { TMPDIR: temp, MILLRACE_KAFKA: await kafka() },
  });
  t.after(() => demo.child.kill('SIGTERM'));
  assert.equal(await demo.ended, 0, `${demo.stdout()}\n${demo.stderr()}`);
  assert.match(demo.stdout(), new RegExp(`${SUMMARY.source}$`));
  assert.ok(Number(SUMMARY.exec(demo.stdout())?.[1]) > 100);
  assert.match(demo.stdout(), /demo-\w+\.public\.orders key=\{"id":\d+\} (?:insert|update|delete) /);
  await nothingLeft(temp);
});

/** Runs a command on a terminal of its own; what is written to its input is typed. */
function onTerminal(
  command: string,
  env: Readonly<Record<string, string>>,
): { child: ChildProcess; text: () => string; ended: Promise<number | null> } {
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm', ...env },
  });
  keepOutput(child, 'terminal');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return { child, text: () => text, ended: new Promise((resolve) => child.once('close', resolve)) };
}

test('Ctrl-C under npm on a terminal: one press ends everything in good order, with the summary', async (t) => {
  const temp = ownTemp(t);
  const demo = onTerminal('npm run demo', { TMPDIR: temp, NO_COLOR: '1' });
  t.after(() => demo.child.kill('SIGTERM'));
  await waitFor(
    'events on the screen',
    async () => {
      assert.equal(demo.child.exitCode, null, demo.text());
      return /outbox\.event\.\w+ +\d+ +\w+ +\d+\.\d ms/.test(demo.text());
    },
    90_000,
  );
  demo.child.stdin?.write('\u0003');
  await demo.ended;
  assert.match(demo.text(), SUMMARY);
  const escape = '\u001b';
  assert.match(demo.text(), new RegExp(`${escape}\\[\\d+A`), 'drawn in place');
  assert.doesNotMatch(demo.text(), new RegExp(`${escape}\\[[12]m {2}`), 'NO_COLOR');
  await nothingLeft(temp);
});

test('SIGTERM while the servers start, and an impatient second one, leave no server behind', async (t) => {
  const temp = ownTemp(t);
  const early = millrace(['demo'], { env: { TMPDIR: temp } });
  await waitFor('a server to start', async () => processesIn(temp).length > 0);
  early.child.kill('SIGTERM');
  assert.equal(await early.ended, 0);
  await waitFor('no process', async () => processesIn(temp).length === 0, 20_000);

  const hasty = millrace(['demo'], { env: { TMPDIR: temp } });
  await waitFor(
    'the demo to run',
    async () => {
      assert.equal(hasty.child.exitCode, null, hasty.stderr());
      return hasty.stdout().includes('events/s');
    },
    90_000,
  );
  hasty.child.kill('SIGTERM');
  // Within 300 ms it would count as the same press of Ctrl-C.
  await delay(350);
  hasty.child.kill('SIGTERM');
  assert.ok([0, 143].includes(Number(await hasty.ended)));
  await waitFor('no process', async () => processesIn(temp).length === 0, 20_000);
});

test('with a Kafka of your own the demo needs no Java, and removes its topics', async (t) => {
  const temp = ownTemp(t);
  const bootstrap = await kafka();
  const demo = millrace(['demo', '--seconds', '1'], { env: { TMPDIR: temp, MILLRACE_KAFKA: bootstrap, PATH: '' } });
  t.after(() => demo.child.kill('SIGTERM'));
  assert.equal(await demo.ended, 0, demo.stderr());
  assert.match(demo.stdout(), SUMMARY);
  await nothingLeft(temp);
});

test('without Maven, and Kafka not downloaded yet, one sentence says so with the way round it', async (t) => {
  const temp = ownTemp(t);
  const bin = join(temp, 'bin');
  mkdirSync(bin);
  symlinkSync(execFileSync('which', ['java'], { encoding: 'utf8' }).trim(), join(bin, 'java'));
  const demo = millrace(['demo'], { env: { PATH: bin, TMPDIR: temp, MILLRACE_CACHE: join(temp, 'cache') } });
  assert.equal(await demo.ended, 2);
  assert.match(
    demo.stderr(),
    /^Maven, which downloads Kafka once, is missing on this machine: install it, or set MILLRACE_KAFKA=host:port to use a Kafka of your own\n$/,
  );
  assert.ok(!existsSync(join(temp, 'cache')));
});
