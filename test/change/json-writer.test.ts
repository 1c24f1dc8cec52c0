import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonWriter } from '../../src/change/json-writer.ts';

const written = (write: (out: JsonWriter) => void): string => {
  const out = new JsonWriter(1);
  write(out);
  return out.view().toString();
};

test('strings are escaped as Jackson escapes them: short forms, upper-case digits, surrogates beyond the basic plane', () => {
  for (const [text, json] of [
    ['', '""'],
    ['a"b\\c/', String.raw`"a\"b\\c/"`],
    ['\b\t\n\f\r', String.raw`"\b\t\n\f\r"`],
    ['\u0001\u001f\u007f', '"\\u0001\\u001F\u007f"'],
    ['ä€\u2028', '"ä€\u2028"'],
    ['🦊', String.raw`"\uD83E\uDD8A"`],
    [`${'x'.repeat(100)}🦊`, `"${'x'.repeat(100)}\\uD83E\\uDD8A"`],
    ['x'.repeat(100), `"${'x'.repeat(100)}"`],
  ] as const) {
    assert.equal(
      written((out) => out.string(Buffer.from(text))),
      json,
    );
  }
});

test('any text comes back, whatever its length', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      assert.equal(JSON.parse(written((out) => out.string(Buffer.from(text)))), text);
    }),
  );
});

test('a large text takes the memory that it needs, and only as long as it is there', () => {
  const out = new JsonWriter();
  const size = 16 * 1024 * 1024;
  out.string(Buffer.alloc(size, 'a'));
  assert.equal(out.view().buffer.byteLength, size + 2);
  out.reset();
  assert.ok(out.view().buffer.byteLength < 100_000);
  const quoted = Buffer.alloc(size, '"a');
  out.string(quoted);
  assert.equal(out.view().buffer.byteLength, 2 + size * 1.5);
  assert.equal(JSON.parse(out.view().toString()), quoted.toString());
});

test('bytes of any length are base64', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.equal(
        written((out) => out.base64(bytes)),
        `"${Buffer.from(bytes).toString('base64')}"`,
      );
    }),
  );
});

test('whole numbers are written digit by digit', () => {
  const any = fc.oneof(
    fc.maxSafeInteger(),
    fc.integer(),
    fc.bigInt(),
    fc.constantFrom(0, 9, 10, 99, 100, -1, 999_999_999_999_999),
  );
  fc.assert(
    fc.property(any, (value) =>
      assert.equal(
        written((out) => out.integer(value)),
        String(value),
      ),
    ),
  );
});

test('what a value wrote before it turned out to be none is taken back', () => {
  const out = new JsonWriter(1);
  out.ascii('{"a":');
  const { length } = out;
  out.ascii('[1,2');
  out.cut(length);
  out.ascii('null}');
  assert.equal(out.view().toString(), '{"a":null}');
});
