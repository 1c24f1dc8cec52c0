import { MillraceError } from '../../errors.ts';

/**
 * A log sequence number as PostgreSQL writes it: two hexadecimal halves, `16/B374D848`
 * (https://www.postgresql.org/docs/current/datatype-pg-lsn.html).
 */
export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

/** Reads `16/B374D848`; throws `data` on anything else. */
export function parseLsn(text: string): bigint {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match)
    throw new MillraceError('data', `"${text}" is not an LSN: expected two hexadecimal halves as in 16/B374D848`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}
