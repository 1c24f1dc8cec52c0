/**
 * Kafka's record batch, format 2: records to bytes, pure
 * (https://kafka.apache.org/documentation/#recordbatch). Written straight into the request, without an object,
 * a string or a copy per record: this is what kafkajs spends most of its time on.
 */
import type { OutRecord } from '../change/message.ts';
import { crc32c } from './crc32c.ts';

/** Bytes of a batch before its first record. */
export const BATCH_HEADER_BYTES = 61;
const MAGIC = 2;
/** Attributes: transactional (bit 4), no compression, create time. */
const TRANSACTIONAL = 0x10;

export interface BatchProducer {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly baseSequence: number;
}

/** An upper bound of the bytes that a record takes in a batch, header names counted as UTF-8. */
export function recordBound(record: OutRecord): number {
  // length 5, attributes 1, timestamp delta 10, offset delta 5, key and value lengths 5 each, header count 5
  let bytes = 36 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { name, value } of record.headers) bytes += 10 + nameBytes(name).length + (value?.length ?? 0);
  return bytes;
}

/** Writes a batch of at least one record at `at` and gives the offset behind it. The caller has made room. */
export function writeBatch(target: Buffer, at: number, records: readonly OutRecord[], producer: BatchProducer): number {
  const baseTimestamp = records[0]?.timestampMs ?? 0;
  let maxTimestamp = baseTimestamp;
  let end = at + BATCH_HEADER_BYTES;
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as OutRecord;
    if (record.timestampMs > maxTimestamp) maxTimestamp = record.timestampMs;
    end = writeRecord(target, end, record, record.timestampMs - baseTimestamp, i);
  }
  target.writeBigInt64BE(0n, at); // base offset: the broker's to give
  target.writeInt32BE(end - at - 12, at + 8);
  target.writeInt32BE(-1, at + 12); // partition leader epoch
  target[at + 16] = MAGIC;
  target.writeInt16BE(TRANSACTIONAL, at + 21);
  target.writeInt32BE(records.length - 1, at + 23);
  writeInt64(target, at + 27, baseTimestamp);
  writeInt64(target, at + 35, maxTimestamp);
  target.writeBigInt64BE(producer.producerId, at + 43);
  target.writeInt16BE(producer.epoch, at + 51);
  target.writeInt32BE(producer.baseSequence, at + 53);
  target.writeInt32BE(records.length, at + 57);
  target.writeUInt32BE(crc32c(target, at + 21, end), at + 17);
  return end;
}

function writeRecord(
  target: Buffer,
  at: number,
  record: OutRecord,
  timestampDelta: number,
  offsetDelta: number,
): number {
  const { key, value, headers } = record;
  let bytes = 1 + varlongBytes(timestampDelta) + varintBytes(offsetDelta) + fieldBytes(key) + fieldBytes(value);
  bytes += varintBytes(headers.length);
  for (const header of headers) bytes += fieldBytes(nameBytes(header.name)) + fieldBytes(header.value);
  let end = writeVarint(target, at, bytes);
  target[end++] = 0; // attributes
  end = writeVarlong(target, end, timestampDelta);
  end = writeVarint(target, end, offsetDelta);
  end = writeField(target, end, key);
  end = writeField(target, end, value);
  end = writeVarint(target, end, headers.length);
  for (const header of headers) {
    end = writeField(target, end, nameBytes(header.name));
    end = writeField(target, end, header.value);
  }
  return end;
}

/** Header names are few and repeat for ever. */
const names = new Map<string, Buffer>();
function nameBytes(name: string): Buffer {
  let bytes = names.get(name);
  if (bytes === undefined) {
    bytes = Buffer.from(name);
    if (names.size > 10_000) names.clear();
    names.set(name, bytes);
  }
  return bytes;
}

function fieldBytes(field: Buffer | null): number {
  return field === null ? 1 : varintBytes(field.length) + field.length;
}

function writeField(target: Buffer, at: number, field: Buffer | null): number {
  if (field === null) return writeVarint(target, at, -1);
  const start = writeVarint(target, at, field.length);
  target.set(field, start);
  return start + field.length;
}

/** Zigzag: small negative numbers stay short. */
function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

function writeVarint(target: Buffer, at: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  let end = at;
  while (zigzag >= 0x80) {
    target[end++] = (zigzag & 0x7f) | 0x80;
    zigzag >>>= 7;
  }
  target[end++] = zigzag;
  return end;
}

const SMALL = 0x3fff_ffff;

function varlongBytes(value: number): number {
  if (value <= SMALL && value >= -SMALL) return varintBytes(value);
  let bytes = 1;
  for (let zigzag = zigzag64(value); zigzag >= 0x80n; zigzag >>= 7n) bytes++;
  return bytes;
}

function writeVarlong(target: Buffer, at: number, value: number): number {
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

function writeInt64(target: Buffer, at: number, value: number): void {
  target.writeBigInt64BE(BigInt(value), at);
}
