import type { Position } from '../../change/position.ts';
import { MillraceError } from '../../errors.ts';
import { parseLsn } from './lsn.ts';

/** A position of this source, as stored. `in` and `fingerprint` are there inside a split transaction. */
export interface PostgresPosition {
  readonly system: string;
  readonly timeline: number;
  readonly lsn: string;
  readonly ordinal: number;
  readonly in?: string;
  readonly fingerprint?: string;
  /** When the last transaction up to here was committed, in ISO 8601: for people alone. */
  readonly committedAt?: string;
}

/** Checks a stored position; throws `refused` on anything this version does not understand. */
export function parsePosition(position: Position): PostgresPosition {
  const { system, timeline, lsn, ordinal, in: xid, fingerprint, committedAt } = position;
  const whole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (typeof system !== 'string' || typeof lsn !== 'string' || !whole(timeline) || !whole(ordinal)) {
    throw new MillraceError(
      'refused',
      `the stored position is not one of PostgreSQL: expected system, timeline, lsn and ordinal, got ${Object.keys(position).join(', ')}`,
    );
  }
  parseLsn(lsn);
  const base = { system, timeline, lsn, ordinal, ...(typeof committedAt === 'string' ? { committedAt } : {}) };
  if (ordinal === 0) return base;
  if (typeof xid !== 'string' || typeof fingerprint !== 'string') {
    throw new MillraceError('refused', 'the stored position is inside a split transaction and does not say in which');
  }
  return { ...base, in: xid, fingerprint };
}

/** For an operator. */
export function positionInWords(position: Position): string {
  const { lsn, ordinal, in: xid, committedAt } = parsePosition(position);
  const where = xid === undefined ? 'between transactions' : `inside transaction ${xid}, which is sent in parts`;
  const when = committedAt === undefined ? '' : `, last commit ${committedAt}`;
  return `${lsn}, ordinal ${ordinal} (${where})${when}`;
}
