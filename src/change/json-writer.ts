/**
 * JSON as Kafka Connect's JsonConverter writes it, byte for byte: Jackson's UTF-8 generator, which escapes control
 * characters with upper-case hexadecimal digits and what lies beyond the basic plane as a pair of surrogates.
 */

const HEX = Buffer.from('0123456789ABCDEF');
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PADDING = 0x3d;
const BY_HAND_TO = 48;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
/** The first byte of a UTF-8 sequence of four. */
const FOUR_BYTES = 0xf0;
const SHORT: ReadonlyMap<number, number> = new Map([
  [0x08, 0x62],
  [0x09, 0x74],
  [0x0a, 0x6e],
  [0x0c, 0x66],
  [0x0d, 0x72],
]);
/** Longer texts are looked through first and copied whole where nothing is to escape. */
const COPY_FROM = 64;

const FIRST_BYTES = 4096;
const KEPT_BYTES = 4 * 1024 * 1024;

/** JSON in a buffer that grows: no string is made of text that is there as bytes. One writer serves many records. */
export class JsonWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(size = FIRST_BYTES) {
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }

  /** Bytes written since the last `reset`. */
  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
    // A record that was unusually large does not hold its memory for ever.
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  /** Takes back what is written behind `length`: a value that turned out to be none. */
  cut(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  /** A view of what is written, until the next write. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Bytes that are JSON already. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A part of some bytes, up to `end`, that is JSON already: short ones, such as the digits of a number. */
  slice(bytes: Uint8Array, start: number, end: number): void {
    this.#room(end - start);
    const buffer = this.#buffer;
    let at = this.#length;
    for (let i = start; i < end; i++) buffer[at++] = bytes[i] as number;
    this.#length = at;
  }

  /** One byte of JSON: punctuation. */
  byte(byte: number): void {
    this.#room(1);
    this.#buffer[this.#length++] = byte;
  }

  /** ASCII text that is JSON already: numbers, words, punctuation. */
  ascii(text: string): void {
    this.#room(text.length);
    this.#length += this.#buffer.write(text, this.#length, 'latin1');
  }

  /** A whole number. */
  integer(value: number | bigint): void {
    if (typeof value === 'bigint' || !Number.isSafeInteger(value)) {
      this.ascii(String(value));
      return;
    }
    this.#room(17);
    let rest = value;
    if (rest < 0) {
      this.#buffer[this.#length++] = MINUS;
      rest = -rest;
    }
    let end = this.#length + 1;
    for (let limit = 10; limit <= rest; limit *= 10) end++;
    this.#length = end;
    do {
      const next = Math.floor(rest / 10);
      this.#buffer[--end] = ZERO + (rest - next * 10);
      rest = next;
    } while (rest > 0);
  }

  /** A JSON string of UTF-8 bytes. Escapes what Jackson escapes, in the short form where there is one. */
  string(utf8: Uint8Array): void {
    const added = utf8.length < COPY_FROM ? utf8.length * 5 : escapedBytes(utf8);
    this.#room(2 + utf8.length + added);
    if (added > 0) this.#escaped(utf8);
    else {
      const buffer = this.#buffer;
      buffer[this.#length] = QUOTE;
      buffer.set(utf8, this.#length + 1);
      this.#length += utf8.length + 2;
      buffer[this.#length - 1] = QUOTE;
    }
  }

  #escaped(utf8: Uint8Array): void {
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = QUOTE;
    for (let i = 0; i < utf8.length; i++) {
      const byte = utf8[i] as number;
      if (byte >= 0x20 && byte < FOUR_BYTES && byte !== QUOTE && byte !== BACKSLASH) {
        buffer[at++] = byte;
        continue;
      }
      if (byte >= FOUR_BYTES) {
        const point = codePoint(utf8, i) - 0x1_0000;
        at = escape(buffer, at, 0xd800 | (point >> 10));
        at = escape(buffer, at, 0xdc00 | (point & 0x3ff));
        i += 3;
        continue;
      }
      const short = byte >= 0x20 ? byte : SHORT.get(byte);
      if (short === undefined) at = escape(buffer, at, byte);
      else {
        buffer[at++] = BACKSLASH;
        buffer[at++] = short;
      }
    }
    buffer[at++] = QUOTE;
    this.#length = at;
  }

  /** A JSON string of base64, as JsonConverter writes bytes. */
  base64(bytes: Uint8Array): void {
    if (bytes.length <= BY_HAND_TO) {
      this.#shortBase64(bytes);
      return;
    }
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    this.#room(text.length + 2);
    this.#buffer[this.#length++] = QUOTE;
    this.#length += this.#buffer.write(text, this.#length, 'latin1');
    this.#buffer[this.#length++] = QUOTE;
  }

  /** Decimals are a few bytes each: no string is made for them. */
  #shortBase64(bytes: Uint8Array): void {
    this.#room(2 + Math.ceil(bytes.length / 3) * 4);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = QUOTE;
    for (let i = 0; i < bytes.length; i += 3) {
      const rest = bytes.length - i;
      const three = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
      buffer[at++] = BASE64[three >> 18] as number;
      buffer[at++] = BASE64[(three >> 12) & 63] as number;
      buffer[at++] = rest > 1 ? (BASE64[(three >> 6) & 63] as number) : PADDING;
      buffer[at++] = rest > 2 ? (BASE64[three & 63] as number) : PADDING;
    }
    buffer[at++] = QUOTE;
    this.#length = at;
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

/** How many bytes the escapes of a text take beyond the text. */
function escapedBytes(utf8: Uint8Array): number {
  let added = 0;
  for (let i = 0; i < utf8.length; i++) {
    const byte = utf8[i] as number;
    if (byte < 0x20) added += 5;
    else if (byte === QUOTE || byte === BACKSLASH) added += 1;
    // Four bytes become two sequences of six.
    else if (byte >= FOUR_BYTES) added += 8;
  }
  return added;
}

function codePoint(utf8: Uint8Array, at: number): number {
  const low = (offset: number): number => (utf8[at + offset] ?? 0) & 0x3f;
  return (((utf8[at] ?? 0) & 0x07) << 18) | (low(1) << 12) | (low(2) << 6) | low(3);
}

/** Writes a UTF-16 unit as an escape sequence and gives the offset behind it. */
function escape(buffer: Buffer, at: number, unit: number): number {
  buffer[at] = BACKSLASH;
  buffer[at + 1] = 0x75;
  for (let i = 0; i < 4; i++) buffer[at + 2 + i] = HEX[(unit >> (12 - 4 * i)) & 15] as number;
  return at + 6;
}
