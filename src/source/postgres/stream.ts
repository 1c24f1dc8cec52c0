/**
 * The replication socket: frames in, acknowledgements out. `pg` has opened the connection (TLS, SCRAM); from
 * START_REPLICATION on the socket is ours, because pg's parser reuses its buffers under our rows and pushes without
 * back-pressure (docs/decisions/0002-own-replication-stream.md).
 */
import type { Socket } from 'node:net';
import type pg from 'pg';
import { MillraceError } from '../../errors.ts';
import { FrameReader } from './frames.ts';
import { formatLsn } from './lsn.ts';

const POSTGRES_EPOCH_MS = 946_684_800_000;
const STATUS_EVERY_MS = 1000;
const ACK_EVERY_MS = 50;

const COPY_DATA = 0x64; // d
const COPY_BOTH = 0x57; // W
const COPY_DONE = 0x63; // c
const COMMAND_COMPLETE = 0x43; // C
const READY = 0x5a; // Z
const ERROR = 0x45; // E
const NOTICE = 0x4e; // N
const PARAMETER = 0x53; // S
const XLOG_DATA = 0x77; // w
const KEEP_ALIVE = 0x6b; // k

export interface StreamHandler {
  /** One pgoutput message in `buffer[start, end)`; the buffer stays untouched for as long as it is referenced. */
  data(buffer: Buffer, start: number, end: number): void;
  keepAlive(walEnd: bigint): void;
}

/** One START_REPLICATION on one socket. */
export class ReplicationStream {
  readonly #socket: Socket;
  readonly #frames = new FrameReader();
  readonly #signal: AbortSignal;
  #acknowledged = 0n;
  #reported = 0n;
  #walEnd = 0n;
  #lastStatusAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #ended = false;
  #failure: Error | null = null;
  #wake: () => void = () => {};
  readonly #onAbort = (): void => this.#wake();

  constructor(client: pg.Client, signal: AbortSignal) {
    this.#socket = takeSocket(client);
    this.#signal = signal;
    const wake = (): void => this.#wake();
    this.#socket.on('readable', wake);
    this.#socket.on('error', (error) => {
      this.#failure = error;
      wake();
    });
    for (const event of ['end', 'close'] as const) {
      this.#socket.on(event, () => {
        this.#ended = true;
        wake();
      });
    }
    signal.addEventListener('abort', this.#onAbort);
  }

  /** The furthest log position the server has spoken of, for the lag in bytes. */
  get walEnd(): bigint {
    return this.#walEnd;
  }

  /**
   * Sends START_REPLICATION and resolves when the server has acquired the slot. `acknowledged` (or 0) is what the
   * status updates repeat until a new acknowledgement comes.
   */
  async start(command: string, acknowledged: bigint): Promise<void> {
    this.#acknowledged = acknowledged;
    this.#reported = acknowledged;
    this.#socket.write(queryMessage(command));
    for (;;) {
      while (this.#frames.next()) {
        const { type } = this.#frames;
        if (type === COPY_BOTH) {
          // A timer of its own: a stream that back-pressure has paused must still be heard.
          this.#timer = setInterval(() => this.#tick(), ACK_EVERY_MS);
          return;
        }
        this.#other(type);
      }
      if (await this.#more()) continue;
      this.#signal.throwIfAborted();
      throw closed('before it began to stream');
    }
  }

  /**
   * Hands everything that one socket read brought to the handler; false when the signal is aborted. Rejects when the
   * server ends the stream. Not calling it pauses the socket.
   */
  async pump(handler: StreamHandler): Promise<boolean> {
    for (;;) {
      if (this.#drain(handler)) return true;
      if (!(await this.#more())) {
        if (this.#signal.aborted) return false;
        throw closed('while streaming');
      }
    }
  }

  /** Raises the mark; PostgreSQL hears of it within 50 ms, and at the latest in `close`. */
  acknowledge(lsn: bigint): void {
    if (lsn > this.#acknowledged) this.#acknowledged = lsn;
  }

  /** Says the last acknowledgement, ends the copy and closes; within a second, whatever the server does. */
  async close(): Promise<void> {
    // The signal may live as long as the process, and this stream with it.
    this.#signal.removeEventListener('abort', this.#onAbort);
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    const socket = this.#socket;
    if (socket.destroyed || this.#ended) {
      socket.destroy();
      return;
    }
    if (this.#acknowledged > this.#reported) this.#sendStatus(false);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write(Buffer.from([COPY_DONE, 0, 0, 0, 4, 0x58, 0, 0, 0, 4])); // CopyDone, Terminate
    socket.end();
    // While anybody listens for 'readable', resume() does nothing: the server's goodbye would stay unread until the timer.
    socket.removeAllListeners('readable');
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), 1000);
    await closed;
    clearTimeout(timer);
  }

  #drain(handler: StreamHandler): boolean {
    const frames = this.#frames;
    let any = false;
    while (frames.next()) {
      any = true;
      if (frames.type === COPY_DATA) this.#copyData(handler);
      else this.#other(frames.type);
    }
    return any;
  }

  #copyData(handler: StreamHandler): void {
    const { buffer, start, end } = this.#frames;
    const kind = buffer[start];
    // w: int64 start of the data, int64 server's log end, int64 clock, data; k: int64 log end, int64 clock, byte reply
    if (kind === XLOG_DATA && end - start >= 25) {
      handler.data(buffer, start + 25, end);
    } else if (kind === KEEP_ALIVE && end - start === 18) {
      this.#walEnd = buffer.readBigUInt64BE(start + 1);
      handler.keepAlive(this.#walEnd);
      if (buffer[start + 17] === 1) this.#sendStatus(false);
    } else {
      throw new MillraceError(
        'protocol',
        `unknown replication message 0x${(kind ?? 0).toString(16)} of ${end - start} bytes`,
      );
    }
  }

  #other(type: number): void {
    switch (type) {
      case ERROR:
        throw serverError(this.#fields());
      case NOTICE: {
        const fields = this.#fields();
        // PostgreSQL 18 warns and goes on without the rows where older versions end the stream.
        if (isMissingPublication(fields)) throw missingPublication(fields);
        return;
      }
      case PARAMETER:
      case COMMAND_COMPLETE:
      case READY:
        return;
      case COPY_DONE:
        throw closed('with CopyDone');
      default:
        throw new MillraceError(
          'protocol',
          `unexpected frame "${String.fromCharCode(type)}" on the replication socket`,
        );
    }
  }

  /** Of an ErrorResponse or a NoticeResponse: a type byte and a string each (protocol-error-fields.html). */
  #fields(): ReadonlyMap<string, string> {
    const { buffer, start, end } = this.#frames;
    const fields = buffer.toString('utf8', start, end).split('\0');
    return new Map(fields.filter((field) => field.length > 1).map((field) => [field.charAt(0), field.slice(1)]));
  }

  /** Waits for bytes and pushes them into the frame reader; false at the end of the stream or when aborted. */
  async #more(): Promise<boolean> {
    for (;;) {
      if (this.#failure)
        throw new MillraceError('database-unavailable', `the replication connection broke: ${this.#failure.message}`, {
          cause: this.#failure,
        });
      if (this.#signal.aborted) return false;
      const chunk: unknown = this.#socket.read();
      if (chunk instanceof Buffer) {
        this.#frames.push(chunk);
        return true;
      }
      if (this.#ended) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #tick(): void {
    const now = Date.now();
    if (this.#acknowledged > this.#reported) this.#sendStatus(false);
    // Asking for a reply is how a quiet stream learns how far the log has moved: idle progress depends on it.
    else if (now - this.#lastStatusAt >= STATUS_EVERY_MS) this.#sendStatus(true);
  }

  /** Standby status update: written, flushed and applied are all what Kafka holds, never what was merely received. */
  #sendStatus(askForReply: boolean): void {
    if (this.#socket.destroyed || this.#ended) return;
    const now = Date.now();
    const message = Buffer.allocUnsafe(39);
    message[0] = COPY_DATA;
    message.writeInt32BE(38, 1);
    message[5] = 0x72; // r
    message.writeBigUInt64BE(this.#acknowledged, 6);
    message.writeBigUInt64BE(this.#acknowledged, 14);
    message.writeBigUInt64BE(this.#acknowledged, 22);
    message.writeBigInt64BE(BigInt(now - POSTGRES_EPOCH_MS) * 1000n, 30);
    message[38] = askForReply ? 1 : 0;
    this.#socket.write(message);
    this.#reported = this.#acknowledged;
    this.#lastStatusAt = now;
  }
}

/** The command that streams a slot from an LSN (protocol-replication.html, START_REPLICATION). */
export function startReplication(slot: string, lsn: bigint, options: Readonly<Record<string, string>>): string {
  const list = Object.entries(options).map(([name, value]) => `"${name}" '${value.replaceAll("'", "''")}'`);
  return `START_REPLICATION SLOT "${slot}" LOGICAL ${formatLsn(lsn)} (${list.join(', ')})`;
}

/** Takes the socket out of pg's hands: from here on its parser sees nothing any more. */
function takeSocket(client: pg.Client): Socket {
  const { connection } = client as unknown as { connection: { stream: Socket } };
  const { stream } = connection;
  stream.removeAllListeners('data');
  stream.pause();
  return stream;
}

function queryMessage(sql: string): Buffer {
  const length = Buffer.byteLength(sql);
  const message = Buffer.alloc(length + 6);
  message[0] = 0x51; // Q
  message.writeInt32BE(length + 5, 1);
  message.write(sql, 5);
  return message;
}

function closed(when: string): MillraceError {
  return new MillraceError('database-unavailable', `PostgreSQL closed the replication connection ${when}`);
}

function serverError(fields: ReadonlyMap<string, string>): MillraceError {
  if (isMissingPublication(fields)) return missingPublication(fields);
  const code = fields.get('C') ?? '';
  const kind =
    code === '57P01' || code === '57P02' || code === '57P03'
      ? 'database-shutdown'
      : code.startsWith('08') || code.startsWith('53') || code.startsWith('57') || code === '55006'
        ? 'database-unavailable'
        : 'database-rejected';
  return new MillraceError(
    kind,
    `PostgreSQL ended the replication stream: ${fields.get('M') ?? 'no message'} (SQLSTATE ${code})`,
  );
}

/** `publication "…" does not exist` (42704), or the warning of 18, `skipped loading publication "…"` (55000). */
function isMissingPublication(fields: ReadonlyMap<string, string>): boolean {
  const [code, file] = [fields.get('C'), fields.get('F')];
  return (code === '42704' && file === 'pg_publication.c') || (code === '55000' && file === 'pgoutput.c');
}

function missingPublication(fields: ReadonlyMap<string, string>): MillraceError {
  return new MillraceError(
    'refused',
    `at this point of its log PostgreSQL has no publication to read by (${fields.get('M') ?? 'no message'}): what was committed without it cannot be read. ` +
      'To accept that gap: drop the slot with pg_drop_replication_slot and reset the stored position, which starts anew',
  );
}
