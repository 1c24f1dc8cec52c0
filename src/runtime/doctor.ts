/** Why a connector does not deliver: both servers are looked at at the same time, twice; nothing is changed. */
import { AREAS, type Diagnosis } from '../change/finding.ts';
import type { ConnectorConfig } from '../config/connector.ts';
import { MillraceError } from '../errors.ts';
import type { Clock, Log } from '../ports.ts';
import { type KafkaExamination, examineKafka } from '../sink/kafka/doctor.ts';
import type { TransactionState } from '../kafka/open-transactions.ts';
import type { Stored } from '../sink/kafka/offsets.ts';
import { clashFinding } from '../sink/kafka/plan.ts';
import { type DatabaseExamination, type StoredInKafka, examineDatabase } from '../source/postgres/doctor.ts';
import { type PositionLook, judgePosition } from '../source/postgres/doctor-position.ts';
import { postgresSettings, sinkSettings } from './assemble.ts';
import { exampleTopic, neededColumns, topicPattern } from './doctor-router.ts';

export interface DoctorContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Time between the two looks. */
  readonly watchMs: number;
}

/** Kafka is heard first, so the database's questions get the longer time; together with a short watch below 20 s. */
const KAFKA_WITHIN_MS = 12_000;
const DATABASE_WITHIN_MS = 16_000;

/** Everything that was found, worst first. Throws only when the signal is aborted. */
export async function diagnose(config: ConnectorConfig, context: DoctorContext): Promise<readonly Diagnosis[]> {
  try {
    return ranked(await examine(config, context));
  } catch (error) {
    if (!(error instanceof MillraceError) || context.signal.aborted) throw error;
    return [{ level: 'broken', area: 'configuration', text: error.message }];
  }
}

async function examine(config: ConnectorConfig, context: DoctorContext): Promise<readonly Diagnosis[]> {
  const { log, clock, signal, watchMs } = context;
  const settings = postgresSettings(config);
  const { promise: stored, resolve } = Promise.withResolvers<StoredInKafka | null>();
  const pattern = topicPattern(config);
  const [kafka, database] = await Promise.all([
    examineKafka({
      settings: sinkSettings(config),
      isTarget: (topic) => pattern?.test(topic) ?? false,
      exampleTopic: pattern === null ? null : exampleTopic(config),
      watchMs,
      onStored: (found) => resolve(found === null ? null : { ...found.stored, clusterId: found.clusterId }),
      log,
      clock,
      signal,
      deadlineMs: KAFKA_WITHIN_MS,
    }),
    examineDatabase({
      settings,
      needed: neededColumns(config),
      stored,
      watchMs,
      clock,
      signal,
      deadlineMs: DATABASE_WITHIN_MS,
    }),
  ]);
  return [
    ...kafka.diagnoses,
    ...database.diagnoses,
    ...clash(config, kafka, database),
    ...position(kafka, database, context),
    judgeBrokersClock(kafka),
  ];
}

function clash(config: ConnectorConfig, { first }: KafkaExamination, { facts }: DatabaseExamination): Diagnosis[] {
  if (first === null || facts === null) return [];
  const ancestors = facts.ancestors.map(({ timeline }) => timeline);
  const found = clashFinding(config.name, first, { ...facts, ancestors, intent: config.slotName });
  return found.map(({ text }) => ({ level: 'broken', area: 'position', text }));
}

function position(kafka: KafkaExamination, database: DatabaseExamination, context: DoctorContext): Diagnosis[] {
  const { first, second } = kafka;
  if (first === null) return [];
  const [flushThen, flushNow] = database.flush;
  const look = (stored: typeof first, flush: string | null): PositionLook => ({ ...stored, flush });
  return judgePosition({
    first: look(first, flushThen),
    second: look(second ?? first, flushNow),
    watchMs: context.watchMs,
    nowMs: context.clock.now(),
    isHeld: database.isHeld,
    system: database.facts?.system ?? null,
  });
}

const CLOCKS_APART_MS = 1000;

/**
 * Kafka tells nobody its time without a write. But a transaction that is ended began, by its coordinator's clock, before
 * the connector wrote the time of its position or claim into it, and no longer before than its time-out. Pure.
 */
export function judgeBrokersClock(of: {
  /** Asked for between the two looks. */
  readonly transaction: TransactionState | null;
  readonly first: Stored | null;
  readonly second: Stored | null;
}): Diagnosis {
  const { transaction } = of;
  const writtenAt = (stored: Stored | null): number => Math.max(stored?.positionAtMs ?? 0, stored?.claimAtMs ?? 0);
  const [before, after] = [writtenAt(of.first), writtenAt(of.second ?? of.first)];
  if (transaction?.startedAtMs == null || transaction.state !== 'CompleteCommit' || before === 0) {
    const text = "not looked at: the brokers' clock, which Kafka tells only to those who write";
    return { level: 'ok', area: 'clock', text };
  }
  const aheadMs = transaction.startedAtMs - after;
  const behindMs = before - transaction.startedAtMs - transaction.timeoutMs;
  const words = {
    level: 'warning',
    area: 'clock',
    means: 'retention and transaction time-outs go by the brokers, the times in events by the connector',
    remedy: 'timedatectl timesync-status on both machines',
  } as const;
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  if (aheadMs > CLOCKS_APART_MS) {
    const text = `the clock of a broker is at least ${seconds(aheadMs)} s ahead of that of the machine that ran the connector`;
    return { ...words, text };
  }
  if (behindMs > CLOCKS_APART_MS) {
    const text = `the clock of a broker is at least ${seconds(behindMs)} s behind that of the machine that ran the connector`;
    return { ...words, text };
  }
  const text = "the brokers' clock is not ahead of the connector's, as far as can be told without a write";
  return { level: 'ok', area: 'clock', text };
}

const LEVELS: readonly Diagnosis['level'][] = ['broken', 'warning', 'unknown', 'ok'];

/** Worst first; of equals, what causes others before what follows from it. The same said twice is said once. */
export function ranked(diagnoses: readonly Diagnosis[]): readonly Diagnosis[] {
  const once = new Map(diagnoses.map((each) => [`${each.level} ${each.text}`, each]));
  const rank = ({ level, area }: Diagnosis): number => LEVELS.indexOf(level) * AREAS.length + AREAS.indexOf(area);
  return [...once.values()].sort((a, b) => rank(a) - rank(b));
}

/** Something keeps the connector from delivering. */
export function isIll(diagnoses: readonly Diagnosis[]): boolean {
  return diagnoses.some(({ level }) => level === 'broken');
}
