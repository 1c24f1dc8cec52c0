/** Reading and changing what is stored of a connector, for an operator: a change is made as an owner would make it. */
import { isDeepStrictEqual } from 'node:util';
import { Records } from '../change/records.ts';
import type { Position } from '../change/position.ts';
import type { ConnectorConfig } from '../config/connector.ts';
import { MillraceError } from '../errors.ts';
import type { Clock, Log } from '../ports.ts';
import { NOTHING_STORED, type Stored } from '../sink/kafka/offsets.ts';
import { readStored } from '../sink/kafka/stored.ts';
import { foretellReset, foretellSet } from '../source/postgres/foretell.ts';
import { leaseHeld } from '../source/postgres/lease.ts';
import { positionInWords } from '../source/postgres/position.ts';
import { announces } from '../source/postgres/slot.ts';
import { type Standing, bytesBehind, readStanding } from '../source/postgres/standing.ts';
import { createSink, createSource, kafkaSettings, postgresSettings } from './assemble.ts';
import { ConnectorStatus } from './status.ts';

export interface OffsetsContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface OffsetsView {
  readonly stored: Stored;
  /** The stored position in words; null if there is none. */
  readonly position: string | null;
  /** False: there is no offsets topic yet. */
  readonly topicExists: boolean;
  /** Or why the database could not be asked. */
  readonly standing: Standing | MillraceError;
}

/** Changes nothing. Throws when Kafka cannot be asked. */
export async function viewOffsets(config: ConnectorConfig, context: OffsetsContext): Promise<OffsetsView> {
  const { name, values } = config;
  const [stored, standing] = await Promise.all([
    readStored({ kafka: kafkaSettings(config), offsetsTopic: values.offsetsTopic, connector: name, ...context }),
    readStanding(postgresSettings(config), context.signal).catch((error: unknown) => {
      if (error instanceof MillraceError) return error;
      throw error;
    }),
  ]);
  const position = stored?.position ? positionInWords(stored.position) : null;
  return { stored: stored ?? NOTHING_STORED, position, topicExists: stored !== null, standing };
}

/** How far the stored position is behind the database; null where that cannot be told. */
export function lagBytes({ stored, standing }: OffsetsView): bigint | null {
  if (standing instanceof MillraceError || stored.position === null) return null;
  return bytesBehind(standing, stored.position);
}

/** A change that has been thought through: what it would do, and what it was thought of. */
export interface OffsetsChange {
  /** What the next start will repeat or skip. */
  readonly says: readonly string[];
  /** null: the stored position is taken back. */
  readonly position: Position | null;
  readonly basis: Stored;
  /** The slot is ours: the claim that the change writes may say so. */
  readonly ownSlot: boolean;
}

/** Throws `refused` for a change that must not be made. Changes nothing. */
export async function planChange(
  config: ConnectorConfig,
  change: { readonly lsn: string } | 'reset',
  context: OffsetsContext,
): Promise<OffsetsChange> {
  const { stored, standing } = await viewOffsets(config, context);
  if (standing instanceof MillraceError) throw standing;
  if (standing.leaseHolder !== null) throw leaseHeld(config.name, standing.leaseHolder);
  const settings = postgresSettings(config);
  const { position, claim } = stored;
  const before = { settings, standing, position, claim };
  const ownSlot = announces(claim, settings, standing.facts) || settings.slotAdopt;
  if (change === 'reset') return { says: foretellReset(before), position: null, basis: stored, ownSlot };
  return { ...foretellSet(before, change.lsn), basis: stored, ownSlot };
}

/**
 * Takes the lease, fences older owners, writes in a transaction. Throws `refused` while another holds the lease, and when
 * what is stored is not what the change was planned on.
 */
export async function applyChange(
  config: ConnectorConfig,
  { position, basis, ownSlot }: OffsetsChange,
  context: OffsetsContext,
): Promise<void> {
  const progress = new ConnectorStatus({ now: () => context.clock.now(), stallAlarmMs: -1 });
  const source = createSource(config, { ...context, progress, whenHeld: 'refuse' });
  const sink = createSink(config, { ...context, takeOver: position === null });
  try {
    const { identity, lost } = await source.acquire(context.signal);
    const run = AbortSignal.any([context.signal, lost]);
    // Not checked as a start is: what keeps one from going on is what a change is made for.
    // A claim that announced a slot of unknown origin would hand it to the next start.
    const opened = await sink.open(ownSlot ? identity : { ...identity, intent: '' }, run);
    run.throwIfAborted();
    if (!isDeepStrictEqual([opened.position, opened.earlier], [basis.position, basis.claim])) {
      throw new MillraceError(
        'refused',
        `the stored position of connector "${config.name}" has moved since it was shown: another instance ran meanwhile. Nothing was changed; look again`,
      );
    }
    if (position === null) await sink.reset();
    else await sink.commit(new Records(), position, true);
  } finally {
    await sink.close();
    await source.close();
  }
}
