import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../../../src/errors.ts';
import { FrameReader } from '../../../src/source/postgres/frames.ts';
import { frame } from '../../support/pgoutput-bytes.ts';

function read(reader: FrameReader): string[] {
  const out: string[] = [];
  while (reader.next()) {
    out.push(String.fromCharCode(reader.type) + reader.buffer.toString('latin1', reader.start, reader.end));
  }
  return out;
}

test('frames come out whole and in order however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
      (bodies, cuts) => {
        const stream = Buffer.concat(bodies.map((body) => frame('d', Buffer.from(body))));
        const reader = new FrameReader();
        const got: string[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          reader.push(stream.subarray(at, at + size));
          got.push(...read(reader));
          at += size;
        }
        assert.deepEqual(
          got,
          bodies.map((body) => `d${Buffer.from(body).toString('latin1')}`),
        );
      },
    ),
  );
});

test('a body stays untouched after later frames have come', () => {
  const reader = new FrameReader();
  const first = frame('d', Buffer.from('first'));
  const rest = frame('d', Buffer.from('second'));
  reader.push(Buffer.concat([first, rest.subarray(0, 4)]));
  assert.equal(reader.next(), true);
  const body = reader.buffer.subarray(reader.start, reader.end);
  assert.equal(reader.next(), false);
  reader.push(rest.subarray(4));
  assert.deepEqual(read(reader), ['dsecond']);
  assert.equal(body.toString(), 'first');
});

test('a length that no server sends is refused', () => {
  for (const length of [0, 3, -1, 0x7fff_ffff]) {
    const reader = new FrameReader();
    const head = Buffer.alloc(5);
    head.writeInt32BE(length, 1);
    reader.push(head);
    assert.throws(
      () => reader.next(),
      (error) => error instanceof MillraceError && error.kind === 'protocol',
    );
  }
});
