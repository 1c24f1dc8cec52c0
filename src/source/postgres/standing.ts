/** How a connector stands in its database, for an operator: only asked, nothing is changed or taken. */
import type { Position } from '../../change/position.ts';
import { databaseError, withSession } from './connection.ts';
import { leaseHolder } from './lease.ts';
import { parseLsn } from './lsn.ts';
import { parsePosition } from './position.ts';
import { type ServerFacts, readServerFacts } from './preflight.ts';
import type { PostgresSettings } from './settings.ts';
import { type Slot, readSlot } from './slot.ts';

export interface Standing {
  readonly facts: ServerFacts;
  /** Where the server's log ends. */
  readonly flush: string;
  readonly slot: Slot | null;
  /** Who holds the connector's lease, in words, or null. */
  readonly leaseHolder: string | null;
}

export async function readStanding(settings: PostgresSettings, signal: AbortSignal): Promise<Standing> {
  const facts = await readServerFacts(settings, signal);
  return withSession(settings, { applicationName: 'millrace/offsets', signal }, async (client) => {
    try {
      await client.query("SET statement_timeout = '15s'");
      const result = await client.query<{ flush: string }>(
        'SELECT pg_catalog.pg_current_wal_flush_lsn()::text AS flush',
      );
      return {
        facts,
        flush: result.rows[0]?.flush ?? '0/0',
        slot: await readSlot(client, settings.slotName),
        leaseHolder: await leaseHolder(client, settings.connectorName),
      };
    } catch (error) {
      throw databaseError(error, 'cannot ask the database how the connector stands');
    }
  });
}

/** How much log lies between a stored position and the log's end; null if it is another system's. */
export function bytesBehind({ facts, flush }: Standing, stored: Position): bigint | null {
  const { system, lsn } = parsePosition(stored);
  return system === facts.system ? parseLsn(flush) - parseLsn(lsn) : null;
}
