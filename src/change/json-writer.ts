const HEX = Buffer.from('0123456789abcdef');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SHORT: ReadonlyMap<number, number> = new Map([
  [0x08, 0x62],
  [0x09, 0x74],
  [0x0a, 0x6e],
  [0x0c, 0x66],
  [0x0d, 0x72],
]);

/** JSON in a buffer that grows: no string is made of text that is there as bytes. One writer serves many records. */
export class JsonWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(size = 4096) {
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }

  /** Bytes written since the last `reset`. */
  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
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

  /** ASCII text that is JSON already: numbers, words, punctuation. */
  ascii(text: string): void {
    this.#room(text.length);
    this.#length += this.#buffer.write(text, this.#length, 'latin1');
  }

  /** A JSON string of UTF-8 bytes. Escapes what JSON wants escaped, in the short form where it has one. */
  string(utf8: Uint8Array): void {
    this.#room(2 + utf8.length * 6);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = QUOTE;
    for (let i = 0; i < utf8.length; i++) {
      const byte = utf8[i] as number;
      if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
        buffer[at++] = byte;
        continue;
      }
      buffer[at++] = BACKSLASH;
      const short = byte >= 0x20 ? byte : SHORT.get(byte);
      if (short !== undefined) buffer[at++] = short;
      else {
        buffer[at++] = 0x75;
        buffer[at++] = 0x30;
        buffer[at++] = 0x30;
        buffer[at++] = HEX[byte >> 4] as number;
        buffer[at++] = HEX[byte & 15] as number;
      }
    }
    buffer[at++] = QUOTE;
    this.#length = at;
  }

  /** A JSON string of base64, as JsonConverter writes bytes. */
  base64(bytes: Buffer): void {
    const text = bytes.toString('base64');
    this.#room(text.length + 2);
    this.#buffer[this.#length++] = QUOTE;
    this.#length += this.#buffer.write(text, this.#length, 'latin1');
    this.#buffer[this.#length++] = QUOTE;
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
