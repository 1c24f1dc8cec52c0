import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import type { Fragment } from '../../src/change/fragment.ts';
import type { Position } from '../../src/change/position.ts';
import { type ErrorKind, MillraceError } from '../../src/errors.ts';
import type { Clock, Log, Metrics, Progress, State } from '../../src/ports.ts';
import { runConnectors } from '../../src/runtime/supervisor.ts';
import type { WorkerContext } from '../../src/runtime/worker.ts';
import type { Sink } from '../../src/sink/sink.ts';
import type { Source } from '../../src/source/source.ts';
import { connectorConfig } from '../support/connector-config.ts';
import { testFacts } from '../support/events.ts';

/** What one run of a scripted connector does, once per run; the last one is repeated. */
interface Script {
  readonly acquire?: (signal: AbortSignal, progress: Progress) => Promise<void>;
  readonly open?: (signal: AbortSignal) => Promise<void>;
  /** Positions that the source streams, one commit each; then it throws, or waits for the signal. */
  readonly positions?: number;
  readonly end?: ErrorKind | 'wait' | 'hang';
}

const IDENTITY = { system: '1', database: 'd', timeline: 1, ancestors: [1], intent: 's' };
const START: Position = { at: 0 };

function sourceOf(script: Script, context: WorkerContext, log: string[]): Source {
  return {
    acquire: async (signal) => {
      await script.acquire?.(signal, context.progress);
      return { identity: IDENTITY, lost: new AbortController().signal };
    },
    prepare: async () => START,
    read: async function* (_from, signal): AsyncIterable<readonly Fragment[]> {
      for (let at = 1; at <= (script.positions ?? 0); at++) {
        yield [{ tx: null, changes: [], begin: true, end: true, position: { at } }];
        await turn();
      }
      const { end = 'wait' } = script;
      if (end === 'hang') await new Promise(() => {});
      else if (end !== 'wait') throw new MillraceError(end, 'scripted');
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    },
    acknowledge: (position) => void log.push(`ack ${JSON.stringify(position)}`),
    ...testFacts,
    close: async () => void log.push('source closed'),
  };
}
function sinkOf(script: Script, log: string[]): Sink {
  return {
    open: async (_identity, signal) => {
      await script.open?.(signal);
      return { position: START, earlier: null, clusterId: 'k' };
    },
    commit: async () => {},
    close: async () => void log.push('sink closed'),
  };
}

/** Time that passes when somebody sleeps, and at no other moment. */
class FakeClock implements Clock {
  ms = 1_000_000;
  now(): number {
    return this.ms;
  }
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await turn();
    signal.throwIfAborted();
    this.ms += ms;
  }
}

interface Outcome {
  readonly failed: string[];
  readonly states: string[];
  readonly lines: string[];
  readonly calls: string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly clock: FakeClock;
}

async function supervise(
  scripts: Readonly<Record<string, readonly Script[]>>,
  options: {
    readonly over?: Readonly<Record<string, unknown>>;
    readonly stopWhen?: (states: readonly string[], runs: number) => boolean;
  } = {},
): Promise<Outcome> {
  const states: string[] = [];
  const lines: string[] = [];
  const calls: string[] = [];
  const counts: Record<string, number> = {};
  const clock = new FakeClock();
  const stop = new AbortController();
  const runs = new Map<string, number>();
  const say = (level: string) => (message: string, fields?: unknown) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const of = (): Metrics => ({
    count: (name, by) => (counts[name] = (counts[name] ?? 0) + by),
    gauge: () => {},
    observe: () => {},
  });
  const scriptOf = (name: string): Script =>
    scripts[name]?.[Math.min(runs.get(name) ?? 0, (scripts[name]?.length ?? 1) - 1)] ?? {};
  const failed = await runConnectors(
    Object.keys(scripts).map((name) => connectorConfig(name, options.over)),
    {
      log,
      metrics: { of },
      clock,
      signal: stop.signal,
      createSource: (config, context) => sourceOf(scriptOf(config.name), context, calls),
      createSink: (config) => {
        const sink = sinkOf(scriptOf(config.name), calls);
        runs.set(config.name, (runs.get(config.name) ?? 0) + 1);
        return sink;
      },
      onState: (name: string, state: State) => {
        states.push(`${name} ${state}`);
        if (options.stopWhen?.(states, runs.get(name) ?? 0)) stop.abort(new DOMException('stopped', 'AbortError'));
      },
    },
  );
  return { failed, states, lines, calls, counts, clock };
}

test('a connector runs until it is told to stop, and closes the sink before it lets the lease go', async () => {
  const { failed, states, lines, calls } = await supervise(
    { a: [{}] },
    { stopWhen: (all) => all.includes('a running') },
  );
  assert.deepEqual([failed, states, lines], [[], ['a starting', 'a running', 'a stopped'], []]);
  assert.deepEqual(calls.slice(-2), ['sink closed', 'source closed']);
});

test('an error that a new run can mend is retried with growing pauses and is counted', async () => {
  const { failed, states, lines, counts, clock } = await supervise(
    { a: [{ end: 'kafka-unavailable' }, { end: 'lease-lost' }, { end: 'database-shutdown' }, {}] },
    { stopWhen: (_, runs) => runs === 4 },
  );
  assert.deepEqual([failed, counts['restarts']], [[], 3]);
  assert.equal(states.filter((state) => state === 'a retrying').length, 3);
  assert.equal(lines.filter((line) => line.startsWith('warn scripted')).length, 3);
  assert.ok(
    lines.every(
      (line) => line.includes('"connector":"a"') && /"retryInMs":\d+/.test(line) && line.includes('"advice"'),
    ),
  );
  assert.ok(clock.ms - 1_000_000 >= 250 + 500 + 1000);
});

test('an error that stops says what to do, and one connector that failed stops no other', async () => {
  const { failed, states, lines } = await supervise(
    { bad: [{ end: 'refused' }], good: [{ positions: 3 }] },
    { stopWhen: (all) => all.includes('bad failed') && all.includes('good running') },
  );
  assert.deepEqual(failed, ['bad']);
  assert.ok(states.includes('good stopped') && states.indexOf('bad failed') < states.indexOf('good stopped'));
  assert.equal(lines.filter((line) => line.startsWith('error')).length, 1);
  assert.match(lines.join(), /error scripted .*"kind":"refused","advice":"going on would lose or repeat/);
});

test('an exception that is no MillraceError is internal, stops, and comes with its stack', async () => {
  const { failed, lines } = await supervise({ a: [{ open: () => Promise.reject(new TypeError('x is undefined')) }] });
  assert.deepEqual(failed, ['a']);
  assert.match(lines.join(), /error x is undefined .*"kind":"internal".*supervisor\.test/);
});

test('retriable.restart.connector.wait.ms is the wait before every restart', async () => {
  const { lines } = await supervise(
    { a: [{ end: 'kafka-unavailable' }, { end: 'lease-lost' }, {}] },
    { over: { 'retriable.restart.connector.wait.ms': 7 }, stopWhen: (_, runs) => runs === 3 },
  );
  assert.equal(lines.filter((line) => line.includes('"retryInMs":7')).length, 2, lines.join('\n'));
});

test("what a file's foreign keys come to is said once, whatever the number of runs", async () => {
  const { lines } = await supervise(
    { a: [{ end: 'kafka-unavailable' }, {}] },
    {
      over: { 'max.queue.size': '5', 'producer.override.client.id': 'relay' },
      stopWhen: (_, runs) => runs === 2,
    },
  );
  assert.deepEqual(
    lines.filter((line) => line.startsWith('info')),
    [
      'info keys that are not ours: max.queue.size accepted without effect: memory is bounded in bytes, by ' +
        'max.queue.size.in.bytes; producer.override.client.id read as kafka.client.id: the same under our name {"connector":"a"}',
    ],
  );
});

test('errors.max.retries counts restarts without progress', async () => {
  const over = { 'errors.max.retries': 2 };
  const stuck = await supervise({ a: [{ end: 'kafka-unavailable' }] }, { over });
  // prepare() gave the stored position, so the three runs committed nothing.
  assert.deepEqual([stuck.failed, stuck.counts['restarts']], [['a'], 2]);
  assert.match(stuck.lines.join(), /"restartsWithoutProgress":2/);
  const none = await supervise({ a: [{ end: 'kafka-unavailable' }] }, { over: { 'errors.max.retries': 0 } });
  assert.deepEqual([none.failed, none.counts['restarts']], [['a'], undefined]);
  const moving = await supervise(
    { a: [{ positions: 2, end: 'kafka-unavailable' }] },
    { over, stopWhen: (all, runs) => runs === 10 && all.at(-1) === 'a running' },
  );
  assert.deepEqual([moving.failed, moving.counts['restarts']], [[], 9]);
});

test('a stop while connecting is no error, and a connection that hangs is not waited for', async () => {
  for (const script of [
    { acquire: () => new Promise<void>(() => {}) },
    { open: () => new Promise<void>(() => {}) },
    {
      acquire: (signal: AbortSignal) =>
        new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    },
    {
      open: (signal: AbortSignal) =>
        new Promise<void>((_, reject) =>
          signal.addEventListener('abort', () =>
            reject(new MillraceError('kafka-unavailable', 'closed while connecting')),
          ),
        ),
    },
  ]) {
    let asked = false;
    const outcome = supervise({ a: [script] }, { stopWhen: () => (asked ? false : ((asked = true), true)) });
    const { failed, states, lines, clock } = await outcome;
    assert.deepEqual([failed, states.at(-1)], [[], 'a stopped']);
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('debug')),
      [],
    );
    assert.ok(clock.ms - 1_000_000 <= 1000);
  }
});

test('a commit that hangs is given up after four seconds, with a warning', async () => {
  const { failed, lines, clock } = await supervise(
    { a: [{ end: 'hang' }] },
    { stopWhen: (all) => all.includes('a running') },
  );
  assert.deepEqual(failed, []);
  assert.match(lines.join(), /^warn ended before everything in hand was committed: the next start delivers it/);
  assert.ok(clock.ms - 1_000_000 <= 4000);
});

test('a stop during the pause between two runs ends at once', async () => {
  const { failed, states } = await supervise(
    { a: [{ end: 'kafka-unavailable' }] },
    { stopWhen: (all) => all.includes('a retrying') },
  );
  assert.deepEqual([failed, states.at(-1)], [[], 'a stopped']);
});

test('an instance that waits for the lease is a standby, one that connects is not', async () => {
  const { states } = await supervise(
    {
      a: [
        {
          acquire: async (_, progress) => {
            await turn();
            // With every try.
            for (let tries = 0; tries < 3; tries++) progress.standby();
            await turn();
          },
        },
      ],
    },
    { stopWhen: (all) => all.includes('a running') },
  );
  assert.deepEqual(states, ['a starting', 'a standby', 'a running', 'a stopped']);
});
