/** Whether the topics take our records: leaders, replicas, rights, sizes. */
import type { Diagnosis } from '../../change/finding.ts';
import { MillraceError } from '../../errors.ts';
import { OPERATION, type TopicState } from '../../kafka/cluster-state.ts';
import { type TopicContext, topicConfigs } from '../../kafka/topics.ts';
import { weakDurability } from './durability.ts';

/** More target topics than this are only counted: a diagnosis has seconds. */
export const MOST_TOPICS = 200;

type Role = 'offsets' | 'events';

interface Use {
  readonly role: Role;
  readonly maxRequestBytes: number;
}

export async function topicHealth(context: TopicContext, state: TopicState, use: Use): Promise<Diagnosis[]> {
  return judgeTopic(state, await settingsOf(context, state.topic), use);
}

/** Pure; without settings what depends on them is not said. */
export function judgeTopic(
  state: TopicState,
  settings: TopicSettings | null,
  { role, maxRequestBytes }: Use,
): Diagnosis[] {
  const minInSync = settings?.minInSync ?? 1;
  const ofEvents =
    role === 'offsets' || settings === null
      ? []
      : [...weak(state, minInSync), ...tooSmall(state.topic, settings.maxMessageBytes, maxRequestBytes)];
  return [
    ...leaderless(state, role),
    ...underReplicated(state, minInSync, role),
    ...missingRights(state, role),
    ...ofEvents,
  ];
}

interface TopicSettings {
  readonly minInSync: number;
  readonly maxMessageBytes: number;
}

/** null without the right to describe the topic's settings, which event topics need not give. */
async function settingsOf(context: TopicContext, topic: string): Promise<TopicSettings | null> {
  try {
    const found = await topicConfigs(context, topic, ['min.insync.replicas', 'max.message.bytes']);
    return {
      minInSync: Number(found.get('min.insync.replicas') ?? 1),
      maxMessageBytes: Number(found.get('max.message.bytes') ?? Number.POSITIVE_INFINITY),
    };
  } catch (error) {
    if (error instanceof MillraceError && error.kind === 'kafka-rejected') return null;
    throw error;
  }
}

function leaderless({ topic, partitions }: TopicState, role: Role): Diagnosis[] {
  const dead = partitions.filter(({ leader }) => leader < 0);
  if (dead.length === 0) return [];
  const wanted = [...new Set(dead.flatMap(({ replicas }) => replicas))].join(', ');
  return [
    {
      level: 'broken',
      area: 'topic',
      text: `${named(role, topic)} has no leader for partition ${numbers(dead)}: no broker that holds it (${wanted}) is there`,
      means:
        role === 'offsets'
          ? 'the stored position cannot be read or written: the connector waits and tries again'
          : 'events for these partitions cannot be written, and those behind them wait',
      remedy: `start the broker that is missing (${wanted}); see: kafka-topics.sh --describe --unavailable-partitions`,
    },
  ];
}

function underReplicated({ topic, partitions }: TopicState, minInSync: number, role: Role): Diagnosis[] {
  const few = partitions.filter(({ leader, inSync }) => leader >= 0 && inSync.length < minInSync);
  if (few.length === 0) return [];
  const impossible = few.every(({ replicas }) => replicas.length < minInSync);
  return [
    {
      level: 'broken',
      area: 'topic',
      text:
        `${named(role, topic)} takes no records in partition ${numbers(few)}: ` +
        `min.insync.replicas=${minInSync}, and ${few[0]?.inSync.length ?? 0} of ${few[0]?.replicas.length ?? 0} replicas are in sync`,
      means: 'the brokers refuse every write there (NOT_ENOUGH_REPLICAS) until enough replicas are in sync',
      remedy: impossible
        ? `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config min.insync.replicas=${few[0]?.replicas.length ?? 1}`
        : 'start the brokers that hold the missing replicas; see: kafka-topics.sh --describe --under-min-isr-partitions',
    },
  ];
}

const NEEDED = { offsets: ['READ', 'WRITE'], events: ['WRITE'] } as const;

function missingRights({ topic, operations }: TopicState, role: Role): Diagnosis[] {
  if (operations === null) return [];
  const missing = NEEDED[role].filter((name) => !operations.has(OPERATION[name]));
  if (missing.length === 0) return [];
  return [
    {
      level: 'broken',
      area: 'rights',
      text: `Kafka's ACLs do not allow ${missing.join(' and ')} on ${named(role, topic)}`,
      means: role === 'offsets' ? 'the position cannot be kept' : 'events for it are refused, and the connector stops',
      remedy: `kafka-acls.sh --add --allow-principal User:NAME --topic ${topic} ${missing.map((each) => `--operation ${each}`).join(' ')}`,
    },
  ];
}

function weak({ topic, partitions }: TopicState, minInSync: number): Diagnosis[] {
  const replicas = Math.min(...partitions.map((each) => each.replicas.length));
  const found = weakDurability({ topic, replicas, minInSync });
  return found === null ? [] : [{ level: 'warning', area: 'topic', text: found.text, remedy: found.statement }];
}

function tooSmall(topic: string, topicBytes: number, requestBytes: number): Diagnosis[] {
  if (topicBytes >= requestBytes) return [];
  return [
    {
      level: 'warning',
      area: 'topic',
      text: `topic "${topic}" takes records of ${topicBytes} bytes at most (max.message.bytes), and kafka.max.request.size is ${requestBytes}`,
      means: 'an event between the two stops the connector',
      remedy: `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config max.message.bytes=${requestBytes}`,
    },
  ];
}

function named(role: Role, topic: string): string {
  return role === 'offsets' ? `offsets topic "${topic}"` : `topic "${topic}"`;
}

function numbers(of: readonly { readonly partition: number }[]): string {
  const shown = of.slice(0, 8).map(({ partition }) => partition);
  return `${shown.join(', ')}${of.length > shown.length ? ` and ${of.length - shown.length} more` : ''}`;
}
