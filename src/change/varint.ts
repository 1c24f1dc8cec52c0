/**
 * Kafka's variable-length integers: seven bits a byte, zigzag, so that small negative numbers stay short
 * (https://protobuf.dev/programming-guides/encoding/#signed-ints).
 */

/** Bytes of a 32-bit number. */
export function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

/** Writes a 32-bit number and gives the offset behind it. */
export function writeVarint(target: Buffer, at: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  let end = at;
  while (zigzag >= 0x80) {
    target[end++] = (zigzag & 0x7f) | 0x80;
    zigzag >>>= 7;
  }
  target[end++] = zigzag;
  return end;
}

/** Reads a 32-bit number at `at`; the bytes it takes are `varintBytes` of it. */
export function readVarint(source: Uint8Array, at: number): number {
  let zigzag = 0;
  let shift = 0;
  let position = at;
  for (;;) {
    const byte = source[position++] ?? 0;
    zigzag |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1);
    shift += 7;
  }
}

/** Numbers up to this size, either way, need no 64 bits. */
const SMALL = 0x3fff_ffff;

/** Bytes of a whole number of up to 53 bits. */
export function varlongBytes(value: number): number {
  if (value <= SMALL && value >= -SMALL) return varintBytes(value);
  let bytes = 1;
  for (let zigzag = zigzag64(value); zigzag >= 0x80n; zigzag >>= 7n) bytes++;
  return bytes;
}

/** Writes a whole number of up to 53 bits and gives the offset behind it. */
export function writeVarlong(target: Buffer, at: number, value: number): number {
  if (value <= SMALL && value >= -SMALL) return writeVarint(target, at, value);
  let end = at;
  let zigzag = zigzag64(value);
  for (; zigzag >= 0x80n; zigzag >>= 7n) target[end++] = Number(zigzag & 0x7fn) | 0x80;
  target[end++] = Number(zigzag);
  return end;
}

function zigzag64(value: number): bigint {
  const wide = BigInt(value);
  return BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
}
