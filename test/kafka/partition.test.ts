import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { murmur2, partitionOf } from '../../src/kafka/partition.ts';

const kafkajs = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2') as (
  key: Buffer,
) => number;

test('hashes as the Java client does (vectors of its own unit test)', () => {
  const vectors: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ];
  for (const [key, hash] of vectors) assert.equal(murmur2(Buffer.from(key)), hash, key);
});

test('agrees with kafkajs on every key, and stays within the partitions', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), fc.integer({ min: 1, max: 1000 }), (key, count) => {
      assert.equal(murmur2(key), kafkajs(Buffer.from(key)) | 0);
      const partition = partitionOf(key, count);
      assert.ok(partition >= 0 && partition < count);
    }),
  );
});
