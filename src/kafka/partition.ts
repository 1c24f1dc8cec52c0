/**
 * The Java client's default partition for a key: murmur2 with its seed, made positive, modulo the number of partitions
 * (org.apache.kafka.common.utils.Utils), so that consumers that join with other producers' topics find their keys.
 */
export function murmur2(data: Uint8Array, start = 0, end = data.length): number {
  const length = end - start;
  let h = 0x9747b28c ^ length;
  const whole = start + (length & ~3);
  for (let i = start; i < whole; i += 4) {
    let k = (data[i] ?? 0) | ((data[i + 1] ?? 0) << 8) | ((data[i + 2] ?? 0) << 16) | ((data[i + 3] ?? 0) << 24);
    k = Math.imul(k, 0x5bd1e995);
    k ^= k >>> 24;
    h = Math.imul(h, 0x5bd1e995) ^ Math.imul(k, 0x5bd1e995);
  }
  const tail = length & 3;
  if (tail === 3) h ^= (data[whole + 2] ?? 0) << 16;
  if (tail >= 2) h ^= (data[whole + 1] ?? 0) << 8;
  if (tail >= 1) h = Math.imul(h ^ (data[whole] ?? 0), 0x5bd1e995);
  h ^= h >>> 13;
  h = Math.imul(h, 0x5bd1e995);
  return h ^ (h >>> 15);
}

/** The partition of a key, `data[start, end)`, among `count`. */
export function partitionOf(data: Uint8Array, count: number, start = 0, end = data.length): number {
  return (murmur2(data, start, end) & 0x7fff_ffff) % count;
}
