/** From the lease to the position to stream from: the first start in its fixed order, or the checks of a resume. */
import type pg from 'pg';
import type { Opened } from '../../change/claim.ts';
import type { Position } from '../../change/position.ts';
import { MillraceError } from '../../errors.ts';
import type { Clock, Failpoint, Log } from '../../ports.ts';
import { parsePosition } from './position.ts';
import { type ServerFacts, checkResume } from './preflight.ts';
import { ensurePublication } from './publication.ts';
import type { PostgresSettings } from './settings.ts';
import { type Slot, checkSlot, createSlot, freeSlot, readSlot, walsenderName } from './slot.ts';

export interface Preparation {
  readonly settings: PostgresSettings;
  readonly client: pg.Client;
  readonly facts: ServerFacts;
  readonly opened: Opened;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly clock: Clock;
  readonly failpoint?: (name: Failpoint) => void;
}

/** The stored position if it can be resumed, or the first one. Throws `refused` with the remedy. */
export async function prepare(preparation: Preparation): Promise<Position> {
  const { settings, client, facts, opened } = preparation;
  const slot = await readSlot(client, settings.slotName);
  if (opened.position !== null) {
    await checkResume(client, facts, parsePosition(opened.position));
    if (slot === null) throw missingSlot(settings);
    checkSlot(slot, settings);
    await freeSlot(client, settings, walsenderName(opened.clusterId, settings.transactionalId), preparation);
    await ensurePublication(client, settings, preparation.log);
    return opened.position;
  }
  if (slot !== null) checkFirstSlot(slot, preparation);
  // The publication first: a slot only sees a publication that is older than itself.
  await ensurePublication(client, settings, preparation.log);
  if (slot === null) {
    await createSlot(settings, client, preparation.signal);
    preparation.log.info('created the slot', { slot: settings.slotName });
  } else {
    await freeSlot(client, settings, walsenderName(opened.clusterId, settings.transactionalId), preparation);
  }
  preparation.failpoint?.('after-slot');
  const confirmed = (await readSlot(client, settings.slotName))?.confirmed;
  if (!confirmed)
    throw new MillraceError('database-unavailable', `slot "${settings.slotName}" has no confirmed LSN yet`);
  return { system: facts.system, timeline: facts.timeline, lsn: confirmed, ordinal: 0 };
}

/** Without a position, only a slot that an earlier claim of ours announced, or one given to us, may be continued. */
function checkFirstSlot(slot: Slot, { settings, opened, facts }: Preparation): void {
  checkSlot(slot, settings);
  const { earlier } = opened;
  if (earlier !== null && earlier.intent === settings.slotName && earlier.system === facts.system) return;
  if (settings.slotAdopt) return;
  throw new MillraceError(
    'refused',
    `slot "${settings.slotName}" exists, but Kafka holds no position of connector "${settings.connectorName}" and no claim that announced it: ` +
      'it belongs to another program, or the offsets topic was lost. Set slot.adopt=true to go on from what the slot has confirmed, or set slot.name to another name',
  );
}

function missingSlot(settings: PostgresSettings): MillraceError {
  return new MillraceError(
    'refused',
    `slot "${settings.slotName}" does not exist any more, but Kafka holds a position of connector "${settings.connectorName}": ` +
      'changes since then cannot be read. Reset the stored position to start anew with a new slot',
  );
}
