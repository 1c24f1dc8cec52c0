/**
 * CRC-32C (Castagnoli), which Kafka's record batches carry; `node:zlib` only has the other polynomial. Eight bytes a
 * step by the slicing tables that Intel described (https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4 has vectors).
 */
const POLYNOMIAL = 0x82f63b78;
const TABLES: readonly Int32Array[] = makeTables();

function makeTables(): Int32Array[] {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  const [first = new Int32Array(256)] = tables;
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[i] = crc;
  }
  for (let t = 1; t < 8; t++) {
    const [table, before] = [tables[t], tables[t - 1]];
    if (table === undefined || before === undefined) continue;
    for (let i = 0; i < 256; i++) {
      const crc = before[i] ?? 0;
      table[i] = (crc >>> 8) ^ (first[crc & 0xff] ?? 0);
    }
  }
  return tables;
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as unknown as readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** The checksum of `data[start, end)` as an unsigned 32-bit number. */
export function crc32c(data: Uint8Array, start = 0, end = data.length): number {
  let crc = -1;
  let at = start;
  // Indices are in range by construction; `| 0` keeps the compiler on integers where TypeScript sees `undefined`.
  for (const last = end - 8; at <= last; at += 8) {
    const low =
      crc ^
      ((data[at] as number) |
        ((data[at + 1] as number) << 8) |
        ((data[at + 2] as number) << 16) |
        ((data[at + 3] as number) << 24));
    crc =
      (T7[low & 0xff] as number) ^
      (T6[(low >>> 8) & 0xff] as number) ^
      (T5[(low >>> 16) & 0xff] as number) ^
      (T4[low >>> 24] as number) ^
      (T3[data[at + 4] as number] as number) ^
      (T2[data[at + 5] as number] as number) ^
      (T1[data[at + 6] as number] as number) ^
      (T0[data[at + 7] as number] as number);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (T0[(crc ^ (data[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
