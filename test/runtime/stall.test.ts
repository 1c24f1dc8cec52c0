import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Log, LogPoint, LogReading, State } from '../../src/ports.ts';
import { StallAlarm, watchConnector } from '../../src/runtime/stall.ts';
import { ConnectorStatus } from '../../src/runtime/status.ts';
import { quiet } from '../support/servers.ts';

const point = (bytes: number): LogPoint => ({ bytes: BigInt(bytes), text: `0/${bytes}` });

/** A connector whose minutes pass as the test says; the log is read every 10 s. */
class World {
  now = 0;
  head = 100;
  confirmed = 100;
  decoding = false;
  readonly lines: string[] = [];
  readonly status: ConnectorStatus;
  readonly alarm: StallAlarm;

  constructor(stallAlarmMs = 60_000) {
    this.status = new ConnectorStatus({ now: () => this.now, stallAlarmMs });
    const say = (level: string) => (message: string, fields?: object) =>
      void this.lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    const log: Log = { ...quiet, info: say('info'), warn: say('warn') };
    this.alarm = new StallAlarm(this.status, log);
    this.status.enter('running');
    this.status.streaming(point(100));
    this.read();
  }

  read(): void {
    const reading = { head: point(this.head), confirmed: point(this.confirmed), retainedBytes: 1 };
    this.status.logRead({ ...reading, decoding: this.decoding });
  }

  /** `each` runs once a second, before the alarm looks. */
  pass(seconds: number, each: (second: number) => void = () => {}): void {
    for (let second = 1; second <= seconds; second++) {
      this.now += 1000;
      each(second);
      if (this.now % 10_000 === 0) this.read();
      this.alarm.look(this.now);
    }
  }

  get stalled(): boolean {
    return this.status.snapshot().stalledMs !== null;
  }

  commit(upTo: number): void {
    this.status.committing(null);
    this.status.committed(null);
    this.status.delivered(point(upTo));
  }
}

test('a frozen position is said after stall.alarm.ms with position, end of the log and cause, and so is its end', () => {
  const world = new World();
  world.status.committing(null);
  world.pass(69, () => (world.head += 10));
  assert.deepEqual([world.stalled, world.lines], [false, []]);
  world.pass(1, () => (world.head += 10));
  assert.ok(world.stalled);
  assert.equal(world.lines.length, 1);
  assert.match(
    world.lines[0] ?? '',
    /^warn stalled: the position stands still .*"position":"0\/100","logEnd":"0\/800","lagBytes":700,"stalledSeconds":60,"likelyCauses":\["Kafka has not answered for 70 s/,
  );
  world.pass(60, () => (world.head += 10));
  assert.equal(world.lines.length, 1, 'not every second');
  world.commit(world.head);
  world.pass(1);
  assert.ok(!world.stalled);
  assert.match(world.lines[1] ?? '', /^info the position moves again \{"stalledSeconds":121\}$/);
});

test('it is said again every ten minutes', () => {
  const world = new World();
  world.pass(1300, () => world.head++);
  assert.equal(world.lines.length, 3);
});

test('a single commit that is never delivered is enough: the log need not go on for ever', () => {
  const world = new World();
  world.pass(5);
  world.head += 10;
  world.pass(75);
  assert.ok(world.stalled);
});

test('no alarm: a quiet database, a standby, -1, a connector that was stopped', () => {
  const idle = new World();
  idle.pass(1000);
  const standby = new World();
  standby.status.standby();
  standby.pass(1000, () => standby.head++);
  const never = new World(-1);
  never.pass(1000, () => never.head++);
  const stopped = new World();
  stopped.status.enter('stopped');
  stopped.pass(1000, () => stopped.head++);
  for (const world of [idle, standby, never, stopped]) assert.deepEqual([world.stalled, world.lines], [false, []]);
});

test('no alarm: a backlog that is worked off, however long it is', () => {
  const world = new World();
  world.head = 1_000_000;
  world.pass(1000, (second) => world.commit(100 + second));
  assert.deepEqual(world.lines, []);
});

test('no alarm while a large transaction comes in, piece by piece, or nothing of it is for us', () => {
  const pieces = new World();
  pieces.pass(600, () => {
    pieces.head += 10;
    pieces.status.committing(1n);
    pieces.status.sent(1000);
  });
  const foreign = new World();
  foreign.pass(600, () => {
    foreign.head += 10;
    foreign.status.received();
  });
  const decoding = new World();
  decoding.decoding = true;
  decoding.pass(600, () => (decoding.head += 10));
  for (const world of [pieces, foreign, decoding]) assert.deepEqual([world.stalled, world.lines], [false, []]);
});

test('but pieces without records, or reading on while Kafka does not answer, are no movement', () => {
  const empty = new World();
  empty.pass(100, () => {
    empty.head += 10;
    empty.status.committing(1n);
    empty.status.sent(0);
  });
  const reading = new World();
  reading.status.committing(1n);
  reading.decoding = true;
  reading.pass(100, () => {
    reading.head += 10;
    reading.status.received();
  });
  for (const world of [empty, reading]) assert.ok(world.stalled);
});

test('runs that get no further than the one before have not moved', () => {
  const world = new World();
  const error = { kind: 'kafka-unavailable', message: 'gone' } as const;
  world.pass(120, (second) => {
    world.head += 10;
    if (second % 4 !== 0) return;
    world.status.enter('starting');
    world.status.enter('running');
    world.status.streaming(point(100));
    world.status.received();
    world.status.committing(1n);
    world.status.runEnded(error);
    world.status.enter('retrying');
  });
  assert.match(world.lines.join('\n'), /the connector is retrying: the last run ended with kafka-unavailable: gone/);
});

test('a standby that takes over is not blamed for what was before', () => {
  const world = new World();
  world.status.standby();
  world.pass(500, () => world.head++);
  world.status.enter('running');
  world.pass(59);
  assert.ok(!world.stalled);
  world.pass(1);
  assert.ok(world.stalled);
});

test('states are told once each, and nothing follows one that is for good', () => {
  const states: State[] = [];
  const status = new ConnectorStatus({ now: () => 0, stallAlarmMs: -1 });
  status.listen((state) => states.push(state));
  for (const state of ['starting', 'standby', 'standby', 'running', 'failed', 'stopped'] as const) status.enter(state);
  status.standby();
  assert.deepEqual(states, ['starting', 'standby', 'running', 'failed']);
});

test('the log is read in a session of its own only when no run has read it for 15 s, and one after the other', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const world = new World();
  const asked: { now: number; answer: (reading: LogReading) => void; fail: (error: Error) => void }[] = [];
  const stop = watchConnector(world.status, {
    log: quiet,
    now: () => world.now,
    readLog: () => new Promise((answer, fail) => void asked.push({ now: world.now, answer, fail })),
  });
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      world.now += 1000;
      t.mock.timers.tick(1000);
      await Promise.resolve();
    }
  };
  await pass(10);
  world.read();
  await pass(14);
  assert.equal(asked.length, 0);
  await pass(60);
  assert.deepEqual(
    asked.map(({ now }) => now),
    [25_000],
  );
  asked[0]?.answer({ head: point(500), confirmed: point(100), retainedBytes: 9, decoding: false });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(world.status.snapshot().retainedBytes, 9);
  await pass(15);
  asked[1]?.fail(new Error('gone'));
  await new Promise((resolve) => setImmediate(resolve));
  await pass(15);
  assert.equal(asked.length, 3);
  // Of one that has failed, what its slot holds back matters as much.
  world.status.runEnded({ kind: 'refused', message: 'lost' });
  world.status.enter('failed');
  asked[2]?.fail(new Error('gone'));
  await new Promise((resolve) => setImmediate(resolve));
  await pass(15);
  assert.equal(asked.length, 4);
  stop();
  await pass(60);
  assert.equal(asked.length, 4);
});

test('a database that did not accept the user is not asked again and again', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const world = new World();
  let asked = 0;
  const readLog = (): Promise<LogReading> => {
    asked++;
    return Promise.reject(new Error('no'));
  };
  t.after(watchConnector(world.status, { log: quiet, now: () => world.now, readLog }));
  world.status.runEnded({ kind: 'database-rejected', message: 'wrong password' });
  world.status.enter('failed');
  for (let second = 0; second < 100; second++) {
    world.now += 1000;
    t.mock.timers.tick(1000);
  }
  assert.equal(asked, 0);
});
