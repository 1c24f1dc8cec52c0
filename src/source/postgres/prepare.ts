/** From the lease to the position to stream from: the first start in its fixed order, or the checks of a resume. */
import type pg from 'pg';
import type { Opened } from '../../change/claim.ts';
import type { Position } from '../../change/position.ts';
import { MillraceError } from '../../errors.ts';
import type { Clock, Failpoint, Log } from '../../ports.ts';
import { databaseError, withSession } from './connection.ts';
import { parsePosition } from './position.ts';
import { type ServerFacts, checkResume } from './preflight.ts';
import { publicationRights } from './plan-queries.ts';
import { ensurePublication, planPublication } from './publication.ts';
import { missingOwnership, planIdentities, setIdentities } from './replica-identity.ts';
import type { PostgresSettings } from './settings.ts';
import {
  type Slot,
  announces,
  checkConfirmed,
  checkSlot,
  createSlot,
  freeSlot,
  readSlot,
  refuseStranger,
  walsenderName,
} from './slot.ts';
import { parseLsn } from './lsn.ts';
import type { Finding } from '../../change/finding.ts';
import { checkSynchronous } from './synchronous.ts';

export interface Preparation {
  readonly settings: PostgresSettings;
  readonly facts: ServerFacts;
  readonly opened: Opened;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly clock: Clock;
  readonly failpoint?: (name: Failpoint) => void;
}

/**
 * Whatever `prepare` would refuse, before anybody writes that we are here. `slot` is as it was before `opened` was read:
 * an older owner who is not fenced yet may move it on meanwhile.
 */
export async function checkStart(of: {
  readonly settings: PostgresSettings;
  readonly facts: ServerFacts;
  readonly slot: Slot | null;
  readonly opened: Opened;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { settings, facts, slot, opened, signal } = of;
  const { position, earlier } = opened;
  await withSession(settings, { applicationName: 'millrace/check', signal }, async (client) => {
    try {
      await client.query("SET statement_timeout = '60s'");
      const stored = position === null ? null : parsePosition(position);
      if (stored !== null) await checkResume(client, facts, stored);
      if (slot === null && stored !== null) throw missingSlot(settings);
      if (slot !== null) {
        if (stored === null) checkFirstSlot(slot, { settings, facts, earlier });
        else {
          checkSlot(slot, settings);
          checkConfirmed(slot.confirmed, parseLsn(stored.lsn), settings.slotName);
        }
        await refuseStranger(client, settings, walsenderName(opened.clusterId, settings.transactionalId));
      }
      const plan = await planPublication(client, settings, slot === null ? 'first' : 'continued');
      if (plan.refusals[0] !== undefined) throw plan.refusals[0];
      const [lacking] = plan.action === null ? [] : await publicationRights(client, settings, plan.action);
      if (lacking !== undefined) throw missingRight(lacking);
      const foreign = (await planIdentities(client, settings)).find(({ owned }) => !owned);
      if (foreign !== undefined) throw missingOwnership(foreign);
    } catch (error) {
      throw databaseError(error, 'cannot check the start');
    }
  });
}

function missingRight({ text, statement }: Finding): MillraceError {
  if (statement === undefined) return new MillraceError('database-rejected', text);
  return new MillraceError('database-rejected', `${text}. Run as an owner: ${statement}`, { statement });
}

/** The stored position if it can be resumed, or the first one. Throws `refused` with the remedy. */
export async function prepare(preparation: Preparation): Promise<Position> {
  const { settings, opened, signal } = preparation;
  const walsender = walsenderName(opened.clusterId, settings.transactionalId);
  // Not on the lease's session: a statement that has to wait there would look like a lost lease.
  return withSession(settings, { applicationName: 'millrace/prepare', signal }, async (client) => {
    try {
      await client.query("SET lock_timeout = '10s'");
      await client.query("SET statement_timeout = '60s'");
      const setting = await client.query<{ names: string }>(
        "SELECT current_setting('synchronous_standby_names') AS names",
      );
      checkSynchronous(setting.rows[0]?.names ?? '', walsender);
      if (opened.position !== null) return await resume(client, preparation, opened.position, walsender);
      return await firstStart(client, preparation, walsender);
    } catch (error) {
      throw databaseError(error, 'cannot prepare the stream');
    }
  });
}

async function resume(
  client: pg.Client,
  preparation: Preparation,
  position: Position,
  walsender: string,
): Promise<Position> {
  const { settings, facts, log } = preparation;
  await checkResume(client, facts, parsePosition(position));
  const slot = await readSlot(client, settings.slotName);
  if (slot === null) throw missingSlot(settings);
  checkSlot(slot, settings);
  await ensurePublication(client, settings, { log, start: 'continued' });
  await setIdentities(client, settings, log);
  await freeSlot(client, settings, walsender, preparation);
  return position;
}

async function firstStart(client: pg.Client, preparation: Preparation, walsender: string): Promise<Position> {
  const { settings, facts, log } = preparation;
  const slot = await readSlot(client, settings.slotName);
  if (slot !== null) checkFirstSlot(slot, { settings, facts, earlier: preparation.opened.earlier });
  // The publication first: a slot only sees a publication that is older than itself.
  await ensurePublication(client, settings, { log, start: slot === null ? 'first' : 'continued' });
  await setIdentities(client, settings, log);
  if (slot === null) {
    await createSlot(settings, preparation);
    log.info('created the slot', { slot: settings.slotName });
  } else {
    await freeSlot(client, settings, walsender, preparation);
  }
  preparation.failpoint?.('after-slot');
  const confirmed = (await readSlot(client, settings.slotName))?.confirmed;
  if (!confirmed)
    throw new MillraceError('database-unavailable', `slot "${settings.slotName}" has no confirmed LSN yet`);
  return { system: facts.system, timeline: facts.timeline, lsn: confirmed, ordinal: 0 };
}

/** Without a position, only a slot that an earlier claim of ours announced, or one given to us, may be continued. */
export function checkFirstSlot(
  slot: Slot,
  { settings, earlier, facts }: Pick<Preparation, 'settings' | 'facts'> & Pick<Opened, 'earlier'>,
): void {
  checkSlot(slot, settings);
  if (announces(earlier, settings, facts) || settings.slotAdopt) return;
  throw new MillraceError(
    'refused',
    `slot "${settings.slotName}" exists, but Kafka holds no position of connector "${settings.connectorName}" and no claim that announced it: ` +
      'it belongs to another program, or the offsets topic was lost. Set slot.adopt=true to go on from what the slot has confirmed, or set slot.name to another name',
  );
}

export function missingSlot(settings: PostgresSettings): MillraceError {
  return new MillraceError(
    'refused',
    `slot "${settings.slotName}" does not exist any more, but Kafka holds a position of connector "${settings.connectorName}": ` +
      'changes since then cannot be read. Reset the stored position to start anew with a new slot',
  );
}
