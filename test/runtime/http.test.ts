import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { MillraceError } from '../../src/errors.ts';
import { parseAddress, startHttp } from '../../src/runtime/http.ts';
import { MetricsRegistry } from '../../src/runtime/metrics.ts';
import type { State } from '../../src/runtime/supervisor.ts';

test('health and metrics answer; ready means that every connector works or stands by', async (t) => {
  const states = new Map<string, State>([
    ['a', 'running'],
    ['b', 'standby'],
  ]);
  const server = await startHttp('127.0.0.1:0', states, new MetricsRegistry());
  t.after(() => server.close());
  const get = async (path: string, init?: RequestInit): Promise<[number, string | null, string]> => {
    const answer = await fetch(`http://${server.address}${path}`, init);
    return [answer.status, answer.headers.get('content-type'), await answer.text()];
  };
  assert.deepEqual(await get('/health/live'), [200, 'application/json', '{"status":"live"}\n']);
  assert.deepEqual(await get('/health/ready?verbose'), [
    200,
    'application/json',
    '{"status":"ready","connectors":{"a":"running","b":"standby"}}\n',
  ]);
  for (const state of ['starting', 'retrying', 'failed', 'stopped'] as const) {
    states.set('b', state);
    const [status, , body] = await get('/health/ready');
    assert.deepEqual(
      [status, JSON.parse(body)],
      [503, { status: 'not ready', connectors: { a: 'running', b: state } }],
    );
  }
  const [status, type] = await get('/metrics');
  assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  assert.deepEqual((await get('/'))[0], 404);
  assert.deepEqual((await get('/health/live', { method: 'POST' }))[0], 405);
  assert.deepEqual(await get('/health/live', { method: 'HEAD' }), [200, 'application/json', '']);
});

test('addresses: names, numbers, IPv6 in brackets, every interface', () => {
  assert.deepEqual(parseAddress('127.0.0.1:8083'), { host: '127.0.0.1', port: 8083 });
  assert.deepEqual(parseAddress('[::1]:0'), { host: '::1', port: 0 });
  assert.deepEqual(parseAddress('localhost:65535'), { host: 'localhost', port: 65535 });
  assert.deepEqual(parseAddress(':9000'), { host: '::', port: 9000 });
  for (const wrong of [
    '',
    '8083',
    'localhost',
    'localhost:',
    '::1:80',
    '[::1]',
    'a:b',
    'a:65536',
    'http://a:80',
    'a b:80',
    '[x]:80',
  ]) {
    assert.throws(
      () => parseAddress(wrong),
      (error) =>
        error instanceof MillraceError && error.kind === 'config' && error.message.includes('expected HOST:PORT'),
      wrong,
    );
  }
});

test('a server on IPv6 says where it listens', async (t) => {
  const server = await startHttp('[::1]:0', new Map(), new MetricsRegistry());
  t.after(() => server.close());
  assert.match(server.address, /^\[::1\]:\d+$/);
  assert.equal((await fetch(`http://${server.address}/health/live`)).status, 200);
});

test('a taken port is an error in one sentence, and so is an address that is not ours', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : 0;
  for (const [taken, why] of [
    [`127.0.0.1:${port}`, /another program listens there. Nothing was started; give another address with --http/],
    ['203.0.113.1:1', /cannot listen on 203\.0\.113\.1:1/],
  ] as const) {
    await assert.rejects(
      startHttp(taken, new Map(), new MetricsRegistry()),
      (error) => error instanceof MillraceError && error.kind === 'config' && why.test(error.message),
    );
  }
});
