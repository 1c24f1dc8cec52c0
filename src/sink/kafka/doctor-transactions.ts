/** Open transactions: ours as its coordinator sees it, and whoever keeps committed readers from going on. */
import type { Diagnosis } from '../../change/finding.ts';
import { type Cluster, findCoordinator } from '../../kafka/cluster.ts';
import {
  type PartitionAt,
  type TransactionState,
  describeTransaction,
  firstOpen,
} from '../../kafka/open-transactions.ts';
import { endOffsets } from '../../kafka/topics.ts';

/** A marker is written within milliseconds; a coordinator that needs longer does not get through to a partition. */
const MARKERS_WITHIN_MS = 10_000;
const MOST_HOLDERS = 20;

export async function ownTransaction(
  cluster: Cluster,
  transactionalId: string,
  nowMs: number,
): Promise<{ readonly diagnoses: readonly Diagnosis[]; readonly state: TransactionState | null }> {
  const coordinator = await findCoordinator(cluster, 'transaction', transactionalId);
  const state = await describeTransaction(coordinator, transactionalId);
  return { state, diagnoses: judgeTransaction(transactionalId, state, nowMs) };
}

/** Pure. */
export function judgeTransaction(transactionalId: string, state: TransactionState | null, nowMs: number): Diagnosis[] {
  if (state === null || state.startedAtMs === null) {
    const text = `transactional.id "${transactionalId}" has ${state === null ? 'never been used here' : 'no open transaction'}`;
    return [{ level: 'ok', area: 'transaction', text }];
  }
  if (state.state.startsWith('Complete')) {
    const text = `the last transaction of "${transactionalId}" began at ${new Date(state.startedAtMs).toISOString()} and is ended (${state.state})`;
    return [{ level: 'ok', area: 'transaction', text }];
  }
  const ageMs = nowMs - state.startedAtMs;
  const since = `since ${new Date(state.startedAtMs).toISOString()} (${seconds(ageMs)} s)`;
  const where = Object.entries(state.partitions)
    .map(([topic, partitions]) => `${topic}/${partitions.join(',')}`)
    .join(' ');
  if (state.state.startsWith('Prepare') && ageMs > MARKERS_WITHIN_MS) {
    return [
      {
        level: 'broken',
        area: 'transaction',
        text: `the transaction of "${transactionalId}" is decided (${state.state}), but its end could not be written everywhere ${since}: ${where}`,
        means: 'no further transaction can begin, and committed readers of these partitions wait',
        remedy: 'look for a partition without a leader among them: kafka-topics.sh --describe --unavailable-partitions',
      },
    ];
  }
  if (state.state === 'Ongoing' && ageMs > state.timeoutMs * 0.9) {
    return [
      {
        level: 'warning',
        area: 'transaction',
        text: `the transaction of "${transactionalId}" is open ${since}, and its time-out is ${seconds(state.timeoutMs)} s: ${where}`,
        means: 'committed readers of these partitions wait for it; the brokers end it soon',
        remedy: 'the next start of the connector ends it at once',
      },
    ];
  }
  const text = `a transaction of "${transactionalId}" is ${state.state} ${since}`;
  return [{ level: 'ok', area: 'transaction', text }];
}

/** Partitions in which committed readers do not get to the end, with who is in the way. */
export async function heldPartitions(
  cluster: Cluster,
  partitions: readonly PartitionAt[],
  of: { readonly transactionalId: string; readonly offsetsTopic: string; readonly nowMs: number },
): Promise<Diagnosis[]> {
  const led = partitions.filter(({ leader }) => leader >= 0);
  // Written first: a transaction that ends in between counts as ended.
  const written = await endOffsets(cluster, led, 'written');
  const stable = await endOffsets(cluster, led, 'stable');
  const held = led.flatMap((at, i) =>
    (stable[i] ?? 0n) < (written[i] ?? 0n) ? [{ at, stable: stable[i] ?? 0n }] : [],
  );
  const out: Diagnosis[] = [];
  for (const { at, stable: offset } of held.slice(0, MOST_HOLDERS)) {
    const open = await firstOpen(cluster, at).catch(() => null);
    out.push(...holding(at, offset, open, of));
  }
  if (held.length > MOST_HOLDERS) {
    const text = `open transactions hold ${held.length - MOST_HOLDERS} further partitions back`;
    out.push({ level: 'warning', area: 'transaction', text, remedy: 'kafka-transactions.sh list' });
  }
  if (held.length === 0) {
    out.push({ level: 'ok', area: 'transaction', text: 'committed readers get to the end of every partition' });
  }
  return out;
}

function holding(
  { topic, partition }: PartitionAt,
  offset: bigint,
  open: Awaited<ReturnType<typeof firstOpen>>,
  of: { readonly transactionalId: string; readonly offsetsTopic: string; readonly nowMs: number },
): Diagnosis[] {
  const place = `topic "${topic}" partition ${partition}`;
  if (open === null) {
    const text = `an open transaction, of whom the brokers do not tell us, ends what committed readers see of ${place} at offset ${offset}`;
    return [{ level: 'warning', area: 'transaction', text, remedy: 'kafka-transactions.sh list' }];
  }
  const ageMs = of.nowMs - open.lastAtMs;
  const since = `its last record is of ${new Date(open.lastAtMs).toISOString()} (${seconds(ageMs)} s ago)`;
  const isOffsets = topic === of.offsetsTopic;
  if (open.transactionalId === of.transactionalId) {
    // Our own: judged by its coordinator's word. Between a commit and its markers this is normal.
    const text = `our own transaction is open in ${place}; ${since}`;
    return [{ level: 'ok', area: 'transaction', text }];
  }
  const hanging = open.transactionalId === null;
  const who = hanging
    ? `a producer that no coordinator knows any more (producer id ${open.producerId})`
    : `"${open.transactionalId}" (producer id ${open.producerId})`;
  return [
    {
      level: hanging || ageMs > 60_000 ? 'broken' : 'warning',
      area: 'transaction',
      text: `an open transaction of ${who} ends what committed readers see of ${place} at offset ${offset}; ${since}`,
      means: isOffsets
        ? 'a start of the connector waits until it ends: stored positions behind it cannot be read'
        : 'events are written, but read_committed consumers of the partition do not see them until it ends',
      remedy: hanging
        ? `kafka-transactions.sh abort --topic ${topic} --partition ${partition} --start-offset ${open.startOffset}`
        : `stop that producer, or end it: kafka-transactions.sh forceTerminateTransaction --transactional-id ${open.transactionalId ?? ''}`,
    },
  ];
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 1000));
}
