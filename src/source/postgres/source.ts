/** The PostgreSQL source: puts the files beside it together. */
import { createHash } from 'node:crypto';
import type { RowChange } from '../../change/change.ts';
import type { Introduction, Opened } from '../../change/claim.ts';
import type { ColumnType } from '../../change/column-type.ts';
import type { SourceBlock, TableDescription } from '../../change/event.ts';
import type { Fragment } from '../../change/fragment.ts';
import type { Position } from '../../change/position.ts';
import type { Schema } from '../../change/schema.ts';
import { type Column, type Table, tableName } from '../../change/table.ts';
import { MillraceError } from '../../errors.ts';
import type { Clock, Failpoint, Log, Progress } from '../../ports.ts';
import type { Source } from '../source.ts';
import { codeOf, connect, databaseError, withSession } from './connection.ts';
import { untilAborted } from '../../network/until-aborted.ts';
import { FragmentAssembler, type StreamStart } from './fragment.ts';
import { beat } from './heartbeat.ts';
import { headerEncoder, headerOfType } from './header.ts';
import { type Lease, acquireLease } from './lease.ts';
import { pointAt, readLog } from './log-reading.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { type PgMessage, PgoutputDecoder } from './pgoutput.ts';
import { parsePosition } from './position.ts';
import { type ServerFacts, readServerFacts } from './preflight.ts';
import { checkStart, prepare } from './prepare.ts';
import type { PostgresSettings } from './settings.ts';
import { type Slot, checkConfirmed, readSlot, walsenderName } from './slot.ts';
import { ReplicationStream, startReplication } from './stream.ts';
import { PostgresSourceBlock } from './source-block.ts';
import { checkSynchronous } from './synchronous.ts';
import { type LoggedTable, TableCatalog } from './table-catalog.ts';

export interface PostgresSourceContext {
  readonly log: Log;
  readonly progress: Progress;
  readonly clock: Clock;
  readonly failpoint?: (name: Failpoint) => void;
  /** Of the lease: `wait` by default. */
  readonly whenHeld?: 'wait' | 'refuse';
}

const MEASURE_EVERY_MS = 10_000;
const TELL_AFTER_MS = 5000;
const LOCK_NOT_AVAILABLE = '55P03';
/** A server that shuts down waits for its walsenders: what is not committed by then is read again after the restart. */
const LEAVE_AFTER_MS = 3500;

/** Creates the source; nothing is opened before `acquire`. */
export function createPostgresSource(settings: PostgresSettings, context: PostgresSourceContext): Source {
  return new PostgresSource(settings, context);
}

const DISCLOSED = {
  'no text':
    'a column that is to be masked is no text, so it is sent as it is (as by Debezium): leave it out with column.exclude.list',
  key: 'a column that is to be masked or cut is part of the key, where it is sent as it is (as by Debezium): set message.key.columns',
} as const;

class PostgresSource implements Source {
  readonly #settings: PostgresSettings;
  readonly #context: PostgresSourceContext;
  #lease: Lease | null = null;
  #facts: ServerFacts | null = null;
  #slotAtAcquire: Slot | null = null;
  #clusterId = '';
  #stream: ReplicationStream | null = null;
  #measuring: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  /** Found while streaming: ends the run. */
  #refusal: MillraceError | null = null;
  readonly #catalog: TableCatalog;
  /** Aborts with `close`, so that a standby that is closed does not take the lease afterwards. */
  readonly #closing = new AbortController();

  constructor(settings: PostgresSettings, context: PostgresSourceContext) {
    this.#settings = settings;
    this.#context = context;
    this.#catalog = new TableCatalog(settings.types, settings.columns);
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
    this.#slotAtAcquire = slot;
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

  async check(opened: Opened, signal: AbortSignal): Promise<void> {
    const { facts } = this.#held();
    await this.#told(checkStart({ settings: this.#settings, facts, slot: this.#slotAtAcquire, opened, signal }));
  }

  async prepare(opened: Opened, signal: AbortSignal): Promise<Position> {
    const { facts } = this.#held();
    this.#clusterId = opened.clusterId;
    return this.#told(prepare({ settings: this.#settings, facts, opened, signal, ...this.#context }));
  }

  /** The server locks a table to tell of its publication: behind an ALTER TABLE a start would stand still in silence. */
  async #told<T>(checks: Promise<T>): Promise<T> {
    const tell = (): void =>
      this.#context.log.warn('the checks before a start wait for the database; is a captured table locked?');
    const timer = setTimeout(tell, TELL_AFTER_MS);
    try {
      return await checks;
    } finally {
      clearTimeout(timer);
    }
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
    const { clock } = this.#context;
    const { includesMessage } = this.#settings;
    const assembler = new FragmentAssembler(start, captures(this.#settings), () => clock.now(), includesMessage);
    /** Tables that the log has described since the last look. */
    const fresh: LoggedTable[] = [];
    const isCaptured = captures(this.#settings);
    const handler = {
      data: (buffer: Buffer, at: number, end: number): void => {
        const message = decoder.decode(buffer, at, end);
        if (message.op === 'relation' && isCaptured(message.table)) fresh.push(message);
        const outgrown = isRow(message) ? this.#catalog.outgrown(message) : null;
        if (outgrown !== null) fresh.push({ ...outgrown, table: decoder.renew(outgrown.table) });
        assembler.message(outgrown === null ? message : decoder.decode(buffer, at, end));
      },
      keepAlive: (walEnd: bigint): void => assembler.keepAlive(walEnd),
    };
    this.#context.log.info('streaming', {
      slot: this.#settings.slotName,
      position: formatLsn(start.lsn),
      ordinal: start.ordinal,
    });
    this.#context.progress.streaming(pointAt(start.lsn));
    this.#beating = beat(this.#settings, {
      ...this.#context,
      signal: AbortSignal.any([signal, this.#closing.signal]),
    });
    // After a first start there is a slot to be asked about now.
    void this.#measure(this.#held().lease).catch(() => {});
    let changes = 0;
    while (await stream.pump(handler)) {
      if (this.#refusal !== null) throw this.#refusal;
      if (fresh.length > 0 && !(await this.#learn(fresh.splice(0), signal))) return;
      const fragments = assembler.take();
      // Changes of tables that are not captured count as well: a transaction of nothing else takes its time, too.
      if (fragments.length > 0 || assembler.changes !== changes) this.#context.progress.received();
      changes = assembler.changes;
      if (fragments.length > 0) yield fragments;
    }
  }

  acknowledge(position: Position): void {
    const { lsn, ordinal } = parsePosition(position);
    // Inside a split transaction the server has to keep all of it.
    if (ordinal > 0) return;
    const point = pointAt(parseLsn(lsn));
    this.#stream?.acknowledge(point.bytes);
    this.#context.progress.delivered(point);
  }

  headerEncoder(column: Column): ((bytes: Buffer) => Buffer) | null {
    const own = this.#catalog.columnType(column);
    const usual = this.#catalog.usualType(column);
    const other = own !== null && own.schema !== usual?.schema && !isSameForm(own.schema, usual?.schema);
    return other ? headerOfType(own) : headerEncoder(column.typeId, column.typeModifier);
  }

  columnType(column: Column): ColumnType | null {
    return this.#catalog.columnType(column);
  }

  describe(table: Table): TableDescription {
    return this.#catalog.describe(table);
  }

  sourceBlock(): SourceBlock {
    const { version, topicPrefix: name } = this.#settings;
    const { database } = this.#held().facts;
    return new PostgresSourceBlock({ version, name, database, nowMs: () => this.#context.clock.now() });
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
      await this.#beating;
    } finally {
      await lease?.release();
    }
  }

  /**
   * The catalog as it is now, which may be ahead of the log: what has gone since is described by the log alone. The server
   * locks a table to show its defaults: behind an ALTER TABLE we wait in a session of its own, as the lease's has to
   * answer. False when the signal was aborted meanwhile.
   */
  async #learn(tables: readonly LoggedTable[], signal: AbortSignal): Promise<boolean> {
    const { lease } = this.#held();
    try {
      const disclosed = await this.#catalog.learn(lease.client, tables).catch(async (error: unknown) => {
        if (codeOf(error) !== LOCK_NOT_AVAILABLE) throw error;
        this.#context.log.info('waiting for a captured table that is locked, to read its columns', {
          tables: tables.slice(0, 5).map(({ table }) => tableName(table)),
        });
        return withSession(this.#settings, { applicationName: 'millrace/catalog', signal }, (client) =>
          this.#catalog.learn(client, tables),
        );
      });
      for (const { table, column, why } of disclosed) {
        this.#context.log.warn(DISCLOSED[why], { table: tableName(table), column });
      }
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw databaseError(error, 'cannot read the columns of a captured table from the catalog');
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
    this.#context.progress.logRead(await readLog(lease.client, this.#settings.slotName));
    const setting = await lease.client.query<{ names: string }>(
      "SELECT current_setting('synchronous_standby_names') AS names",
    );
    try {
      // The setting may change while we stream, and takes effect at once.
      checkSynchronous(setting.rows[0]?.names ?? '', walsenderName(this.#clusterId, this.#settings.transactionalId));
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

function isRow(message: PgMessage): message is Extract<PgMessage, RowChange> {
  return message.op === 'insert' || message.op === 'update' || message.op === 'delete';
}

function captures(settings: PostgresSettings): (table: Table) => boolean {
  const { includeTables } = settings;
  if (includeTables.length === 0) return () => true;
  return (table) => includeTables.some((pattern) => pattern.test(tableName(table)));
}

/** Of the same type and name: what a column is does not depend on how its type is to be handled. */
function isSameForm(one: Schema, other: Schema | undefined): boolean {
  return one.type === other?.type && one.name === other.name;
}

function changedOptions(lsn: string): MillraceError {
  return new MillraceError(
    'refused',
    `the stored position stands inside the split transaction at ${lsn} and was written with another slot or publication name: ` +
      'counting its changes would be wrong. Set slot.name and publication.name back until that transaction is delivered',
  );
}
