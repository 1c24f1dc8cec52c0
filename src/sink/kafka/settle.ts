/**
 * A transaction that its coordinator has ended, but not in every partition (docs/decisions/0007): its records there stay
 * undecided, and would be taken along by whatever ends next. Before anything new is written the partitions are told.
 */
import type { PartitionAt, PartitionList } from '../../kafka/open-transactions.ts';
import { isOpen } from '../../kafka/open-transactions.ts';
import { type TopicContext, endOffsets, topicLeaders, topicStarts } from '../../kafka/topics.ts';
import { PartitionTarget, type TransactionalWriter } from '../../kafka/writer.ts';
import { MillraceError } from '../../errors.ts';

const WITHIN_MS = 10_000;

/** The last transaction that wrote a position of this connector, as far as the offsets topic tells. */
export interface LastTransaction {
  /** Those that it wrote to, and the one of the position itself. */
  readonly partitions: PartitionList;
  /** A committed reader sees its position. */
  readonly isVisible: boolean;
}

export async function settle(of: {
  readonly topics: TopicContext;
  readonly writer: TransactionalWriter;
  readonly last: LastTransaction;
}): Promise<void> {
  const { topics, writer, last } = of;
  const { previous, producerId } = writer;
  if (previous === null) return;
  // "Empty": whoever opened before us did not get as far as this. Then only a visible position proves a commit, and
  // without a proof the records are sent again rather than lost.
  const isCommitted = previous.state.endsWith('Commit') || (previous.state === 'Empty' && last.isVisible);
  const ending = isCommitted ? 'commit' : 'abort';
  const candidates = await find(topics, [previous.partitions, last.partitions]);
  const undecided = await undecidedOf(topics, candidates, producerId, (open) => open !== false); // a marker too many does no harm
  if (undecided.length === 0) return;
  topics.log.warn(`the last Kafka transaction ended without ${undecided.length} of its partitions; telling them`, {
    ending,
    partitions: undecided.slice(0, 20).map(({ topic, partition }) => `${topic}/${partition}`),
  });
  await writer.settle(undecided, ending);
  const until = topics.clock.now() + WITHIN_MS;
  for (let left = undecided; left.length > 0; ) {
    if (topics.clock.now() > until) {
      throw new MillraceError(
        'kafka-unavailable',
        `topic "${left[0]?.topic}" partition ${left[0]?.partition} does not decide on the last transaction of this connector: expected within ${WITHIN_MS} ms`,
      );
    }
    await topics.clock.sleep(10, topics.signal);
    left = await undecidedOf(topics, left, producerId, (open) => open === true);
  }
}

async function find(topics: TopicContext, lists: readonly PartitionList[]): Promise<readonly PartitionTarget[]> {
  const wanted = new Map<string, Set<number>>();
  for (const list of lists) {
    for (const [topic, partitions] of Object.entries(list)) {
      wanted.set(topic, new Set([...(wanted.get(topic) ?? []), ...partitions]));
    }
  }
  const found = await Promise.all(
    Array.from(wanted, async ([topic, partitions]) => {
      if ((await topicLeaders(topics, topic)) === null) return [];
      // Waits for leaders that have just been elected: a run that ended here would leave the next one without the
      // coordinator's word, which is gone once we have fenced.
      const starts = await topicStarts(topics, topic);
      return starts
        .filter(({ partition }) => partitions.has(partition))
        .map(({ partition, leader }) => new PartitionTarget({ topic, partition, leader, maxBatchBytes: 0 }));
    }),
  );
  return found.flat();
}

/** Where something is undecided, and, by `isOurs`, of ours; it hears null where we may not know. */
async function undecidedOf<T extends PartitionAt>(
  { cluster }: TopicContext,
  partitions: readonly T[],
  producerId: bigint,
  isOurs: (open: boolean | null) => boolean,
): Promise<readonly T[]> {
  const [stable, written] = await Promise.all([
    endOffsets(cluster, partitions, 'stable'),
    endOffsets(cluster, partitions, 'written'),
  ]);
  const held = partitions.filter((_, i) => (stable[i] ?? 0n) < (written[i] ?? 0n));
  const open = await Promise.all(held.map((partition) => isOpen(cluster, partition, producerId)));
  return held.filter((_, i) => isOurs(open[i] ?? null));
}
