import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { MillraceError } from '../../src/errors.ts';
import type { State } from '../../src/ports.ts';
import { parseAddress, startHttp } from '../../src/runtime/http.ts';
import { MetricsRegistry } from '../../src/runtime/metrics.ts';
import { ConnectorStatus } from '../../src/runtime/status.ts';

const NOW = 1_700_000_000_000;

test('health, status and metrics answer; ready means that every connector works or stands by', async (t) => {
  const states: State[] = ['starting', 'standby', 'running', 'retrying', 'failed', 'stopped'];
  const statuses = new Map([['a', statusIn('running')]]);
  const server = await startHttp('127.0.0.1:0', statuses, new MetricsRegistry());
  t.after(() => server.close());
  const get = async (path: string, init?: RequestInit): Promise<[number, string | null, string]> => {
    const answer = await fetch(`http://${server.address}${path}`, init);
    return [answer.status, answer.headers.get('content-type'), await answer.text()];
  };
  assert.deepEqual(await get('/health/live'), [200, 'application/json', '{"status":"live"}\n']);
  for (const state of states) {
    statuses.set('b', statusIn(state));
    const isReady = state === 'running' || state === 'standby';
    assert.deepEqual(await get('/health/ready?verbose'), [
      isReady ? 200 : 503,
      'application/json',
      `{"status":"${isReady ? 'ready' : 'not ready'}","connectors":{"a":"running","b":"${state}"}}\n`,
    ]);
  }
  const [status, type] = await get('/metrics');
  assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  assert.deepEqual((await get('/'))[0], 404);
  assert.deepEqual((await get('/health/live', { method: 'POST' }))[0], 405);
  assert.deepEqual(await get('/health/live', { method: 'HEAD' }), [200, 'application/json', '']);
});

test('a stalled connector is not ready, and is named; /status says where it stands', async (t) => {
  let now = NOW;
  const status = new ConnectorStatus({ now: () => now, stallAlarmMs: 60_000 });
  const server = await startHttp('127.0.0.1:0', new Map([['a', status]]), new MetricsRegistry());
  t.after(() => server.close());
  const get = async (path: string): Promise<[number, unknown]> => {
    const answer = await fetch(`http://${server.address}${path}`);
    return [answer.status, await answer.json()];
  };
  const nothing = { stalledSeconds: null, position: null, logEnd: null, lagSeconds: null, lagBytes: null };
  const never = {
    retainedWalBytes: null,
    logReadAt: null,
    lastCommitAt: null,
    lastSourceCommitAt: null,
    lastError: null,
  };
  const since = '2023-11-14T22:13:20.000Z';
  assert.deepEqual(await get('/status'), [
    200,
    { connectors: { a: { state: 'starting', since, ...nothing, ...never } } },
  ]);
  status.runEnded({ kind: 'fenced', message: 'another' });
  status.enter('running');
  status.streaming({ bytes: 16n, text: '0/10' });
  status.committed((BigInt(NOW) - 2500n) * 1000n);
  for (let reading = 0; reading < 8; reading++) {
    status.logRead({
      head: { bytes: 32n, text: '0/20' },
      confirmed: null,
      retainedBytes: 99,
      decoding: false,
    });
    now += 10_000;
  }
  assert.deepEqual(await get('/health/ready'), [
    503,
    { status: 'not ready', connectors: { a: 'running' }, stalled: ['a'] },
  ]);
  assert.deepEqual((await get('/health/live'))[0], 200);
  assert.deepEqual(await get('/status'), [
    200,
    {
      connectors: {
        a: {
          state: 'running',
          since,
          stalledSeconds: 80,
          position: '0/10',
          logEnd: '0/20',
          lagSeconds: 80,
          lagBytes: 16,
          retainedWalBytes: 99,
          logReadAt: '2023-11-14T22:14:30.000Z',
          lastCommitAt: since,
          lastSourceCommitAt: '2023-11-14T22:13:17.500Z',
          lastError: { kind: 'fenced', message: 'another', at: since },
        },
      },
    },
  ]);
});

function statusIn(state: State): ConnectorStatus {
  const status = new ConnectorStatus({ now: () => NOW, stallAlarmMs: -1 });
  status.enter(state);
  return status;
}

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
