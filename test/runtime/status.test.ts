import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricsRegistry } from '../../src/runtime/metrics.ts';
import { ConnectorStatus } from '../../src/runtime/status.ts';

const point = (bytes: number) => ({ bytes: BigInt(bytes), text: `0/${bytes}` });

function running(): { readonly clock: { now: number }; readonly status: ConnectorStatus } {
  const clock = { now: 100_000 };
  const status = new ConnectorStatus({ now: () => clock.now, stallAlarmMs: -1 });
  status.enter('running');
  status.streaming(point(10));
  status.logRead({ head: point(10), confirmed: point(10), retainedBytes: 3, decoding: false });
  return { clock, status };
}

test('what was in hand when a run failed goes on ageing through the retries, until it is delivered or another has it', () => {
  for (const [end, expected] of [
    [(status: ConnectorStatus) => status.committed(95_000_000n), 0],
    [(status: ConnectorStatus) => status.streaming(point(10)), 0],
    [(status: ConnectorStatus) => status.standby(), 0],
    [(status: ConnectorStatus) => status.enter('starting'), 14],
  ] as const) {
    const { clock, status } = running();
    status.committing(95_000_000n);
    assert.equal(status.snapshot().lagSeconds, 5);
    status.runEnded({ kind: 'kafka-unavailable', message: 'gone' });
    status.enter('retrying');
    clock.now += 9000;
    assert.equal(status.snapshot().lagSeconds, 14);
    end(status);
    assert.equal(status.snapshot().lagSeconds, expected);
  }
});

test('log lines get the position as soon as one is known', () => {
  assert.deepEqual(new ConnectorStatus({ now: () => 0, stallAlarmMs: -1 }).fields, {});
  const { status } = running();
  assert.deepEqual(status.fields, { position: '0/10' });
  status.delivered(point(12));
  status.delivered(point(11));
  assert.deepEqual(status.fields, { position: '0/12' });
});

test('a figure that has become too old disappears from the metrics', async () => {
  const { clock, status } = running();
  const registry = new MetricsRegistry();
  registry.show('c', status);
  assert.match(await registry.text(), /^millrace_retained_wal_bytes\{connector="c"\} 3$/m);
  clock.now += 60_000;
  const text = await registry.text();
  assert.doesNotMatch(text, /^millrace_(?:retained_wal|lag)_bytes\{/m);
  assert.match(text, /^millrace_lag_seconds\{connector="c"\} 60$/m);
  assert.match(text, /^millrace_log_read_timestamp_seconds\{connector="c"\} 100$/m);
});
