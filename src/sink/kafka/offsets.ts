/** The offsets topic: positions and claims as records. Its format is versioned; what is not understood is refused. */
import type { Claim } from '../../change/claim.ts';
import type { OutRecord } from '../../change/message.ts';
import type { Position } from '../../change/position.ts';
import { MillraceError } from '../../errors.ts';
import { partitionOf } from '../../kafka/partition.ts';
import type { PartitionList } from '../../kafka/open-transactions.ts';
import type { CommittedRecord } from '../../kafka/reader.ts';
import { type TopicContext, type TopicCreation, ensureTopic, topicConfigs } from '../../kafka/topics.ts';

const FORMAT = 1;
const PARTITIONS = 16;
const PARTITIONS_HEADER = 'partitions';
/** What kafkajs does not decode. */
const COMPRESSED: readonly string[] = ['snappy', 'lz4', 'zstd'];

/** What the offsets topic says about one connector. */
export interface Stored {
  readonly position: Position | null;
  /** When the position was written, in milliseconds since 1970-01-01 UTC; null without one. */
  readonly positionAtMs: number | null;
  readonly claim: Claim | null;
  readonly claimAtMs: number | null;
}

const positionKey = (connector: string): Buffer => Buffer.from(JSON.stringify({ connector }));
const claimKey = (connector: string): Buffer => Buffer.from(JSON.stringify({ connector, claim: true }));

/** The partition of everything that concerns a connector: that of its position's key. */
export function offsetsPartition(connector: string, count: number): number {
  return partitionOf(positionKey(connector), count);
}

/** `partitions` are those of the transaction: whoever comes next can find out what became of it in each of them. */
export function positionRecord(
  topic: string,
  of: { readonly connector: string; readonly position: Position; readonly partitions: PartitionList },
  now: number,
): OutRecord {
  const record = offsetsRecord(topic, positionKey(of.connector), { version: FORMAT, ...of.position }, now);
  return { ...record, headers: [{ name: PARTITIONS_HEADER, value: Buffer.from(JSON.stringify(of.partitions)) }] };
}

/** The partitions that a position record of this connector names; null for any other record. */
export function partitionsOf(
  record: { readonly key: Buffer | null; readonly headers: Readonly<Record<string, Buffer | Buffer[] | undefined>> },
  connector: string,
): PartitionList | null {
  if (!record.key?.equals(positionKey(connector))) return null;
  const header = record.headers[PARTITIONS_HEADER];
  return header instanceof Buffer ? (JSON.parse(header.toString('utf8')) as PartitionList) : {};
}

/** Takes a stored position back. */
export function resetRecord(topic: string, connector: string, now: number): OutRecord {
  return { topic, key: positionKey(connector), value: null, headers: [], timestampMs: now };
}

export function claimRecord(topic: string, claim: Claim, now: number): OutRecord {
  return offsetsRecord(topic, claimKey(claim.connector), { format: FORMAT, ...claim }, now);
}

function offsetsRecord(topic: string, key: Buffer, value: object, now: number): OutRecord {
  return { topic, key, value: Buffer.from(JSON.stringify(value)), headers: [], timestampMs: now };
}

export const NOTHING_STORED: Stored = Object.freeze({
  position: null,
  positionAtMs: null,
  claim: null,
  claimAtMs: null,
});

/**
 * What is stored of a connector after further records, of all partitions. A tombstone is a reset. Throws `refused` for
 * a record in another partition than today's and for a format of a newer version.
 */
export function foldStored(
  before: Stored,
  records: readonly CommittedRecord[],
  of: { readonly connector: string; readonly partitions: number },
): Stored {
  const { connector, partitions } = of;
  const expected = offsetsPartition(connector, partitions);
  const keys = { position: positionKey(connector), claim: claimKey(connector) };
  let { position, positionAtMs, claim, claimAtMs } = before;
  for (const record of records) {
    const isPosition = record.key?.equals(keys.position) ?? false;
    const isClaim = record.key?.equals(keys.claim) ?? false;
    if (!isPosition && !isClaim) continue;
    if (record.partition !== expected) {
      throw new MillraceError(
        'refused',
        `the offsets topic holds connector "${connector}" in partition ${record.partition}, but with ${partitions} partitions it belongs in ${expected}: ` +
          'partitions were added. Re-create the topic with its old number of partitions from a backup',
      );
    }
    const atMs = record.value === null ? null : record.timestampMs;
    if (isPosition) {
      position = record.value === null ? null : decodePosition(record, connector);
      positionAtMs = atMs;
    } else {
      claim = record.value === null ? null : decodeClaim(record, connector);
      claimAtMs = atMs;
    }
  }
  return { position, positionAtMs, claim, claimAtMs };
}

function decodePosition(record: CommittedRecord, connector: string): Position {
  const { version, ...position } = parse(record, connector);
  checkFormat(version, connector);
  return position as Position;
}

function decodeClaim(record: CommittedRecord, connector: string): Claim {
  const { format, ...claim } = parse(record, connector);
  checkFormat(format, connector);
  return claim as unknown as Claim;
}

function parse(record: CommittedRecord, connector: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(String(record.value));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // said below
  }
  throw new MillraceError(
    'refused',
    `the offsets topic's record of connector "${connector}" at partition ${record.partition}, offset ${record.offset} is not a JSON object: ` +
      'another program writes to the topic. Set offsets.topic to a topic of our own',
  );
}

function checkFormat(format: unknown, connector: string): void {
  if (format === FORMAT) return;
  throw new MillraceError(
    'refused',
    `the offsets of connector "${connector}" have format ${String(format)}, this version knows ${FORMAT}: run the version that wrote them, or a newer one`,
  );
}

/** How the offsets topic is created. */
export function offsetsTopicCreation(replicationFactor: number): TopicCreation {
  const configs = {
    'cleanup.policy': 'compact',
    // As we send it, which is uncompressed, whatever the brokers' own compression.type is: it has to be read back.
    'compression.type': 'producer',
    'segment.bytes': String(16 * 1024 * 1024),
    'segment.ms': '600000',
    'max.compaction.lag.ms': '600000',
    'min.cleanable.dirty.ratio': '0.1',
    'unclean.leader.election.enable': 'false',
    ...(replicationFactor >= 3 ? { 'min.insync.replicas': '2' } : {}),
  };
  return { enable: true, partitions: PARTITIONS, replicationFactor, configs };
}

/** Creates the offsets topic, or checks that an existing one keeps what it is given; gives its partitions' leaders. */
export async function ensureOffsetsTopic(
  context: TopicContext,
  topic: string,
  replicationFactor: number,
): Promise<readonly number[]> {
  const leaders = await ensureTopic(context, topic, offsetsTopicCreation(replicationFactor));
  const { refusals, warnings } = await judgeOffsetsTopic(context, topic);
  if (refusals[0] !== undefined) throw refusals[0];
  for (const { message } of warnings) context.log.warn(message);
  return leaders;
}

/** What stands against an existing offsets topic, or should be known of it. */
export async function judgeOffsetsTopic(
  context: TopicContext,
  topic: string,
): Promise<{ readonly refusals: readonly MillraceError[]; readonly warnings: readonly MillraceError[] }> {
  const refusals: MillraceError[] = [];
  const warnings: MillraceError[] = [];
  const found = await topicConfigs(context, topic, [
    'cleanup.policy',
    'compression.type',
    'unclean.leader.election.enable',
  ]);
  const alter = `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config`;
  const policy = found.get('cleanup.policy');
  const refusal = (text: string, setting: string): MillraceError => {
    const statement = `${alter} ${setting}`;
    return new MillraceError('refused', `offsets topic "${topic}" ${text}. Run: ${statement}`, { statement });
  };
  if (policy !== 'compact') {
    const text = `has cleanup.policy=${policy}, expected compact: positions would be deleted after a while`;
    refusals.push(refusal(text, 'cleanup.policy=compact'));
  }
  const compression = found.get('compression.type') ?? '';
  if (COMPRESSED.includes(compression)) {
    const text = `has compression.type=${compression}, expected producer: the brokers would compress positions as we do not read them`;
    refusals.push(refusal(text, 'compression.type=producer'));
  }
  if (found.get('unclean.leader.election.enable') === 'true') {
    const text = 'has unclean.leader.election.enable=true: an election may lose positions, which would repeat events';
    warnings.push(refusal(text, 'unclean.leader.election.enable=false'));
  }
  return { refusals, warnings };
}
