/**
 * Kafka's record batch, format 2: records to bytes, pure
 * (https://kafka.apache.org/documentation/#recordbatch). Written straight into the request: an object, a string or a
 * promise per record is what kafkajs spends most of its time on.
 */
import type { Records } from '../change/records.ts';
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from '../change/varint.ts';
import { crc32c } from './crc32c.ts';

/** Bytes of a batch before its first record. */
export const BATCH_HEADER_BYTES = 61;
/** Bytes of a record before its tail, at most: length, attributes, time stamp delta, offset delta. */
export const RECORD_HEAD_BYTES = 21;
const MAGIC = 2;
/** Attributes: transactional (bit 4), no compression, create time. */
const TRANSACTIONAL = 0x10;

export interface BatchProducer {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly baseSequence: number;
}

/** Some of the records of a list, by index: at least one. */
export interface Selection {
  readonly records: Records;
  readonly indexes: readonly number[];
}

/** Writes a batch at `at` and gives the offset behind it. The caller has made room. */
export function writeBatch(target: Buffer, at: number, selection: Selection, producer: BatchProducer): number {
  const { records, indexes } = selection;
  const baseTimestamp = records.timestampMs(indexes[0] ?? 0);
  let maxTimestamp = baseTimestamp;
  let end = at + BATCH_HEADER_BYTES;
  for (let i = 0; i < indexes.length; i++) {
    const index = indexes[i] as number;
    const timestamp = records.timestampMs(index);
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    const delta = timestamp - baseTimestamp;
    end = writeVarint(target, end, 1 + varlongBytes(delta) + varintBytes(i) + records.tailBytes(index));
    target[end++] = 0; // attributes, unused
    end = writeVarlong(target, end, delta);
    end = writeVarint(target, end, i);
    end = records.copyTail(index, target, end);
  }
  target.writeBigInt64BE(0n, at); // base offset: the broker's to give
  target.writeInt32BE(end - at - 12, at + 8);
  target.writeInt32BE(-1, at + 12); // partition leader epoch
  target[at + 16] = MAGIC;
  target.writeInt16BE(TRANSACTIONAL, at + 21);
  target.writeInt32BE(indexes.length - 1, at + 23);
  target.writeBigInt64BE(BigInt(baseTimestamp), at + 27);
  target.writeBigInt64BE(BigInt(maxTimestamp), at + 35);
  target.writeBigInt64BE(producer.producerId, at + 43);
  target.writeInt16BE(producer.epoch, at + 51);
  target.writeInt32BE(producer.baseSequence, at + 53);
  target.writeInt32BE(indexes.length, at + 57);
  target.writeUInt32BE(crc32c(target, at + 21, end), at + 17);
  return end;
}
