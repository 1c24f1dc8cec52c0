/** One source transaction much larger than memory should be: one Kafka transaction, memory flat. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { residentBytes } from '../support/resident-memory.ts';
import { rigFor, stopGracefully } from '../support/rig.ts';
import { FULL_SCALE } from '../support/scale.ts';
import type { Segment } from '../support/transaction-log.ts';

const ROWS = FULL_SCALE ? 1_000_000 : 200_000;
const GROWS_BY_LESS_THAN = 100 * 1024 * 1024;
let growth = 0;
const mebibytes = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;

test(`a PostgreSQL transaction of ${ROWS} rows passes through one Kafka transaction, seen all at once`, {
  timeout: 600_000,
}, async (t) => {
  // The settings a user gets, nothing smaller than the defaults; only time is no matter here.
  const rig = await rigFor(t, {
    config: { 'max.queue.size.in.bytes': 16 * 1024 * 1024, 'kafka.transaction.timeout.ms': 600_000 },
    ledger: { writers: 1, largeEvery: 0 },
  });
  const run = await rig.start();
  await run.reaches('running');
  rig.ledger.start();
  await rig.delivers(2000);
  await rig.ledger.stop();
  await rig.delivers(rig.ledger.committed);
  const small = rig.check.delivered;

  const before = residentBytes(run.child.pid) ?? 0;
  let most = before;
  const sampler = setInterval(() => {
    most = Math.max(most, residentBytes(run.child.pid) ?? 0);
  }, 20);
  t.after(() => clearInterval(sampler));
  const parts: Segment[] = [];
  let onItsWay = 0;
  rig.watch((segments) => {
    for (const part of segments) assert.ok(part.committed, 'nothing is taken back');
    const wasVisible = parts.length > 0;
    parts.push(...segments);
    const visible = parts.reduce((sum, part) => sum + part.records.length, 0);
    if (visible === 0) onItsWay = Math.max(onItsWay, rig.log.undecided);
    // A reader sees none of it before all of it is written: a look that began when a part was visible finds all.
    if (wasVisible) assert.equal(visible + rig.log.undecided, ROWS, `${visible} rows are visible, not all are written`);
  });
  const startedAt = Date.now();
  await rig.ledger.commitLarge(ROWS);
  const committedAt = Date.now();
  await rig.delivers(small + ROWS, 300_000);
  t.diagnostic(
    `inserted in ${committedAt - startedAt} ms, visible ${Date.now() - committedAt} ms after its commit; ` +
      `RSS ${mebibytes(before)} before, ${mebibytes(most)} at most`,
  );
  assert.ok(onItsWay > 0, 'it was seen on its way');
  const places = parts.map(({ topic, partition }) => `${topic}/${partition}`);
  assert.equal(new Set(places).size, places.length, `one part in each partition: ${places.join(', ')}`);
  assert.equal(rig.check.delivered, small + ROWS);
  await stopGracefully(run);
  await rig.exact();
  await rig.readersAgree();
  growth = most - before;
});

test('and memory stays flat: RSS grows by less than 100 MB', () => {
  assert.ok(growth > 0 && growth < GROWS_BY_LESS_THAN, `RSS grew by ${mebibytes(growth)}`);
});
