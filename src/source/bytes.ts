import { MillraceError } from '../errors.ts';

/**
 * Reads integers and strings from a part of a buffer. Every read is checked against the part's end, so that a cut or
 * foreign message is an error and never a value from the neighbouring message.
 */
export class ByteReader {
  #buffer: Buffer;
  #position: number;
  #end: number;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#position = start;
    this.#end = end;
  }

  /** Points the reader at another part; lets one reader serve a whole stream. */
  reset(buffer: Buffer, start: number, end: number): void {
    this.#buffer = buffer;
    this.#position = start;
    this.#end = end;
  }

  get buffer(): Buffer {
    return this.#buffer;
  }
  get position(): number {
    return this.#position;
  }
  get remaining(): number {
    return this.#end - this.#position;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }
  u16be(): number {
    return this.#buffer.readUInt16BE(this.#take(2));
  }
  u32be(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }
  i32be(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }
  u64be(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }
  i64be(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  /** A view of the next bytes, not a copy. */
  bytes(length: number): Buffer {
    const start = this.#take(length);
    return this.#buffer.subarray(start, start + length);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** A zero-terminated UTF-8 string. */
  cstring(): string {
    const zero = this.#buffer.indexOf(0, this.#position);
    if (zero < 0 || zero >= this.#end) throw cut('a string without its terminating zero', this.remaining);
    const text = this.#buffer.toString('utf8', this.#position, zero);
    this.#position = zero + 1;
    return text;
  }

  #take(length: number): number {
    const start = this.#position;
    if (length < 0 || start + length > this.#end) throw cut(`${length} more bytes`, this.#end - start);
    this.#position = start + length;
    return start;
  }
}

function cut(expected: string, got: number): MillraceError {
  return new MillraceError(
    'protocol',
    `a message from the database is cut short: expected ${expected}, got ${got} bytes`,
  );
}
