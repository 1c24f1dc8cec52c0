/** Why nothing comes out of the database: looks at everything a running connector depends on, and changes nothing. */
import type pg from 'pg';
import type { Claim } from '../../change/claim.ts';
import type { Diagnosis } from '../../change/finding.ts';
import type { Position } from '../../change/position.ts';
import { MillraceError } from '../../errors.ts';
import { reach } from '../../network/reach.ts';
import type { Clock } from '../../ports.ts';
import { address, connect, databaseError, endSession, socketOf } from './connection.ts';
import { untilAborted } from '../../network/until-aborted.ts';
import { connectTrouble } from './doctor-connection.ts';
import { judgeLease, readLeaseSessions } from './doctor-lease.ts';
import { examineClock, examineRoom, examineServer, examineSynchronous } from './doctor-server.ts';
import { type OpenWriter, judgeOpenWriters, judgeSlot, readOpenWriters, readSlotDetails } from './doctor-slot.ts';
import { type NeededColumn, examinePublication } from './doctor-table.ts';
import { parseLsn } from './lsn.ts';
import { parsePosition } from './position.ts';
import { type ServerFacts, checkResume, readServerFacts } from './preflight.ts';
import { checkFirstSlot, missingSlot } from './prepare.ts';
import type { PostgresSettings } from './settings.ts';
import { checkConfirmed, checkSlot, walsenderName } from './slot.ts';

const REACH_MS = 4000;
/** For a session: TLS may be tried in two ways. */
const ENTER_MS = 6000;

/** What Kafka holds. */
export interface StoredInKafka {
  readonly position: Position | null;
  readonly claim: Claim | null;
  readonly clusterId: string;
}

export interface DatabaseDoctorOptions {
  readonly settings: PostgresSettings;
  readonly needed: readonly NeededColumn[];
  /** Resolves with null where Kafka cannot be asked. */
  readonly stored: Promise<StoredInKafka | null>;
  readonly watchMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** All of it, the watch aside, ends within this time. */
  readonly deadlineMs: number;
}

export interface DatabaseExamination {
  readonly diagnoses: readonly Diagnosis[];
  /** null: the server could not be identified. */
  readonly facts: ServerFacts | null;
  /** Where the log ended at the first and second look; null: could not be asked. */
  readonly flush: readonly [string | null, string | null];
  /** An instance holds the lease. */
  readonly isHeld: boolean;
}

export async function examineDatabase(options: DatabaseDoctorOptions): Promise<DatabaseExamination> {
  const deadline = AbortSignal.timeout(options.deadlineMs + options.watchMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  const examination = new Examination({ ...options, signal });
  try {
    await examination.look();
  } catch (error) {
    options.signal.throwIfAborted();
    const text = deadline.aborted
      ? `the database did not answer every question within ${options.deadlineMs / 1000} s: what is missing here was not looked at`
      : databaseError(error, 'the database could not be examined').message;
    examination.diagnoses.push({ level: 'unknown', area: 'database', text });
  }
  return examination;
}

class Examination implements DatabaseExamination {
  readonly diagnoses: Diagnosis[] = [];
  facts: ServerFacts | null = null;
  readonly flush: [string | null, string | null] = [null, null];
  isHeld = false;
  readonly #options: DatabaseDoctorOptions;

  constructor(options: DatabaseDoctorOptions) {
    this.#options = options;
  }

  async look(): Promise<void> {
    const { settings, signal } = this.#options;
    const reached = await reach(settings, { timeoutMs: REACH_MS, signal });
    if (reached.kind !== 'reached') {
      const { text, remedy } = reached;
      this.diagnoses.push({
        level: 'broken',
        area: 'database',
        text: `PostgreSQL: ${text}`,
        means: 'nothing can be read from the log',
        remedy,
      });
      return;
    }
    const client = await this.#enter(signal);
    if (client === null) return;
    // Whatever statement the server is busy with: an aborted signal cuts the session.
    const abort = (): void => void socketOf(client).destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await this.#session(client);
    } finally {
      signal.removeEventListener('abort', abort);
      await endSession(client);
    }
  }

  async #enter(signal: AbortSignal): Promise<pg.Client | null> {
    const { settings } = this.#options;
    const within = AbortSignal.timeout(ENTER_MS);
    try {
      const options = { applicationName: 'millrace/doctor', signal: AbortSignal.any([signal, within]) };
      const client = await connect(settings, options);
      const text = `reached ${address(settings)}`;
      this.diagnoses.push({ level: 'ok', area: 'database', text });
      return client;
    } catch (error) {
      signal.throwIfAborted();
      this.diagnoses.push(connectTrouble(error, settings, 'a session'));
      return null;
    }
  }

  async #session(client: pg.Client): Promise<void> {
    const { settings, clock, signal } = this.#options;
    await client.query("SET statement_timeout = '5s'; SET default_transaction_read_only = on");
    await this.#attempt('clock', async () => {
      this.diagnoses.push(await examineClock(client, () => clock.now()));
    });
    let decodes = false;
    await this.#attempt('server', async () => {
      const server = await examineServer(client, settings);
      this.diagnoses.push(...server.diagnoses);
      decodes = server.decodes;
    });
    if (decodes) {
      try {
        this.facts = await readServerFacts(settings, AbortSignal.any([signal, AbortSignal.timeout(ENTER_MS)]));
        this.diagnoses.push({
          level: 'ok',
          area: 'rights',
          text: `role "${settings.user}" may replicate; database system ${this.facts.system}, time line ${this.facts.timeline}`,
        });
      } catch (error) {
        signal.throwIfAborted();
        this.diagnoses.push(connectTrouble(error, settings, 'a replication session'));
      }
    }
    const stored = await untilAborted(this.#options.stored, signal);
    if (stored === null) {
      this.diagnoses.push({
        level: 'unknown',
        area: 'position',
        text: 'slot and log were not compared with the stored position: Kafka, which holds it, could not be asked',
      });
    }
    await this.#looks(client, stored, decodes);
  }

  async #looks(client: pg.Client, stored: StoredInKafka | null, decodes: boolean): Promise<void> {
    const { settings, needed, watchMs, clock, signal } = this.#options;
    const position = stored?.position ?? null;
    const slot = await readSlotDetails(client, settings.slotName);
    const sessions = await readLeaseSessions(client, settings.connectorName);
    this.isHeld = sessions.some(({ holds }) => holds);
    if (decodes) await this.#attempt('slot', () => this.#slot(client, stored));
    if (position !== null && this.facts !== null) {
      const { facts } = this;
      await this.#attempt('position', () => checkResume(client, facts, parsePosition(position)));
    }
    const start = slot === null && position === null ? 'first' : 'continued';
    await this.#attempt('publication', async () => {
      this.diagnoses.push(...(await examinePublication(client, settings, { start, needed })));
    });
    if (stored !== null)
      await this.#attempt('server', () =>
        examineSynchronous(client, walsenderName(stored.clusterId, settings.transactionalId)),
      );
    const writers = await this.#moving(client, 0);
    await clock.sleep(watchMs, signal);
    const later = await this.#moving(client, 1);
    const now = await readSlotDetails(client, settings.slotName);
    const last = await readLeaseSessions(client, settings.connectorName);
    this.isHeld = last.some(({ holds }) => holds);
    this.diagnoses.push(...judgeOpenWriters(later, writers, now === null || now.confirmed === null));
    // A run that ended between the looks may be between two tries.
    const held = this.isHeld ? last : sessions.some(({ holds }) => holds) ? sessions : last;
    this.diagnoses.push(...judgeLease(settings.connectorName, held, now?.activePid != null));
    if (decodes)
      await this.#attempt('server', async () => {
        const needs = { slot: now === null, sender: now?.activePid == null && this.facts === null };
        this.diagnoses.push(...(await examineRoom(client, needs)));
      });
  }

  async #slot(client: pg.Client, stored: StoredInKafka | null): Promise<void> {
    const { settings } = this.#options;
    const slot = await readSlotDetails(client, settings.slotName);
    if (slot === null) {
      if (stored?.position != null) throw missingSlot(settings);
      this.diagnoses.push({
        level: 'warning',
        area: 'slot',
        text: `slot "${settings.slotName}" does not exist; a first start creates it`,
        means: 'until then no log is kept for this connector',
      });
      return;
    }
    const refusals = this.diagnoses.length;
    await this.#attempt('slot', async () => checkSlot(slot, settings));
    if (this.diagnoses.length > refusals) return;
    const walsender = stored === null ? null : walsenderName(stored.clusterId, settings.transactionalId);
    this.diagnoses.push(...judgeSlot(settings, slot, walsender));
    if (stored === null) return;
    const { facts } = this;
    if (stored.position === null) {
      if (facts !== null) checkFirstSlot(slot, { settings, facts, earlier: stored.claim });
    } else if (slot.activePid === null && (facts === null || parsePosition(stored.position).system === facts.system)) {
      // Not beside a running instance: that has checked it, and moves the slot on while we look.
      checkConfirmed(slot.confirmed, parseLsn(parsePosition(stored.position).lsn), settings.slotName);
    }
  }

  /** Notes where the log ends; gives the transactions that have written and not ended. */
  async #moving(client: pg.Client, look: 0 | 1): Promise<readonly OpenWriter[]> {
    let writers: readonly OpenWriter[] = [];
    await this.#attempt('position', async () => {
      const result = await client.query<{ flush: string }>(
        'SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE pg_catalog.pg_current_wal_flush_lsn()::text END AS flush',
      );
      this.flush[look] = result.rows[0]?.flush ?? null;
      writers = await readOpenWriters(client);
    });
    return writers;
  }

  /** What `run` would refuse becomes a diagnosis, and the next question is asked all the same. */
  async #attempt(area: Diagnosis['area'], ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      this.#options.signal.throwIfAborted();
      const known = databaseError(error, `cannot ask the database about the ${area}`);
      const refused = error instanceof MillraceError && known.kind !== 'database-unavailable';
      this.diagnoses.push({
        level: refused ? 'broken' : 'unknown',
        area,
        text: known.message,
        ...(known.statement === null ? {} : { remedy: known.statement }),
      });
    }
  }
}
