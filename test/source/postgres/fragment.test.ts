import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Fragment } from '../../../src/change/fragment.ts';
import type { Table } from '../../../src/change/table.ts';
import { MillraceError } from '../../../src/errors.ts';
import { FragmentAssembler, type StreamStart } from '../../../src/source/postgres/fragment.ts';
import { formatLsn } from '../../../src/source/postgres/lsn.ts';
import type { PgMessage } from '../../../src/source/postgres/pgoutput.ts';

const table: Table = { schema: 's', name: 't', columns: [], id: 1 };
const other: Table = { schema: 's', name: 'other', columns: [], id: 2 };
const START: StreamStart = { system: '7', timeline: 1, lsn: 100n, ordinal: 0, xid: null, fingerprint: 'f' };
const row = (of = table): PgMessage => ({ op: 'insert', table: of, before: null, after: null });
const begin = (finalLsn: bigint, xid: number): PgMessage => ({ op: 'begin', finalLsn, commitTime: 0n, xid, lsn: 0n });
const commit = (commitLsn: bigint, endLsn: bigint): PgMessage => ({ op: 'commit', commitLsn, endLsn, commitTime: 0n });
const assembler = (start: StreamStart = START, now = (): number => 0): FragmentAssembler =>
  new FragmentAssembler(start, (of) => of === table, now);
const feed = (into: FragmentAssembler, ...messages: PgMessage[]): readonly Fragment[] => {
  for (const message of messages) into.message(message);
  return into.take();
};

test('a transaction becomes one fragment whose position is the end of its commit', () => {
  const [fragment, ...rest] = feed(assembler(), begin(200n, 9), row(), row(), commit(200n, 208n));
  assert.equal(rest.length, 0);
  assert.ok(fragment);
  assert.deepEqual([fragment.begin, fragment.end, fragment.changes.length], [true, true, 2]);
  assert.deepEqual(fragment.position, {
    system: '7',
    timeline: 1,
    lsn: '0/D0',
    ordinal: 0,
    committedAt: '2000-01-01T00:00:00.000Z',
  });
  assert.deepEqual([fragment.tx?.id, fragment.tx?.commitLsn], ['9', '0/C8']);
  assert.equal(fragment.tx?.commitTimeUs, 946_684_800_000_000n);
});

test('a position says when the last transaction up to it was committed, also across restarts and quiet times', () => {
  const at = (fragments: readonly Fragment[]): unknown => fragments.at(-1)?.position['committedAt'];
  const first = assembler();
  first.keepAlive(150n);
  assert.equal(at(first.take()), undefined, 'nothing is known yet');
  const later: PgMessage = { op: 'begin', finalLsn: 200n, commitTime: 86_400_123_456n, xid: 9, lsn: 0n };
  assert.equal(at(feed(first, later, row(), commit(200n, 208n))), '2000-01-02T00:00:00.123Z');
  const resumed = assembler({ ...START, lsn: 208n, committedAt: '2000-01-02T00:00:00.123Z' }, () => 5000);
  resumed.keepAlive(300n);
  assert.equal(at(resumed.take()), '2000-01-02T00:00:00.123Z');
});

test('a piece of a big transaction carries the commit LSN, the raw count and the fingerprint', () => {
  const into = assembler();
  const first = feed(into, begin(200n, 9), row(), row(other), row());
  assert.deepEqual(first[0]?.position, {
    system: '7',
    timeline: 1,
    lsn: '0/C8',
    ordinal: 3,
    committedAt: '2000-01-01T00:00:00.000Z',
    in: '9',
    fingerprint: 'f',
  });
  assert.deepEqual([first[0]?.begin, first[0]?.end, first[0]?.changes.length], [true, false, 2]);
  const last = feed(into, row(), commit(200n, 208n));
  assert.deepEqual([last[0]?.begin, last[0]?.end, last[0]?.changes.length], [false, true, 1]);
  assert.equal(last[0]?.position.ordinal, 0);
});

test('resuming inside a split transaction delivers exactly the rest of it', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), fc.nat(29), (captured, cut) => {
      const at = Math.min(cut, captured.length - 1) + 1;
      const rows = captured.map((yes) => row(yes ? table : other));
      const before = feed(assembler(), begin(200n, 9), ...rows.slice(0, at));
      const resumed = assembler({ ...START, lsn: 200n, ordinal: at, xid: '9' });
      const after = feed(
        resumed,
        begin(200n, 9),
        ...rows,
        commit(200n, 208n),
        begin(300n, 10),
        row(),
        commit(300n, 308n),
      );
      const delivered = [...before, ...after].reduce((sum, fragment) => sum + fragment.changes.length, 0);
      assert.equal(delivered, captured.filter(Boolean).length + 1);
    }),
  );
});

test('resuming inside a split transaction that the server does not send first is refused', () => {
  const resume = { ...START, lsn: 200n, ordinal: 2, xid: '9' };
  for (const wrong of [begin(201n, 9), begin(200n, 8)]) {
    assert.throws(
      () => assembler(resume).message(wrong),
      (error) => error instanceof MillraceError && error.kind === 'refused',
    );
  }
  assert.throws(() => feed(assembler(resume), begin(200n, 9), row(), commit(200n, 208n)), /of its changes are stored/);
});

test('a transaction that ended before the start is not delivered twice, and one that starts there is delivered', () => {
  const fragments = feed(
    assembler(),
    begin(90n, 1),
    row(),
    commit(90n, 98n),
    begin(100n, 2),
    row(),
    commit(100n, 108n),
  );
  assert.deepEqual(
    fragments.map((fragment) => fragment.tx?.id),
    ['2'],
  );
});

test('a keep-alive is a position only ahead of everything, outside a transaction, at most once a second', () => {
  let now = 5000;
  const into = assembler(START, () => now);
  const lsnsAfter = (walEnd: bigint): unknown[] => {
    into.keepAlive(walEnd);
    return into.take().map((fragment) => fragment.position.lsn);
  };
  assert.deepEqual(lsnsAfter(99n), []);
  assert.deepEqual(lsnsAfter(100n), []);
  assert.deepEqual(lsnsAfter(150n), [formatLsn(150n)]);
  assert.deepEqual(lsnsAfter(160n), []);
  assert.deepEqual(lsnsAfter(150n + 16n * 1024n * 1024n), [formatLsn(150n + 16n * 1024n * 1024n)]);
  now += 1000;
  into.message(begin(0x2000000n, 5));
  assert.deepEqual(lsnsAfter(0x1f00000n), []);
  into.message(commit(0x2000000n, 0x2000008n));
  assert.deepEqual(
    into.take().map((fragment) => fragment.position.lsn),
    ['0/2000008'],
  );
  assert.deepEqual(lsnsAfter(0x2000100n), ['0/2000100']);
});

test('a lone logical message is a fragment of its own; the next commit may end its record at the same LSN', () => {
  const lone: PgMessage = { op: 'message', transactional: false, lsn: 150n, prefix: 'p', content: Buffer.alloc(0) };
  const fragments = feed(assembler(), lone, begin(150n, 3), row(), commit(150n, 158n));
  assert.deepEqual(
    fragments.map((fragment) => [fragment.tx?.id ?? null, fragment.position.lsn]),
    [
      [null, '0/96'],
      ['3', '0/9E'],
    ],
  );
});

test('messages out of place stop us', () => {
  assert.throws(() => feed(assembler(), row()), /outside a transaction/);
  assert.throws(() => feed(assembler(), commit(1n, 2n)), /outside a transaction/);
  assert.throws(() => feed(assembler(), begin(200n, 1), begin(300n, 2)), /inside another transaction/);
});

test('a log that goes on without the split transaction to be resumed is refused, and is no progress', () => {
  const inside = { ...START, lsn: 200n, ordinal: 3, xid: '9' };
  const into = assembler(inside, () => 10_000);
  into.keepAlive(150n);
  into.keepAlive(200n);
  into.message({ op: 'message', prefix: 'p', content: Buffer.alloc(0), transactional: false, lsn: 200n });
  assert.deepEqual(into.take(), []);
  assert.throws(
    () => into.keepAlive(208n),
    (error) => error instanceof MillraceError && error.kind === 'refused' && error.message.includes('0/D0'),
  );
});

test('idle progress goes on when the clock was set back', () => {
  let now = 10_000_000;
  const into = assembler(START, () => now);
  into.keepAlive(110n);
  now -= 3_600_000;
  into.keepAlive(120n);
  assert.deepEqual(
    into.take().map(({ position }) => position.lsn),
    ['0/6E', '0/78'],
  );
});

test('what an earlier run has delivered of a split transaction passes by to be counted, and moves no position', () => {
  const resumed = assembler({ ...START, lsn: 200n, ordinal: 2, xid: '9', fingerprint: 'f' });
  const first = feed(resumed, begin(200n, 9), row(), row(other));
  assert.deepEqual(
    first.map(({ begin: begins, end, changes, delivered = [] }) => [begins, end, changes.length, delivered.length]),
    [[false, false, 0, 1]],
    'only captured tables count',
  );
  assert.equal(first[0]?.position['ordinal'], 2);
  const rest = feed(resumed, row(), commit(200n, 208n));
  assert.deepEqual(
    rest.map(({ begin: begins, end, changes, delivered = [] }) => [begins, end, changes.length, delivered.length]),
    [[false, true, 1, 0]],
  );
});
