/** What the next start will do once the stored position is set or reset: sentences for the operator; pure. */
import type { Claim } from '../../change/claim.ts';
import type { Position } from '../../change/position.ts';
import { MillraceError } from '../../errors.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { type PostgresPosition, parsePosition } from './position.ts';
import type { PostgresSettings } from './settings.ts';
import { type Slot, announces, checkSlot } from './slot.ts';
import type { Standing } from './standing.ts';

export interface Before {
  readonly settings: PostgresSettings;
  readonly standing: Standing;
  readonly position: Position | null;
  readonly claim: Claim | null;
}

/** The position to store for an LSN, and what it means. Throws `refused` if the next start could not go on from it. */
export function foretellSet(before: Before, lsn: string): { readonly position: Position; readonly says: string[] } {
  const { settings, standing } = before;
  const target = parseTarget(lsn);
  const slot = slotForSet(before);
  if (target > parseLsn(standing.flush)) {
    throw new MillraceError(
      'refused',
      `${formatLsn(target)} lies beyond the server's log, which ends at ${standing.flush}: streaming from there would silently skip changes. Give an LSN up to ${standing.flush}`,
    );
  }
  if (slot.confirmed === null || target < parseLsn(slot.confirmed)) {
    throw new MillraceError(
      'refused',
      `${formatLsn(target)} lies before ${slot.confirmed ?? 'anything'}, which slot "${settings.slotName}" has confirmed: the server keeps nothing older. ` +
        `Give an LSN from ${slot.confirmed ?? 'a slot that has confirmed one'} on`,
    );
  }
  const { system, timeline } = standing.facts;
  const position = { system, timeline, lsn: formatLsn(target), ordinal: 0 };
  return { position, says: [`The next start goes on at ${formatLsn(target)}.`, ...compared(before, target)] };
}

/** What a reset means. Throws `refused` if there is nothing to reset. */
export function foretellReset(before: Before): string[] {
  const { settings, standing, position, claim } = before;
  if (position === null) {
    throw new MillraceError(
      'refused',
      `Kafka holds no position of connector "${settings.connectorName}": there is nothing to reset`,
    );
  }
  const { slot } = standing;
  const name = settings.slotName;
  const drop = `SELECT pg_drop_replication_slot('${name}')`;
  if (slot === null) {
    return [
      `Slot "${name}" does not exist: the next start creates it and begins where the server's log is then.`,
      `Nothing is repeated. What is committed between ${lsnIn(position)} and that start is skipped.`,
    ];
  }
  const obstacle = unusable(slot, settings);
  if (obstacle !== null) return [`The next start will refuse: ${obstacle}`];
  if (!announces(claim, settings, standing.facts) && !settings.slotAdopt) {
    return [
      `The next start will refuse slot "${name}", which no claim of this connector in this database announced.`,
      `To go on from what it has confirmed, ${slot.confirmed ?? 'nothing yet'}: set slot.adopt=true. To begin anew: ${drop}`,
    ];
  }
  if (slot.confirmed === null) return [`The next start goes on with slot "${name}", which has confirmed nothing yet.`];
  return [
    `Slot "${name}" exists: the next start goes on at ${slot.confirmed}, which it has confirmed.`,
    ...compared(before, parseLsn(slot.confirmed)),
    `To begin at the end of the log instead, drop the slot before the start: ${drop}`,
  ];
}

function parseTarget(lsn: string): bigint {
  try {
    return parseLsn(lsn);
  } catch (error) {
    if (error instanceof MillraceError) throw new MillraceError('config', `--lsn: ${error.message}`, { cause: error });
    throw error;
  }
}

function slotForSet({ settings, standing, claim }: Before): Slot {
  const { slot } = standing;
  if (slot === null) {
    throw new MillraceError(
      'refused',
      `slot "${settings.slotName}" does not exist: a position without a slot cannot be gone on from. Reset the position instead; the next start creates the slot`,
    );
  }
  checkSlot(slot, settings);
  if (announces(claim, settings, standing.facts) || settings.slotAdopt) return slot;
  throw new MillraceError(
    'refused',
    `slot "${settings.slotName}" exists, but no claim of connector "${settings.connectorName}" announced it: it belongs to another program, or the offsets topic was lost. ` +
      'Set slot.adopt=true to take it over',
  );
}

function unusable(slot: Slot, settings: PostgresSettings): string | null {
  try {
    checkSlot(slot, settings);
    return null;
  } catch (error) {
    if (error instanceof MillraceError) return error.message;
    throw error;
  }
}

/** What going on at an LSN repeats or skips of what the stored position says was delivered. */
function compared({ position, standing }: Before, target: bigint): string[] {
  if (position === null) return ['Kafka holds no position yet: what was delivered before, if anything, is not known.'];
  const stored = parsePosition(position);
  if (stored.system !== standing.facts.system) {
    return [
      `The stored position ${stored.lsn} belongs to another database system (${stored.system}, this one is ${standing.facts.system}): what is repeated or skipped cannot be told.`,
    ];
  }
  const delivered = parseLsn(stored.lsn);
  const to = formatLsn(target);
  if (target > delivered) {
    const rest = stored.ordinal > 0 ? `, the rest of ${splitIn(stored)} included,` : '';
    return [
      `SKIPPED: what was committed between ${stored.lsn} and ${to} (${target - delivered} bytes of log)${rest} is never sent.`,
    ];
  }
  const parts = [
    ...(target < delivered
      ? [`what was committed between ${to} and ${stored.lsn} (${delivered - target} bytes of log)`]
      : []),
    ...(stored.ordinal > 0 ? [`${stored.ordinal} changes of ${splitIn(stored)}`] : []),
  ];
  if (parts.length === 0) return ['Nothing is repeated and nothing skipped: that is the stored position.'];
  return [`REPEATED, though delivered before: ${parts.join(', and ')}.`];
}

function splitIn({ in: xid, lsn }: PostgresPosition): string {
  return `the split transaction ${xid ?? ''} at ${lsn}`;
}

function lsnIn(position: Position): string {
  return typeof position['lsn'] === 'string' ? position['lsn'] : 'the stored position';
}
