import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { Records } from '../../src/change/records.ts';
import { crc32c } from '../../src/kafka/crc32c.ts';
import { produceBound, readProduce, writeProduce } from '../../src/kafka/produce-request.ts';
import { BATCH_HEADER_BYTES, RECORD_HEAD_BYTES, writeBatch } from '../../src/kafka/record-batch.ts';
import { record } from '../support/arbitrary-record.ts';

const require = createRequire(import.meta.url);
interface Decoded {
  readonly firstTimestamp: string;
  readonly maxTimestamp: string;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly inTransaction: boolean;
  readonly records: readonly {
    readonly offset: string;
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, Buffer | Buffer[]>>;
  }[];
}
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => { readInt64(): unknown };
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<Decoded>;

/** kafkajs' decoder is the second opinion. It begins behind the magic byte's prefix, as its fetch decoder does. */
async function decode(batch: Buffer): Promise<Decoded> {
  return decodeBatch(new Decoder(batch));
}

const PRODUCER = { producerId: 9_007_199_254_740_993n, epoch: 12, baseSequence: 2_147_483_640 };

test('a batch is what an independent decoder reads back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record(), { minLength: 1, maxLength: 20 }), async (given) => {
      const records = Records.of(given);
      const indexes = given.map((_, i) => i);
      const bound = indexes.reduce((sum, i) => sum + RECORD_HEAD_BYTES + records.tailBytes(i), BATCH_HEADER_BYTES);
      const target = Buffer.alloc(bound + 7, 0xee);
      const end = writeBatch(target, 7, { records, indexes }, PRODUCER);
      assert.ok(end <= bound + 7);
      const batch = await decode(target.subarray(7, end));
      assert.equal(batch.producerId, '9007199254740993');
      assert.equal(batch.producerEpoch, 12);
      assert.equal(batch.firstSequence, 2_147_483_640);
      assert.equal(batch.inTransaction, true);
      assert.equal(batch.records.length, given.length);
      for (const [i, decoded] of batch.records.entries()) {
        const { key, value, timestampMs } = given[i] ?? assert.fail();
        assert.deepEqual([decoded.key, decoded.value], [key, value]);
        assert.equal(decoded.timestamp, String(timestampMs));
      }
      assert.equal(target.readUInt32BE(7 + 17), crc32c(target, 7 + 21, end));
    }),
  );
});

test('CRC-32C agrees with the vectors of RFC 3720, at any offset', () => {
  const vectors: [Buffer, number][] = [
    [Buffer.alloc(32, 0), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    [Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
    [Buffer.from('123456789'), 0xe3069283],
    [Buffer.alloc(0), 0],
  ];
  for (const [data, expected] of vectors) {
    assert.equal(crc32c(data), expected);
    assert.equal(crc32c(Buffer.concat([Buffer.from('abc'), data, Buffer.from('d')]), 3, 3 + data.length), expected);
  }
});

test('a Produce request groups parts by topic and fits its announced bound', () => {
  const records = Records.of(
    ['a', 'a', 'b'].map((topic) => ({ topic, key: null, value: Buffer.from(topic), headers: [], timestampMs: 5 })),
  );
  const part = (topic: string, partition: number, index: number) => ({
    topic,
    partition,
    records,
    indexes: [index],
    bytes: RECORD_HEAD_BYTES + records.tailBytes(index),
    baseSequence: 0,
  });
  const options = {
    clientId: 'client',
    transactionalId: 'id',
    producerId: 1n,
    epoch: 0,
    timeoutMs: 30_000,
    parts: [part('a', 0, 0), part('a', 3, 1), part('b', 1, 2)],
  };
  const frame = writeProduce(Buffer.alloc(produceBound(options)), 77, options);
  assert.equal(frame.readInt32BE(0), frame.length - 4);
  assert.equal(frame.readInt32BE(8), 77);
  // header 14 + "client", "id" 4, acks 2, time-out 4, then the topics
  assert.equal(frame.readInt32BE(12 + 8 + 4 + 2 + 4), 2);
});

/** [topic [partition error base_offset log_append_time log_start_offset [index message] message]] throttle */
function response(code: number, message: string | null): Buffer {
  const text = (value: string | null): Buffer => {
    const head = Buffer.alloc(2);
    head.writeInt16BE(value === null ? -1 : value.length);
    return Buffer.concat([head, Buffer.from(value ?? '')]);
  };
  const int = (value: number): Buffer => {
    const buffer = Buffer.alloc(4);
    buffer.writeInt32BE(value);
    return buffer;
  };
  const error = Buffer.alloc(2);
  error.writeInt16BE(code);
  const partition = (number: number, of: Buffer): Buffer =>
    Buffer.concat([int(number), of, Buffer.alloc(24), int(1), int(0), text('record 0'), text(message)]);
  return Buffer.concat([int(1), text('topic'), int(2), partition(0, Buffer.alloc(2)), partition(4, error), int(0)]);
}

test('a Produce response gives the first partition that refuses, with what the broker says of it', () => {
  assert.equal(readProduce(response(0, null)), null);
  assert.deepEqual(readProduce(response(87, 'because')), {
    topic: 'topic',
    partition: 4,
    code: 87,
    message: 'because',
  });
  const whole = response(10, 'x');
  for (let cut = 0; cut < whole.length - 4; cut++)
    assert.throws(() => readProduce(whole.subarray(0, cut)), /cut short/);
});
