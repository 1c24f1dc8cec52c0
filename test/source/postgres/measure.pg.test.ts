import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogReading } from '../../../src/ports.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { acquireLease } from '../../../src/source/postgres/lease.ts';
import { readLogAlone } from '../../../src/source/postgres/log-reading.ts';
import { parsePosition } from '../../../src/source/postgres/position.ts';
import { createPostgresSource } from '../../../src/source/postgres/source.ts';
import { OUTBOX_DDL, runSource, sourceContext, sourceSettings } from '../../support/postgres-source.ts';
import { freshDatabase, postgres, quiet, waitFor } from '../../support/servers.ts';
import { noProgress } from '../../support/silent.ts';

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: what the slot holds back is read from the lease on, by a standby, and by nobody who streams`, async (t) => {
    const server = await postgres(major);
    const db = await freshDatabase(server);
    t.after(() => db.drop());
    await db.client.query(OUTBOX_DDL);
    const settings = sourceSettings(server, db.name);
    const alone = (): Promise<LogReading> => readLogAlone(settings, new AbortController().signal);
    const before = await alone();
    assert.deepEqual([before.confirmed, before.retainedBytes, before.decoding], [null, null, false]);

    const running = await runSource(settings);
    await waitFor('the walsender to be at rest', async () => !(await alone()).decoding);
    await running.stop();
    await db.client.query(
      "INSERT INTO outbox SELECT gen_random_uuid(), 'a', 'k', 't', '{}' FROM generate_series(1, 1000)",
    );
    const readings: LogReading[] = [];
    const progress = { ...noProgress, logRead: (reading: LogReading) => void readings.push(reading) };
    const behind = ({ head, confirmed, retainedBytes }: LogReading): void => {
      assert.ok(confirmed !== null && head.bytes - confirmed.bytes > 100_000n, `${head.text} ${confirmed?.text}`);
      assert.ok(retainedBytes !== null && retainedBytes > 100_000);
    };
    const source = createPostgresSource(settings, { ...sourceContext(), progress });
    t.after(() => source.close());
    await source.acquire(new AbortController().signal);
    behind(await waitFor('a reading', async () => readings[0] ?? null));
    behind(await alone());

    const [standby, stop]: [LogReading[], AbortController] = [[], new AbortController()];
    const watching = { ...noProgress, logRead: (reading: LogReading) => void standby.push(reading) };
    const waiting = acquireLease(settings, { log: quiet, progress: watching, clock: systemClock, signal: stop.signal });
    waiting.catch(() => {});
    behind(await waitFor('a reading of the standby', async () => standby[0] ?? null));
    stop.abort(new Error('stop'));
    await assert.rejects(waiting);
  });
}

test('what is delivered is told with every acknowledgement, and where the stream begins', async (t) => {
  const server = await postgres();
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(OUTBOX_DDL);
  const told: string[] = [];
  const settings = sourceSettings(server, db.name);
  const source = createPostgresSource(settings, {
    ...sourceContext(),
    progress: {
      ...noProgress,
      streaming: ({ text }) => void told.push(`streaming ${text}`),
      delivered: ({ text }) => void told.push(`delivered ${text}`),
      received: () => void told.push('received'),
    },
  });
  const stop = new AbortController();
  t.after(() => source.close());
  await source.acquire(stop.signal);
  const start = await source.prepare({ position: null, earlier: null, clusterId: 'c' }, stop.signal);
  const insert = db.client.query("INSERT INTO outbox VALUES (gen_random_uuid(), 'a', 'k', 't', '{}')");
  for await (const fragments of source.read(start, stop.signal)) {
    const last = fragments.at(-1);
    if (last) source.acknowledge(last.position);
    if (fragments.some(({ changes }) => changes.length > 0)) stop.abort();
  }
  await insert;
  assert.equal(told[0], `streaming ${parsePosition(start).lsn}`);
  const words = told.slice(1).map((line) => line.split(' ')[0]);
  assert.equal(words[0], 'received');
  assert.ok(words.includes('delivered'));
});
