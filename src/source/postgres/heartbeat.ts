/** Statements that make the database write into its log while nothing else does. */
import type pg from 'pg';
import type { Clock, Log } from '../../ports.ts';
import { connect, databaseError, endSession, socketOf } from './connection.ts';
import type { PostgresSettings } from './settings.ts';

export interface HeartbeatSettings {
  readonly everyMs: number;
  /** `heartbeat.action.query`. */
  readonly query: string | null;
  /** `heartbeat.message.prefix`. */
  readonly messagePrefix: string | null;
}

export interface HeartbeatContext {
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How long the statements of one heartbeat may take; the server ends them then, and the session is cut soon after. */
const STATEMENT_MS = 10_000;
const CUT_AFTER_MS = 12_000;
const MESSAGE = "SELECT pg_catalog.pg_logical_emit_message(false, $1, '')";

/**
 * Executes the statements at their interval, on a session of its own, never two at once, until the signal is aborted;
 * then resolves. What fails is a warning, once for each kind of failure in a row.
 */
export async function beat(settings: PostgresSettings, context: HeartbeatContext): Promise<void> {
  const { heartbeat } = settings;
  if (heartbeat === null || (heartbeat.query === null && heartbeat.messagePrefix === null)) return;
  const { clock, log, signal } = context;
  const session = new Session(settings, signal);
  let said = '';
  try {
    while (!signal.aborted) {
      await clock.sleep(heartbeat.everyMs, signal);
      try {
        await session.execute(heartbeat);
        said = '';
      } catch (error) {
        if (signal.aborted) return;
        const { message } = databaseError(error, 'a heartbeat failed');
        if (message !== said) log.warn('a heartbeat could not be written into the database', { error: message });
        said = message;
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await session.end();
  }
}

class Session {
  readonly #settings: PostgresSettings;
  readonly #signal: AbortSignal;
  #client: pg.Client | null = null;

  constructor(settings: PostgresSettings, signal: AbortSignal) {
    this.#settings = settings;
    this.#signal = signal;
  }

  async execute({ query, messagePrefix }: HeartbeatSettings): Promise<void> {
    const client = (this.#client ??= await this.#open());
    const cut = (): void => void socketOf(client).destroy();
    const timer = setTimeout(cut, CUT_AFTER_MS);
    this.#signal.addEventListener('abort', cut, { once: true });
    try {
      if (messagePrefix !== null) await client.query(MESSAGE, [messagePrefix]);
      if (query !== null) await client.query(query);
    } catch (error) {
      // Whatever it has left behind, an open transaction for instance, ends with the session.
      await this.end();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener('abort', cut);
    }
  }

  async end(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    if (client !== null) await endSession(client);
  }

  async #open(): Promise<pg.Client> {
    const { connectorName } = this.#settings;
    const applicationName = `millrace heartbeat ${connectorName}`;
    const client = await connect(this.#settings, { applicationName, signal: this.#signal });
    // A server that ends idle sessions is no failure: the next heartbeat opens another.
    client.once('end', () => {
      if (this.#client === client) this.#client = null;
    });
    await client.query(`SET statement_timeout = ${STATEMENT_MS}`);
    return client;
  }
}
