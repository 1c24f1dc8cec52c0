/** The PostgreSQL source: puts the files beside it together. */
import { createHash } from 'node:crypto';
import type { Introduction, Opened } from '../../change/claim.ts';
import type { Fragment } from '../../change/fragment.ts';
import type { Position } from '../../change/position.ts';
import { type Column, type Table, tableName } from '../../change/table.ts';
import { MillraceError } from '../../errors.ts';
import type { Clock, Failpoint, Log, Metrics } from '../../ports.ts';
import type { Source } from '../source.ts';
import { connect, databaseError, untilAborted } from './connection.ts';
import { FragmentAssembler, type StreamStart } from './fragment.ts';
import { headerEncoder } from './header.ts';
import { type Lease, acquireLease } from './lease.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { PgoutputDecoder } from './pgoutput.ts';
import { parsePosition } from './position.ts';
import { type ServerFacts, readServerFacts } from './preflight.ts';
import { prepare } from './prepare.ts';
import type { PostgresSettings } from './settings.ts';
import { checkConfirmed, readSlot, walsenderName } from './slot.ts';
import { ReplicationStream, startReplication } from './stream.ts';
import { checkSynchronous } from './synchronous.ts';

export interface PostgresSourceContext {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly failpoint?: (name: Failpoint) => void;
  /** Of the lease: `wait` by default. */
  readonly whenHeld?: 'wait' | 'refuse';
}

const MEASURE_EVERY_MS = 5000;
/** A server that shuts down waits for its walsenders: what is not committed by then is read again after the restart. */
const LEAVE_AFTER_MS = 3500;

/** Creates the source; nothing is opened before `acquire`. */
export function createPostgresSource(settings: PostgresSettings, context: PostgresSourceContext): Source {
  return new PostgresSource(settings, context);
}

class PostgresSource implements Source {
  readonly #settings: PostgresSettings;
  readonly #context: PostgresSourceContext;
  #lease: Lease | null = null;
  #facts: ServerFacts | null = null;
  #clusterId = '';
  #stream: ReplicationStream | null = null;
  #measuring: NodeJS.Timeout | undefined;
  /** Found while streaming: ends the run. */
  #refusal: MillraceError | null = null;
  /** Aborts with `close`, so that a standby that is closed does not take the lease afterwards. */
  readonly #closing = new AbortController();

  constructor(settings: PostgresSettings, context: PostgresSourceContext) {
    this.#settings = settings;
    this.#context = context;
  }

  async acquire(signal: AbortSignal): Promise<{ readonly identity: Introduction; readonly lost: AbortSignal }> {
    const waiting = AbortSignal.any([signal, this.#closing.signal]);
    const lease = await acquireLease(this.#settings, { ...this.#context, signal: waiting });
    if (this.#closing.signal.aborted) await lease.release();
    this.#closing.signal.throwIfAborted();
    this.#lease = lease;
    this.#startMeasuring(lease);
    const facts = await readServerFacts(this.#settings, AbortSignal.any([signal, lease.lost]));
    this.#facts = facts;
    const slot = await untilAborted(readSlot(lease.client, this.#settings.slotName), signal);
    const identity: Introduction = {
      system: facts.system,
      database: facts.database,
      timeline: facts.timeline,
      ancestors: facts.ancestors.map((ancestor) => ancestor.timeline),
      intent: this.#settings.slotName,
      intentExists: slot !== null,
    };
    return { identity, lost: lease.lost };
  }

  async prepare(opened: Opened, signal: AbortSignal): Promise<Position> {
    const { facts } = this.#held();
    this.#clusterId = opened.clusterId;
    return prepare({ settings: this.#settings, facts, opened, signal, ...this.#context });
  }

  async *read(from: Position, signal: AbortSignal): AsyncIterable<readonly Fragment[]> {
    const { facts } = this.#held();
    const position = parsePosition(from);
    const start: StreamStart = {
      system: facts.system,
      timeline: facts.timeline,
      lsn: parseLsn(position.lsn),
      ordinal: position.ordinal,
      xid: position.in ?? null,
      fingerprint: this.#fingerprint(),
      committedAt: position.committedAt,
    };
    if (start.ordinal > 0 && position.fingerprint !== start.fingerprint) throw changedOptions(position.lsn);
    const stream = await this.#start(start, signal);
    if (stream === null) return;
    const decoder = new PgoutputDecoder();
    const assembler = new FragmentAssembler(start, captures(this.#settings), () => this.#context.clock.now());
    const handler = {
      data: (buffer: Buffer, at: number, end: number): void => assembler.message(decoder.decode(buffer, at, end)),
      keepAlive: (walEnd: bigint): void => assembler.keepAlive(walEnd),
    };
    this.#context.log.info('streaming', {
      slot: this.#settings.slotName,
      lsn: formatLsn(start.lsn),
      ordinal: start.ordinal,
    });
    while (await stream.pump(handler)) {
      if (this.#refusal !== null) throw this.#refusal;
      const fragments = assembler.take();
      if (fragments.length > 0) yield fragments;
    }
  }

  acknowledge(position: Position): void {
    const { lsn, ordinal } = parsePosition(position);
    // Inside a split transaction the server has to keep all of it.
    if (ordinal === 0) this.#stream?.acknowledge(parseLsn(lsn));
  }

  headerEncoder({ typeId, typeModifier }: Column): ((bytes: Buffer) => Buffer) | null {
    return headerEncoder(typeId, typeModifier);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const stream = this.#stream;
    const lease = this.#lease;
    this.#stream = null;
    this.#lease = null;
    clearInterval(this.#measuring);
    try {
      await stream?.close();
    } finally {
      await lease?.release();
    }
  }

  /** Null when the signal was aborted meanwhile. */
  async #start(start: StreamStart, signal: AbortSignal): Promise<ReplicationStream | null> {
    try {
      const stream = await this.#open(start, signal);
      await untilAborted(this.#checkConfirmed(start.lsn), signal);
      if (start.ordinal === 0) stream.acknowledge(start.lsn);
      return stream;
    } catch (error) {
      if (signal.aborted) return null;
      throw databaseError(error, 'cannot start the stream');
    }
  }

  async #open(start: StreamStart, signal: AbortSignal): Promise<ReplicationStream> {
    const { slotName, publicationName, transactionalId } = this.#settings;
    const applicationName = walsenderName(this.#clusterId, transactionalId);
    const client = await connect(this.#settings, { applicationName, replication: true, signal });
    const stream = new ReplicationStream(client, signal);
    this.#stream = stream;
    const leave = (): void => void setTimeout(() => void stream.close(), LEAVE_AFTER_MS).unref();
    signal.addEventListener('abort', leave, { once: true, signal: this.#closing.signal });
    const options: Record<string, string> = {
      proto_version: '1',
      publication_names: `"${publicationName.replaceAll('"', '""')}"`,
    };
    if (this.#held().facts.version >= 140_000) options.messages = 'true';
    // Nothing is said of the position before it has been checked: an old server would move the slot back to it.
    await stream.start(startReplication(slotName, start.lsn, options), 0n);
    return stream;
  }

  /** The slot is ours now and cannot move by another's hand: what it has forgotten must be what Kafka holds. */
  async #checkConfirmed(stored: bigint): Promise<void> {
    const { lease } = this.#held();
    const { slotName } = this.#settings;
    const result = await lease.client.query<{ confirmed: string | null }>(
      'SELECT confirmed_flush_lsn::text AS confirmed FROM pg_catalog.pg_replication_slots WHERE slot_name = $1',
      [slotName],
    );
    checkConfirmed(result.rows[0]?.confirmed ?? null, stored, slotName);
  }

  /** From the lease on, not from the stream on: it is while Kafka is away that the slot holds more and more back. */
  #startMeasuring(lease: Lease): void {
    const measure = (): void => void this.#measure(lease).catch(() => {});
    measure();
    this.#measuring = setInterval(measure, MEASURE_EVERY_MS);
  }

  async #measure(lease: Lease): Promise<void> {
    const result = await lease.client.query<{ lag: string | null; retained: string | null; names: string }>(
      `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::text AS lag,
              pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::text AS retained,
              current_setting('synchronous_standby_names') AS names
         FROM pg_catalog.pg_replication_slots WHERE slot_name = $1`,
      [this.#settings.slotName],
    );
    const row = result.rows[0];
    if (!row) return;
    this.#context.metrics.gauge('lag_bytes', Number(row.lag));
    this.#context.metrics.gauge('retained_wal_bytes', Number(row.retained));
    try {
      // The setting may change while we stream, and takes effect at once.
      checkSynchronous(row.names, walsenderName(this.#clusterId, this.#settings.transactionalId));
    } catch (error) {
      this.#refusal = databaseError(error, 'the stream has to end');
    }
  }

  /** What decides which raw changes of a transaction are sent: their count is only comparable under the same options. */
  #fingerprint(): string {
    const { slotName, publicationName } = this.#settings;
    return createHash('sha256')
      .update(JSON.stringify(['pgoutput/1', slotName, publicationName]))
      .digest('hex')
      .slice(0, 16);
  }

  #held(): { lease: Lease; facts: ServerFacts } {
    if (this.#lease === null || this.#facts === null) throw new MillraceError('internal', 'the lease is not held');
    return { lease: this.#lease, facts: this.#facts };
  }
}

function captures(settings: PostgresSettings): (table: Table) => boolean {
  const { includeTables } = settings;
  if (includeTables.length === 0) return () => true;
  return (table) => includeTables.some((pattern) => pattern.test(tableName(table)));
}

function changedOptions(lsn: string): MillraceError {
  return new MillraceError(
    'refused',
    `the stored position stands inside the split transaction at ${lsn} and was written with another slot or publication name: ` +
      'counting its changes would be wrong. Set slot.name and publication.name back until that transaction is delivered',
  );
}
