import fc from 'fast-check';
import type { OutRecord } from '../../src/change/message.ts';

const bytes = fc.option(fc.uint8Array({ maxLength: 300 }).map((data) => Buffer.from(data)));

/** Any record that Kafka can hold: null and empty fields, headers twice and with odd names, times before 1970. */
export function record(): fc.Arbitrary<OutRecord> {
  const parts = {
    topic: fc.constantFrom('a', 'b', 'outbox.event.order'),
    key: bytes,
    value: bytes,
    headers: fc.array(
      fc.record({ name: fc.oneof(fc.string(), fc.constantFrom('id', '1', '__proto__', 'ü')), value: bytes }),
      {
        maxLength: 4,
      },
    ),
    timestampMs: fc.oneof(fc.nat(), fc.integer({ min: -(2 ** 40), max: 2 ** 45 })),
  };
  return fc.oneof(fc.record(parts), fc.record({ ...parts, partition: fc.nat({ max: 100 }) })).map((each) => ({
    ...each,
    headers: each.headers.map((header) => ({ ...header })),
  }));
}
