import { MillraceError } from '../../errors.ts';

/**
 * Cuts a byte stream into PostgreSQL's frames: a type byte, an int32 length that counts itself, and the body
 * (https://www.postgresql.org/docs/current/protocol-overview.html). `next()` points `type`, `buffer`, `start` and `end`
 * at the next whole frame, so that nothing is allocated per frame. Bodies stay valid for as long as they are
 * referenced: unlike pg's own parser, no buffer is ever written again.
 */
export class FrameReader {
  type = 0;
  buffer: Buffer = Buffer.alloc(0);
  /** The body of the current frame is `buffer[start, end)`. */
  start = 0;
  end = 0;
  readonly #maxFrameBytes: number;
  /** Pieces of a frame that is longer than what has come so far. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #needed = 0;

  /** PostgreSQL itself never sends more than 1 GB in one message. */
  constructor(maxFrameBytes = 0x4000_0000) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Hands over bytes as they came from the socket. The caller must have drained `next()` before. */
  push(chunk: Buffer): void {
    if (this.#waitingBytes > 0) {
      // A long row arrives in many chunks: joining them once, when all are there, keeps that linear.
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.length;
      if (this.#waitingBytes < this.#needed) return;
      this.buffer = Buffer.concat(this.#waiting, this.#waitingBytes);
      this.#waiting = [];
      this.#waitingBytes = 0;
    } else {
      this.buffer = chunk;
    }
    this.end = 0;
  }

  /** Moves to the next whole frame; false when more bytes are needed. */
  next(): boolean {
    if (this.#waitingBytes > 0) return false;
    const at = this.end;
    const available = this.buffer.length - at;
    if (available < 5) return this.#wait(at, available, 5);
    const length = this.buffer.readInt32BE(at + 1);
    if (length < 4 || length > this.#maxFrameBytes) {
      throw new MillraceError(
        'protocol',
        `a frame from PostgreSQL announces ${length} bytes: expected 4 to ${this.#maxFrameBytes}; is this a PostgreSQL server?`,
      );
    }
    if (available < 1 + length) return this.#wait(at, available, 1 + length);
    this.type = this.buffer[at] ?? 0;
    this.start = at + 5;
    this.end = at + 1 + length;
    return true;
  }

  #wait(at: number, available: number, needed: number): false {
    if (available > 0) {
      this.#waiting = [this.buffer.subarray(at)];
      this.#waitingBytes = available;
    }
    this.#needed = needed;
    this.buffer = EMPTY;
    this.end = 0;
    return false;
  }
}

const EMPTY = Buffer.alloc(0);
