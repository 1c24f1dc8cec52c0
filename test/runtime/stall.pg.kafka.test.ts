/** The stall alarm and the lag on real servers: a broker that hangs, and what must not look like it. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startKafka } from '../../src/demo/kafka-server.ts';
import { metricOf } from '../support/metric.ts';
import { freshOutbox, upTo } from '../support/outbox.ts';
import { type Millrace, startMillrace } from '../support/process.ts';
import { kill, stopGracefully } from '../support/rig.ts';
import { postgres, waitFor } from '../support/servers.ts';
import { startProxy } from '../support/tcp-proxy.ts';

async function start(t: TestContext, ...[connector, env]: Parameters<typeof startMillrace>): Promise<Millrace> {
  const instance = await startMillrace(connector, env);
  t.after(() => kill(instance));
  return instance;
}

const seconds = (count: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, count * 1000));
const lag = async ({ http }: Millrace): Promise<number> => (await metricOf(http, 'millrace_lag_seconds')) ?? -1;
const ready = async ({ http }: Millrace): Promise<[number, unknown]> => {
  const answer = await fetch(`http://${http}/health/ready`);
  return [answer.status, await answer.json()];
};

test('a broker that hangs while writers go on: alarm, growing lag, not ready; and all of it ends by itself', async (t) => {
  const broker = await startKafka();
  t.after(() => {
    broker.thaw();
    return broker.dispose();
  });
  const outbox = await freshOutbox(t, { 'stall.alarm.ms': 3000 }, { brokers: broker.bootstrap });
  const { name } = outbox.connector;
  const worker = await start(t, outbox.connector);
  await worker.reaches('running');
  const standby = await start(t, outbox.connector);
  await standby.reaches('standby');

  // A reading or two of a quiet database, beside one that only others write to.
  await outbox.insert(1, 10);
  await waitFor('the first events', async () => (await metricOf(worker.http, 'millrace_records_total')) === 10);
  await outbox.db.client.query('CREATE TABLE other (x text)');
  for (let second = 0; second < 13; second++) {
    if (second < 8) await outbox.db.client.query("INSERT INTO other VALUES (repeat('x', 10000))");
    await seconds(1);
    assert.ok((await lag(worker)) < 3, 'the position follows a log that holds nothing for us');
  }
  assert.deepEqual([await lag(worker), await metricOf(worker.http, 'millrace_lag_bytes')], [0, 0]);
  assert.equal(await metricOf(worker.http, 'millrace_stalled'), 0);
  assert.doesNotMatch(worker.log() + standby.log(), /stalled/);

  broker.freeze();
  let [written, isWriting] = [10, true];
  const writing = (async () => {
    for (; isWriting; written++) {
      await outbox.insert(written + 1, 1);
      await seconds(0.1);
    }
  })();
  await waitFor('the alarm', async () => worker.log().includes('"msg":"stalled'), 40_000);
  assert.equal(await metricOf(worker.http, 'millrace_stalled'), 1);
  assert.deepEqual(await ready(worker), [
    503,
    { status: 'not ready', connectors: { [name]: 'running' }, stalled: [name] },
  ]);
  const line = JSON.parse(
    worker
      .log()
      .split('\n')
      .find((each) => each.includes('"msg":"stalled')) ?? '{}',
  ) as {
    [field: string]: unknown;
  };
  assert.deepEqual([line['level'], line['connector']], ['warn', name]);
  assert.match(`${String(line['position'])} ${String(line['logEnd'])}`, /^[0-9A-F]+\/[0-9A-F]+ [0-9A-F]+\/[0-9A-F]+$/);
  assert.ok(Number(line['lagBytes']) > 0 && Number(line['stalledSeconds']) >= 3);
  assert.match(String(line['likelyCauses']), /^Kafka has not answered for \d+ s/);
  const before = await lag(worker);
  assert.ok(before > 3, `lag ${before}`);
  await seconds(1);
  assert.ok((await lag(worker)) >= before + 0.9, 'it grows with the clock');
  // By then the standby has read the log once more.
  await waitFor("the standby's lag", async () => (await lag(standby)) > 3);
  assert.equal(await metricOf(standby.http, 'millrace_stalled'), 0);
  assert.equal((await ready(standby))[0], 200);

  broker.thaw();
  await waitFor('the end of it', async () => worker.log().includes('"msg":"the position moves again"'), 60_000);
  isWriting = false;
  await writing;
  await waitFor('no lag', async () => (await lag(worker)) === 0, 60_000);
  assert.equal((await ready(worker))[0], 200);
  assert.doesNotMatch(standby.log(), /stalled/);
  await stopGracefully(standby);
  await stopGracefully(worker);
  assert.deepEqual(await outbox.numbers(), upTo(written));
});

test('a large transaction that comes in slowly for longer than stall.alarm.ms is no stall', async (t) => {
  const proxy = await startProxy(await postgres(), { bytesPerSecond: 700_000 });
  t.after(() => proxy.close());
  const outbox = await freshOutbox(t, {
    'stall.alarm.ms': 1000,
    'database.hostname': '127.0.0.1',
    'database.port': proxy.port,
    'max.queue.size.in.bytes': 262_144,
  });
  const worker = await start(t, outbox.connector);
  await worker.reaches('running');
  await outbox.insert(1, 10_000, 1500);
  let worst = 0;
  await waitFor(
    'all of it',
    async () => {
      worst = Math.max(worst, await lag(worker));
      assert.equal(await metricOf(worker.http, 'millrace_stalled'), 0, worker.log());
      return (await metricOf(worker.http, 'millrace_records_total')) === 10_000;
    },
    90_000,
  );
  assert.ok(worst > 12, `it took ${worst} s: less than a reading of the log and the alarm`);
  assert.doesNotMatch(worker.log(), /stalled/);
});

test('a connector that Kafka is away for goes on to tell its lag and what its slot holds back', async (t) => {
  const broker = await startKafka();
  t.after(() => broker.dispose());
  const outbox = await freshOutbox(
    t,
    { 'stall.alarm.ms': 1000, 'retriable.restart.connector.wait.ms': 3_600_000 },
    { brokers: broker.bootstrap },
  );
  const worker = await start(t, outbox.connector);
  await worker.reaches('running');
  await outbox.insert(1, 10);
  await waitFor('the first events', async () => (await metricOf(worker.http, 'millrace_records_total')) === 10);
  await broker.dispose();
  await outbox.insert(11, 100, 1000);
  // It waits an hour for its next run: nothing but the watch reads the log.
  await waitFor(
    'the outage',
    async () => (await metricOf(worker.http, 'millrace_connector_state', 'state="retrying"')) === 1,
    90_000,
  );
  const bytes = async (name: string): Promise<number> => (await metricOf(worker.http, name)) ?? -1;
  await waitFor('the first rows', async () => (await bytes('millrace_lag_bytes')) > 100_000);
  const [behind, retained, late] = [
    await bytes('millrace_lag_bytes'),
    await bytes('millrace_retained_wal_bytes'),
    await lag(worker),
  ];
  await outbox.insert(111, 100, 1000);
  await waitFor('a further reading', async () => (await bytes('millrace_lag_bytes')) > behind + 100_000);
  assert.ok((await bytes('millrace_retained_wal_bytes')) > retained + 100_000);
  assert.ok((await lag(worker)) > late);
  await waitFor('the alarm', async () => worker.log().includes('"msg":"stalled'));
  assert.match(worker.log(), /the connector is retrying: the last run ended with kafka-unavailable/);
  assert.equal(await metricOf(worker.http, 'millrace_restarts_total', 'kind="kafka-unavailable"'), 1);
  const lines = worker
    .log()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const about = lines.filter(({ msg }) => msg !== 'listening');
  assert.deepEqual(new Set(about.map(({ connector }) => connector)), new Set([outbox.connector.name]));
  const streaming = about.findIndex(({ msg }) => msg === 'streaming');
  assert.ok(
    streaming > 0 && about.slice(streaming).every(({ position }) => /^[0-9A-F]+\/[0-9A-F]+$/.test(String(position))),
  );
  const kinds = about
    .filter(({ level, msg }) => level === 'warn' && !String(msg).startsWith('stalled'))
    .map(({ kind }) => kind);
  assert.deepEqual(kinds, ['kafka-unavailable']);
});
