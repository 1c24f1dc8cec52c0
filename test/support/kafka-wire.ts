/**
 * A committed reader of the tests' own: Metadata and Fetch on a plain socket, record batches decoded by the book
 * (https://kafka.apache.org/documentation/#recordbatch). It shares no code with kafkajs and none with src/, so it can
 * judge both. One broker, PLAINTEXT.
 */
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { ByteReader } from '../../src/source/bytes.ts';
import { waitFor } from './servers.ts';

export interface WireRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly name: string; readonly value: Buffer | null }[];
  readonly timestampMs: number;
}

/** The text of a record's value, the commonest question of a test. */
export const textOf = (record: WireRecord): string => String(record.value);

interface Batch {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly producerId: bigint;
  readonly baseTimestamp: bigint;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly count: number;
  readonly codec: number;
  readonly body: Buffer;
}

const METADATA = 3;
const FETCH = 1;
const UNKNOWN_TOPIC = 3;
/** Unknown, without a leader, not the leader: a topic that was just created. */
const NOT_THERE_YET = [UNKNOWN_TOPIC, 5, 6];

/** All that a committed reader sees of a topic now, by partition and offset; nothing when there is no such topic. */
export async function readWire(bootstrap: string, topic: string): Promise<readonly WireRecord[]> {
  const client = await WireClient.connect(bootstrap);
  try {
    const out: WireRecord[] = [];
    for (let partition = 0; partition < (await client.partitions(topic)); partition++) {
      out.push(...(await client.read(topic, partition)));
    }
    return out;
  } finally {
    client.close();
  }
}

/** Number of partitions of a topic, 0 when there is none. */
export async function partitionCount(bootstrap: string, topic: string): Promise<number> {
  const client = await WireClient.connect(bootstrap);
  try {
    return await client.partitions(topic);
  } finally {
    client.close();
  }
}

/** Resolves when every partition of a new topic has a leader that answers. */
export async function topicReady(bootstrap: string, topic: string, partitions: number): Promise<void> {
  await waitFor(`topic ${topic} to be known`, async () => (await partitionCount(bootstrap, topic)) === partitions);
  for (let partition = 0; partition < partitions; partition++) {
    await waitFor(`${topic}/${partition} to have a leader`, () => ends(bootstrap, topic, partition));
  }
}

/** Up to where committed readers see a partition, and up to where it is written; null when it is not there (yet). */
export async function ends(
  bootstrap: string,
  topic: string,
  partition: number,
): Promise<{ readonly lastStable: bigint; readonly highWatermark: bigint } | null> {
  const client = await WireClient.connect(bootstrap);
  try {
    const fetched = await client.fetch(topic, partition, 0n);
    return fetched && { lastStable: fetched.lastStable, highWatermark: fetched.highWatermark };
  } finally {
    client.close();
  }
}

class WireClient {
  readonly #socket: Socket;
  #correlation = 0;
  #wake: () => void = () => {};
  constructor(socket: Socket) {
    this.#socket = socket;
    for (const event of ['readable', 'end', 'close', 'error']) socket.on(event, () => this.#wake());
  }

  static async connect(bootstrap: string): Promise<WireClient> {
    const [host, port] = bootstrap.split(':');
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    return new WireClient(socket);
  }

  close(): void {
    this.#socket.destroy();
  }

  async partitions(topic: string): Promise<number> {
    const reader = await this.#call(METADATA, 1, Buffer.concat([i32(1), string(topic)]));
    for (let brokers = reader.i32be(); brokers > 0; brokers--) {
      reader.skip(4);
      skipString(reader);
      reader.skip(4);
      skipString(reader);
    }
    reader.skip(8); // controller, number of topics (one)
    const error = reader.u16be();
    if (error === UNKNOWN_TOPIC) return 0;
    if (error !== 0) throw new Error(`metadata of ${topic}: error ${error}`);
    skipString(reader);
    reader.skip(1);
    return reader.i32be();
  }

  /** Null when the broker does not have the partition (yet). */
  async fetch(topic: string, partition: number, offset: bigint): Promise<Fetched | null> {
    const max = 8 * 1024 * 1024;
    const head = [i32(-1), i32(0), i32(0), i32(max), Buffer.from([1])]; // isolation level: read committed
    const body = Buffer.concat([...head, i32(1), string(topic), i32(1), i32(partition), i64(offset), i32(max)]);
    const reader = await this.#call(FETCH, 4, body);
    reader.skip(8);
    skipString(reader);
    reader.skip(8);
    const error = reader.u16be();
    if (NOT_THERE_YET.includes(error)) return null;
    if (error !== 0) throw new Error(`fetch of ${topic}/${partition} at ${offset}: error ${error}`);
    const highWatermark = reader.i64be();
    const lastStable = reader.i64be();
    const aborted: { producerId: bigint; firstOffset: bigint }[] = [];
    for (let count = reader.i32be(); count > 0; count--) {
      aborted.push({ producerId: reader.i64be(), firstOffset: reader.i64be() });
    }
    return { highWatermark, lastStable, aborted, batches: batches(reader.bytes(Math.max(0, reader.i32be()))) };
  }

  async read(topic: string, partition: number): Promise<WireRecord[]> {
    const out: WireRecord[] = [];
    const aborting = new Set<bigint>();
    let position = 0n;
    let end: bigint | null = null;
    while (end === null || position < end) {
      const fetched = await this.fetch(topic, partition, position);
      if (fetched === null) return [];
      end ??= fetched.lastStable;
      // The broker lists aborted transactions in the order in which they ended, not in which they began.
      const starts = fetched.aborted.toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
      for (const batch of fetched.batches) {
        while (starts[0] && starts[0].firstOffset <= batch.lastOffset) aborting.add(starts.shift()?.producerId ?? -1n);
        if (batch.control) aborting.delete(batch.producerId);
        else if (!batch.transactional || !aborting.has(batch.producerId)) out.push(...records(batch, partition));
        position = batch.lastOffset + 1n;
      }
      if (fetched.batches.length === 0) position = end;
      aborting.clear();
    }
    return out.filter(({ offset }) => offset < (end ?? 0n));
  }

  async #call(api: number, version: number, body: Buffer): Promise<ByteReader> {
    const id = ++this.#correlation;
    const message = Buffer.concat([i16(api), i16(version), i32(id), string('test'), body]);
    this.#socket.write(Buffer.concat([i32(message.length), message]));
    const head = await this.#read(4);
    return new ByteReader(await this.#read(head.readInt32BE(0)), 4);
  }

  async #read(length: number): Promise<Buffer> {
    for (;;) {
      const chunk: unknown = this.#socket.read(length);
      if (chunk instanceof Buffer && chunk.length === length) return chunk;
      if (this.#socket.readableEnded || this.#socket.destroyed) throw new Error('the broker closed the connection');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

interface Fetched {
  readonly highWatermark: bigint;
  readonly lastStable: bigint;
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[];
  readonly batches: readonly Batch[];
}

/** Whole batches; a fetch may end in a cut one. */
function batches(data: Buffer): Batch[] {
  const out: Batch[] = [];
  for (let at = 0; at + 61 <= data.length; ) {
    const baseOffset = data.readBigInt64BE(at);
    const length = data.readInt32BE(at + 8);
    const end = at + 12 + length;
    if (end > data.length) break;
    const attributes = data.readInt16BE(at + 21);
    out.push({
      baseOffset,
      lastOffset: baseOffset + BigInt(data.readInt32BE(at + 23)),
      baseTimestamp: data.readBigInt64BE(at + 27),
      producerId: data.readBigInt64BE(at + 43),
      count: data.readInt32BE(at + 57),
      codec: attributes & 7,
      transactional: (attributes & 16) !== 0,
      control: (attributes & 32) !== 0,
      body: data.subarray(at + 61, end),
    });
    at = end;
  }
  return out;
}

function records(batch: Batch, partition: number): WireRecord[] {
  const reader = new ByteReader(decompress(batch));
  const out: WireRecord[] = [];
  for (let i = 0; i < batch.count; i++) {
    varint(reader); // length
    reader.skip(1);
    const timestampMs = Number(batch.baseTimestamp + varint(reader));
    const offset = batch.baseOffset + varint(reader);
    const key = bytes(reader);
    const value = bytes(reader);
    const headers = Array.from({ length: Number(varint(reader)) }, () => ({
      name: String(bytes(reader)),
      value: bytes(reader),
    }));
    out.push({ partition, offset, key, value, headers, timestampMs });
  }
  return out;
}

function decompress({ codec, body }: Batch): Buffer {
  if (codec === 0) return body;
  if (codec === 1) return gunzipSync(body);
  if (codec === 4) return zstdDecompressSync(body);
  throw new Error(`a batch with codec ${codec}: the tests' reader knows none, gzip and zstd`);
}

function bytes(reader: ByteReader): Buffer | null {
  const length = Number(varint(reader));
  return length < 0 ? null : reader.bytes(length);
}

/** Zig-zag, least significant group first. */
function varint(reader: ByteReader): bigint {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = reader.u8();
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return (value >> 1n) ^ -(value & 1n);
  }
}

function skipString(reader: ByteReader): void {
  const length = reader.u16be();
  if (length !== 0xffff) reader.skip(length);
}

function i16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}
function i32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}
function i64(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return buffer;
}
function string(text: string): Buffer {
  return Buffer.concat([i16(Buffer.byteLength(text)), Buffer.from(text)]);
}
