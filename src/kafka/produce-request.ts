/**
 * Produce, version 8, as whole frames (https://kafka.apache.org/protocol#The_Messages_Produce). Version 8 is the first
 * that says which records a broker refused and why; every broker from 2.4 to 4.x takes it.
 */
import { MillraceError } from '../errors.ts';
import { BATCH_HEADER_BYTES, type BatchProducer, type Selection, writeBatch } from './record-batch.ts';

export const PRODUCE = { apiKey: 0, apiVersion: 8, apiName: 'Produce' } as const;
/** acks=all: the only setting under which a transaction is durable. */
const ALL = -1;

/** The records of one partition in a request. `bytes` is at least what they take in a batch. */
export interface ProducePart extends Selection {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: number;
  readonly baseSequence: number;
}

export interface ProduceOptions {
  readonly clientId: string;
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly epoch: number;
  readonly timeoutMs: number;
  /** Parts of a topic stand together. */
  readonly parts: readonly ProducePart[];
}

/** Bytes of buffer that a request needs at most. */
export function produceBound(options: ProduceOptions): number {
  let bytes = 64 + Buffer.byteLength(options.clientId) + Buffer.byteLength(options.transactionalId);
  for (const part of options.parts) bytes += 16 + Buffer.byteLength(part.topic) + BATCH_HEADER_BYTES + part.bytes;
  return bytes;
}

/** Writes the frame into `target`, which has `produceBound` bytes, and gives the part of it that was used. */
export function writeProduce(target: Buffer, correlationId: number, options: ProduceOptions): Buffer {
  const { parts } = options;
  target.writeInt16BE(PRODUCE.apiKey, 4);
  target.writeInt16BE(PRODUCE.apiVersion, 6);
  target.writeInt32BE(correlationId, 8);
  let at = writeString(target, 12, options.clientId);
  at = writeString(target, at, options.transactionalId);
  at = target.writeInt16BE(ALL, at);
  at = target.writeInt32BE(options.timeoutMs, at);
  at = target.writeInt32BE(countTopics(parts), at);
  for (let first = 0; first < parts.length; ) {
    const topic = parts[first]?.topic ?? '';
    let next = first;
    while (parts[next]?.topic === topic) next++;
    at = writeString(target, at, topic);
    at = target.writeInt32BE(next - first, at);
    for (; first < next; first++) at = writePart(target, at, parts[first] as ProducePart, options);
  }
  target.writeInt32BE(at - 4, 0);
  return target.subarray(0, at);
}

function writePart(
  target: Buffer,
  at: number,
  part: ProducePart,
  options: Omit<BatchProducer, 'baseSequence'>,
): number {
  target.writeInt32BE(part.partition, at);
  const { producerId, epoch } = options;
  const end = writeBatch(target, at + 8, part, { producerId, epoch, baseSequence: part.baseSequence });
  target.writeInt32BE(end - at - 8, at + 4);
  return end;
}

function countTopics(parts: readonly ProducePart[]): number {
  let topics = 0;
  let last: string | null = null;
  for (const { topic } of parts) {
    if (topic !== last) topics++;
    last = topic;
  }
  return topics;
}

function writeString(target: Buffer, at: number, text: string): number {
  const bytes = target.write(text, at + 2);
  target.writeInt16BE(bytes, at);
  return at + 2 + bytes;
}

export interface ProduceFailure {
  readonly topic: string;
  readonly partition: number;
  /** The protocol's error code (https://kafka.apache.org/protocol#protocol_error_codes). */
  readonly code: number;
  readonly message: string | null;
}

/**
 * The first partition that a response refuses, or null; `accepted` hears of the others, with the offset of the batch's
 * first record. Throws `protocol` for a response that is cut.
 */
export function readProduce(
  payload: Buffer,
  accepted: (topic: string, partition: number, baseOffset: bigint) => void = () => {},
): ProduceFailure | null {
  let failure: ProduceFailure | null = null;
  try {
    let at = 4;
    for (let topics = payload.readInt32BE(0); topics > 0; topics--) {
      const nameEnd = at + 2 + payload.readInt16BE(at);
      const topic = payload.toString('utf8', at + 2, nameEnd);
      at = nameEnd + 4;
      for (let partitions = payload.readInt32BE(nameEnd); partitions > 0; partitions--) {
        const partition = payload.readInt32BE(at);
        const code = payload.readInt16BE(at + 4);
        const baseOffset = payload.readBigInt64BE(at + 6);
        at += 30; // partition, error code, base offset, append time, log start offset
        let errors = payload.readInt32BE(at);
        for (at += 4; errors > 0; errors--) at = skipString(payload, at + 4);
        const end = skipString(payload, at);
        const message = end > at + 2 ? payload.toString('utf8', at + 2, end) : null;
        at = end;
        if (code === 0) accepted(topic, partition, baseOffset);
        else failure ??= { topic, partition, code, message };
      }
    }
  } catch (error) {
    throw new MillraceError('protocol', `a Produce response of ${payload.length} bytes is cut short`, { cause: error });
  }
  return failure;
}

/** A nullable string: -1 has no bytes. */
function skipString(payload: Buffer, at: number): number {
  const end = at + 2 + Math.max(0, payload.readInt16BE(at));
  if (end > payload.length) throw new RangeError('a string is cut');
  return end;
}
