/** The service of the demo: commits orders, payments and shipments with their events, as an application would. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Clock } from '../ports.ts';
import type { Ledger } from './ledger.ts';

/** The aggregate types; each has a topic. */
export const AGGREGATES = ['order', 'payment', 'shipment'] as const;
const EVENTS = ['Created', 'Changed', 'Confirmed', 'Cancelled'] as const;
const EVERY_MS = 25;
const ROWS = 5;
/** One transaction in so many is rolled back: its events must not arrive. */
const ROLLBACK_EVERY = 20;

/** Commits until the signal is aborted. */
export async function commitOrders(sql: pg.Client, ledger: Ledger, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let n = 0; !signal.aborted; n++) {
    const ids = Array.from({ length: ROWS }, () => randomUUID());
    await sql.query('BEGIN');
    await sql.query(
      `INSERT INTO outbox SELECT id, $2, (random() * 50)::int::text, $3, jsonb_build_object('n', $4::int, 'at', now())
         FROM unnest($1::uuid[]) AS id`,
      [ids, AGGREGATES[n % AGGREGATES.length], EVENTS[n % EVENTS.length], n],
    );
    if (n % ROLLBACK_EVERY === ROLLBACK_EVERY - 1) await sql.query('ROLLBACK');
    else {
      await sql.query('COMMIT');
      ledger.committed(ids);
    }
    await clock.sleep(EVERY_MS, signal).catch(() => {});
  }
}
