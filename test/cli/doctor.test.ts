/** What `millrace doctor` makes of what it sees, without a server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Diagnosis } from '../../src/change/finding.ts';
import { OPERATION, type TopicState } from '../../src/kafka/cluster-state.ts';
import type { TransactionState } from '../../src/kafka/open-transactions.ts';
import { certificateTrouble } from '../../src/network/reach.ts';
import { judgeBrokersClock, ranked } from '../../src/runtime/doctor.ts';
import { exampleTopic, neededColumns, topicPattern } from '../../src/runtime/doctor-router.ts';
import { NOTHING_STORED } from '../../src/sink/kafka/offsets.ts';
import { judgeTopic } from '../../src/sink/kafka/doctor-topics.ts';
import { judgeTransaction } from '../../src/sink/kafka/doctor-transactions.ts';
import { weakDurability } from '../../src/sink/kafka/durability.ts';
import { type LeaseSession, judgeLease } from '../../src/source/postgres/doctor-lease.ts';
import { type PositionLook, judgePosition } from '../../src/source/postgres/doctor-position.ts';
import { judgeClock } from '../../src/source/postgres/doctor-server.ts';
import {
  type OpenWriter,
  type SlotDetails,
  judgeOpenWriters,
  judgeSlot,
} from '../../src/source/postgres/doctor-slot.ts';
import { connectorConfig } from '../support/connector-config.ts';

const line = ({ level, area, text }: Diagnosis): string => `${level} ${area}: ${text}`;
const lines = (of: readonly Diagnosis[]): string => of.map(line).join('\n');

test('worst first, causes before what follows from them, and the same only once', () => {
  const of = (level: Diagnosis['level'], area: Diagnosis['area'], text = `${level} ${area}`): Diagnosis => ({
    level,
    area,
    text,
  });
  const given = [
    of('ok', 'database'),
    of('broken', 'lease'),
    of('warning', 'kafka'),
    of('broken', 'kafka'),
    of('unknown', 'slot'),
    of('broken', 'kafka'),
  ];
  assert.deepEqual(
    ranked(given).map(({ text }) => text),
    ['broken kafka', 'broken lease', 'warning kafka', 'unknown slot', 'ok database'],
  );
});

test('clocks: what lies between the two readings of our own is no difference', () => {
  assert.equal(judgeClock({ before: 1000, after: 5000, server: 3000 }).level, 'ok');
  assert.equal(judgeClock({ before: 1000, after: 1100, server: 2000 }).level, 'ok');
  assert.match(
    line(judgeClock({ before: 10_000, after: 10_100, server: 5000 })),
    /^warning clock: the clock of PostgreSQL is 5\.0 s behind this machine's/,
  );
  assert.match(line(judgeClock({ before: 10_000, after: 10_100, server: 13_600 })), /3\.5 s ahead of/);
});

test("a broker's clock shows in the start of an ended transaction", () => {
  const transaction = (startedAtMs: number, state = 'CompleteCommit'): TransactionState => ({
    state,
    startedAtMs,
    timeoutMs: 60_000,
    partitions: {},
  });
  const at = (positionAtMs: number) => ({ ...NOTHING_STORED, positionAtMs });
  const [first, second] = [at(1_000_000), at(1_010_000)];
  assert.match(
    line(judgeBrokersClock({ transaction: transaction(1_005_000), first, second })),
    /^ok clock: the brokers' clock is not ahead/,
  );
  assert.match(
    line(judgeBrokersClock({ transaction: transaction(1_020_000), first, second })),
    /^warning clock: .* at least 10\.0 s ahead/,
  );
  assert.match(
    line(judgeBrokersClock({ transaction: transaction(900_000), first, second })),
    /^warning clock: .* at least 40\.0 s behind/,
  );
  // One that is open may have begun after the last position.
  assert.match(
    line(judgeBrokersClock({ transaction: transaction(1_020_000, 'Ongoing'), first, second })),
    /^ok clock: not looked at/,
  );
  assert.match(line(judgeBrokersClock({ transaction: null, first: null, second: null })), /^ok clock: not looked at/);
});

test('replicas: min.insync.replicas below 2 is said of topics with three', () => {
  assert.equal(weakDurability({ topic: 't', replicas: 1, minInSync: 1 }), null);
  assert.equal(weakDurability({ topic: 't', replicas: 2, minInSync: 1 }), null);
  assert.equal(weakDurability({ topic: 't', replicas: 3, minInSync: 2 }), null);
  assert.deepEqual(weakDurability({ topic: 't', replicas: 3, minInSync: 1 }), {
    text: 'topic "t" has 3 replicas and min.insync.replicas=1: a record counts as written when one broker has it, and is lost with that broker',
    statement: 'kafka-configs.sh --alter --entity-type topics --entity-name t --add-config min.insync.replicas=2',
  });
});

const topic = (
  over: Partial<TopicState['partitions'][number]>,
  operations: TopicState['operations'] = null,
): TopicState => ({
  topic: 't',
  internal: false,
  partitions: [{ partition: 0, leader: 1, replicas: [1, 2, 3], inSync: [1, 2, 3], ...over }],
  operations,
});

test('a partition without a leader, with too few replicas in sync, without the right to write', () => {
  const settings = { minInSync: 2, maxMessageBytes: 2_000_000 };
  const use = { role: 'events', maxRequestBytes: 1_000_000 } as const;
  assert.deepEqual(judgeTopic(topic({}), settings, use), []);
  assert.match(
    lines(judgeTopic(topic({ leader: -1 }), settings, use)),
    /^broken topic: topic "t" has no leader for partition 0: no broker that holds it \(1, 2, 3\) is there$/,
  );
  assert.match(
    lines(judgeTopic(topic({ inSync: [1] }), settings, use)),
    /^broken topic: topic "t" takes no records in partition 0: min\.insync\.replicas=2, and 1 of 3/,
  );
  assert.match(
    lines(judgeTopic(topic({}), { ...settings, minInSync: 1 }, use)),
    /^warning topic: .* 3 replicas and min\.insync\.replicas=1/,
  );
  assert.match(
    lines(judgeTopic(topic({}, new Set([OPERATION.READ])), settings, use)),
    /^broken rights: Kafka's ACLs do not allow WRITE on topic "t"/,
  );
  assert.match(
    lines(judgeTopic(topic({}, new Set([OPERATION.WRITE])), settings, { ...use, role: 'offsets' })),
    /do not allow READ on offsets topic "t"/,
  );
});

test('our own transaction: fresh is fine, hanging and undecided ones are not', () => {
  const now = 1_000_000;
  const state = (of: string, ageMs: number): TransactionState => ({
    state: of,
    startedAtMs: now - ageMs,
    timeoutMs: 60_000,
    partitions: { t: [0, 2] },
  });
  assert.match(lines(judgeTransaction('m', state('Ongoing', 1000), now)), /^ok/);
  assert.match(
    lines(judgeTransaction('m', state('Ongoing', 58_000), now)),
    /^warning transaction: the transaction of "m" is open since .* time-out is 60 s: t\/0,2$/,
  );
  assert.match(lines(judgeTransaction('m', state('PrepareCommit', 1000), now)), /^ok/);
  assert.match(
    lines(judgeTransaction('m', state('PrepareCommit', 20_000), now)),
    /^broken transaction: .* its end could not be written everywhere/,
  );
  assert.match(lines(judgeTransaction('m', state('CompleteAbort', 90_000), now)), /^ok .* is ended/);
  assert.match(lines(judgeTransaction('m', null, now)), /^ok .* never been used/);
});

const session = (over: Partial<LeaseSession>): LeaseSession => ({
  pid: 7,
  name: 'millrace/c',
  host: '10.0.0.1',
  since: '2026-01-01T00:00:00Z',
  silentMs: 100,
  holds: true,
  ...over,
});

test('the lease: at work, frozen, standing by, in the wrong hands, free', () => {
  assert.match(
    lines(judgeLease('c', [session({}), session({ pid: 8, holds: false })], true)),
    /^ok lease: the lease is held by process 7 \("millrace\/c" from 10\.0\.0\.1, since 2026-01-01T00:00:00Z\); 1 more stand by$/,
  );
  assert.match(
    lines(judgeLease('c', [session({ silentMs: 13_000 })], true)),
    /^broken lease: .* said nothing for 13 s .* frozen/,
  );
  // What we may not see is no accusation.
  assert.match(lines(judgeLease('c', [session({ silentMs: null })], true)), /^ok/);
  assert.match(
    lines(judgeLease('c', [session({ name: 'billing' })], false)),
    /^broken lease: advisory lock \(\d+, \d+\).*"billing".*not Millrace/,
  );
  assert.match(
    lines(judgeLease('c', [session({ holds: false })], false)),
    /^warning lease: nobody holds the lease, though process 7/,
  );
  assert.match(lines(judgeLease('c', [], false)), /^broken lease: no instance/);
  assert.match(
    lines(judgeLease('c', [], true)),
    /^broken lease: nobody holds the lease, though the connector's own walsender/,
  );
});

const settings = { slotName: 's' } as Parameters<typeof judgeSlot>[0];
const slot: SlotDetails = {
  plugin: 'pgoutput',
  type: 'logical',
  database: 'd',
  temporary: false,
  activePid: null,
  confirmed: '0/1',
  walStatus: 'reserved',
  invalidation: null,
  user: null,
  retainedBytes: 900 * 1024 * 1024,
  safeBytes: 100 * 1024 * 1024,
  limitBytes: 1024 * 1024 * 1024,
  inactiveSince: '2026-01-01T00:00:00Z',
  idleTimeoutSeconds: 0,
};

test('the slot: how much is left, who is at it, what ends it', () => {
  assert.match(
    lines(judgeSlot(settings, slot, 'ours')),
    /^warning slot: slot "s" will be lost after 100 MB more of log: it keeps 900 MB of log and max_slot_wal_keep_size is 1024 MB\nok slot: .* not in use since 2026-01-01T00:00:00\.000Z/,
  );
  assert.match(
    lines(judgeSlot(settings, { ...slot, walStatus: 'unreserved' }, 'ours')),
    /^warning slot: slot "s" is about to be lost/,
  );
  const roomy = { ...slot, safeBytes: null, limitBytes: null };
  assert.match(lines(judgeSlot(settings, roomy, 'ours')), /^ok slot: .* without limit/);
  assert.match(
    lines(judgeSlot(settings, { ...roomy, idleTimeoutSeconds: 600 }, 'ours')),
    /warning slot: .* idle_replication_slot_timeout is 600 s/,
  );
  const user = { name: 'ours', role: 'r', host: null, since: null, waitsFor: null };
  assert.match(
    lines(judgeSlot(settings, { ...roomy, activePid: 5, user }, 'ours')),
    /^ok slot: .* the connector's own\n/,
  );
  assert.match(
    lines(judgeSlot(settings, { ...roomy, activePid: 5, user: { ...user, waitsFor: 'WalSenderWriteData' } }, 'ours')),
    /^warning slot: .* waits to be read/,
  );
  assert.match(
    lines(judgeSlot(settings, { ...roomy, activePid: 5, user: { ...user, name: 'x' } }, 'ours')),
    /^broken slot: .*"x", role r, which is not this connector/,
  );
  // Without Kafka we do not know which of ours it is.
  assert.match(
    lines(judgeSlot(settings, { ...roomy, activePid: 5, user: { ...user, name: 'millrace/walsender/1' } }, null)),
    /^ok slot: .* an instance of Millrace/,
  );
});

test('open transactions: the old, and those of unknown age that are there at both looks', () => {
  const writer = (over: Partial<OpenWriter>): OpenWriter => ({
    pid: 1,
    gid: null,
    xid: '100',
    name: 'job',
    role: 'r',
    state: 'active',
    since: '2026-01-01T00:00:00Z',
    ageMs: 60_000,
    ...over,
  });
  assert.match(
    lines(judgeOpenWriters([writer({})], [], false)),
    /^warning slot: the transaction of process 1 \("job", role r, active\) is open since .* \(60 s\) and has written$/,
  );
  assert.deepEqual(judgeOpenWriters([writer({ ageMs: 5000 })], [], false), []);
  assert.match(lines(judgeOpenWriters([writer({ ageMs: 5000 })], [], true)), /^broken slot/);
  const hidden = writer({ ageMs: null, since: null, state: null });
  assert.deepEqual(judgeOpenWriters([hidden], [], false), []);
  assert.match(
    lines(judgeOpenWriters([hidden], [hidden], false)),
    /state not shown to this role\) is open at both looks/,
  );
  const [prepared] = judgeOpenWriters([writer({ pid: null, gid: 'two-phase' })], [], false);
  assert.match(prepared?.remedy ?? '', /^COMMIT PREPARED 'two-phase', or ROLLBACK PREPARED/);
});

test('the position: moves, stands still with and without an instance, restarts, was never there', () => {
  const now = 2_000_000;
  const position = (lsn: string) => ({ system: '1', timeline: 1, lsn, ordinal: 0 });
  const claim = (number: number, host = 'a') => ({
    connector: 'c',
    transactionalId: 'm',
    host,
    version: '1',
    number,
    system: '1',
    database: 'd',
    timeline: 1,
    ancestors: [1],
    intent: 's',
  });
  const look = (lsn: string, flush: string, over: Partial<PositionLook> = {}): PositionLook => ({
    position: position(lsn),
    positionAtMs: now - 60_000,
    claim: claim(1),
    claimAtMs: 0,
    flush,
    ...over,
  });
  const judge = (first: PositionLook, second: PositionLook, isHeld = true): string =>
    lines(judgePosition({ first, second, isHeld, watchMs: 3000, nowMs: now, system: '1' }));
  assert.match(
    judge(look('0/10', '0/100'), look('0/100', '0/100')),
    /^ok position: stored position 0\/100.*by claim 1 of host a.*: at the end of the log; it moved within 3 s/,
  );
  assert.match(
    judge(look('0/10', '0/100'), look('0/10', '0/200')),
    /^broken position: .* is 496 bytes behind the end of the log \(0\/200\) and did not move within 3 s, while the log grew by 256 bytes$/,
  );
  assert.match(judge(look('0/10', '0/100'), look('0/10', '0/200'), false), /^warning position/);
  const fresh = { positionAtMs: now - 1000 };
  assert.match(judge(look('0/10', '0/100', fresh), look('0/10', '0/200', fresh)), /^warning position/);
  assert.match(
    judge(look('0/10', '0/100'), look('0/100', '0/100', { claim: claim(4, 'b') })),
    /^warning position: the connector was opened 3 times within 3 s, by hosts a and b\nok/,
  );
  const none = { position: null, positionAtMs: null, claim: null, claimAtMs: null, flush: '0/1' };
  assert.match(judge(none, none), /^warning position: no position is stored: the connector has never/);
  assert.match(
    judge({ ...none, claim: claim(2) }, { ...none, claim: claim(2) }),
    /^warning position: no position is stored, though claim 2/,
  );
});

test('what the router needs and makes', () => {
  const config = connectorConfig('c', {
    'transforms.o.route.topic.replacement': 'a.b.${routedByValue}',
    'transforms.o.table.fields.additional.placement': 'tenant:header',
  });
  assert.deepEqual(
    neededColumns(config).map(({ column }) => column),
    ['id', 'aggregateid', 'payload', 'aggregatetype', 'tenant'],
  );
  const pattern = topicPattern(config);
  assert.deepEqual(
    [pattern?.test('a.b.order'), pattern?.test('aXb.order'), pattern?.test('a.b.')],
    [true, false, false],
  );
  assert.equal(exampleTopic(config), 'a.b.example');
  assert.equal(
    topicPattern(connectorConfig('c', { 'transforms.o.route.topic.replacement': '${routedByValue}' })),
    null,
  );
});

test('certificates in words', () => {
  assert.deepEqual(
    [
      'CERT_HAS_EXPIRED',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'ECONNRESET',
    ].map((code) => certificateTrouble(code)?.mend ?? null),
    ['certificate', 'name', 'authority', 'authority', null],
  );
});
