import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Configuration, MillraceError, VERSION, run } from '../../src/millrace.ts';

const LOCAL = '127.0.0.1:1';
const connector = (name: string, over: Configuration['config'] = {}): Configuration => ({
  name,
  config: {
    'connector.class': 'postgres',
    'database.hostname': '127.0.0.1',
    'database.port': 1,
    'database.user': 'u',
    'database.dbname': 'd',
    transforms: 'o',
    'transforms.o.type': 'outbox',
    'kafka.bootstrap.servers': LOCAL,
    ...over,
  },
});

async function refusal(promise: Promise<void>): Promise<string> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof MillraceError && error.kind === 'config', String(error));
  return error.message;
}

test('a configuration is checked as a file is, and every mistake is said at once', async () => {
  assert.match(VERSION, /^\d+\.\d+\.\d+$/);
  assert.equal(
    await refusal(run(connector('a', { 'slot.nam': 'x', 'database.port': 'five' }))),
    `2 mistakes in the configuration:
  - "database.port" expected a whole number from 1 to 65535, got "five"
  - "slot.nam" is not a key of this connector; did you mean "slot.name"?`,
  );
  const two = [connector('a', { 'slot.nam': 'x' }), connector('b'), connector('b')];
  assert.equal(
    await refusal(run(two)),
    `2 mistakes in the configuration:
  - configuration 1: "slot.nam" is not a key of this connector; did you mean "slot.name"?
  - configuration 3: "name" the name "b" is also that of configuration 2: they have to differ`,
  );
  assert.match(await refusal(run([])), /^which connector\?/);
  assert.match(
    await refusal(run(connector('a', { 'database.password': '${env:MILLRACE_NOT_SET}' }))),
    /"database\.password" refers to the environment variable "MILLRACE_NOT_SET", which is not set/,
  );
  const strange: unknown[] = [undefined, null, 7, 'text', () => {}, { name: 'a' }, { name: 'a', config: 1n }];
  for (const each of strange) assert.match(await refusal(run(each as Configuration)), /config/);
});

test('options that make no sense are refused before anything starts', async () => {
  assert.match(await refusal(run(connector('a'), { log: 'loud' as 'info' })), /^log: expected a log, or one of debug/);
  assert.match(await refusal(run(connector('a'), { http: 'here' })), /^http: expected HOST:PORT.*got "here"$/);
});

test('a signal that is aborted already resolves, and one that is aborted while nothing answers resolves soon', async () => {
  await run(connector('a'), { signal: AbortSignal.abort(), log: 'silent' });
  const stop = new AbortController();
  const states: string[] = [];
  const running = run(connector('a'), {
    signal: stop.signal,
    log: 'silent',
    onState: (_, state) => {
      states.push(state);
      if (state === 'retrying') stop.abort();
    },
  });
  await running;
  assert.deepEqual(states, ['starting', 'retrying', 'stopped']);
});

test('a callback that throws ends every connector and rejects: nobody would hear of them any more', async () => {
  const broken = run([connector('a'), connector('b')], {
    log: 'silent',
    onState: (name) => {
      if (name === 'b') throw new Error('of the caller');
    },
  });
  await assert.rejects(
    broken,
    (error) => error instanceof MillraceError && error.kind === 'internal' && /of the caller/.test(error.message),
  );
});
