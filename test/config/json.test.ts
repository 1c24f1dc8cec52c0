import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type JsonNode, JsonSyntaxError, parseJson } from '../../src/config/json.ts';

function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case 'object':
      return Object.fromEntries(node.members.map(({ key, value }) => [key, plain(value)]));
    case 'array':
      return node.items.map(plain);
    case 'string':
    case 'boolean':
      return node.value;
    case 'number':
      return Number(node.source);
    case 'null':
      return null;
  }
}

test('every JSON text means what JSON.parse says', () => {
  const spaces = fc.constantFrom(undefined, 1, '\t');
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), spaces, (value, space) => {
      const text = JSON.stringify(value, null, space);
      assert.deepEqual(JSON.stringify(plain(parseJson(text))), JSON.stringify(JSON.parse(text)));
    }),
  );
});

test('what JSON.parse refuses is refused, and what it takes is taken', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"',
    '\\',
    '\\u00e9',
    '1',
    '-',
    '.5',
    'e3',
    'true',
    'nul',
    ' ',
    '\n',
    '\u0001',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 12 }).map((list) => list.join('')),
      ),
      (text) => {
        let expected = true;
        try {
          JSON.parse(text);
        } catch {
          expected = false;
        }
        try {
          parseJson(text);
          assert.ok(expected, `took ${JSON.stringify(text)}`);
        } catch (error) {
          assert.ok(error instanceof JsonSyntaxError, String(error));
          assert.ok(!expected, `refused ${JSON.stringify(text)}: ${error.message}`);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('a mistake has its line and column, and shows nothing of what stands there', () => {
  const cases: [text: string, line: number, column: number, message: RegExp][] = [
    ['', 1, 1, /expected a value, got the end of the file/],
    ['{\n  "a": 1,\n}', 3, 1, /expected a key in quotes/],
    ['{\n  "a" 1\n}', 2, 7, /expected ":"/],
    ['{"a": "b\n"}', 1, 9, /no control character/],
    ['{"a": hunter2}', 1, 7, /^not valid JSON: expected a value$/],
    ['{"a": "x\\."}', 1, 9, /a backslash of a regular expression is written twice/],
    ['{} {}', 1, 4, /expected the end of the file/],
    ['// a\n{}', 1, 1, /expected a value \(JSON has no comments\)$/],
    ['{} # a', 1, 4, /expected the end of the file \(JSON has no comments\)$/],
    ['[1 2]', 1, 4, /expected "," or \]/],
    [`${'['.repeat(100_000)}`, 1, 66, /nested deeper than 64 levels/],
  ];
  for (const [text, line, column, message] of cases) {
    assert.throws(
      () => parseJson(text),
      (error) => {
        assert.ok(error instanceof JsonSyntaxError);
        assert.deepEqual([error.at.line, error.at.column], [line, column], text.slice(0, 20));
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test('a byte order mark is skipped and keys know their places', () => {
  const node = parseJson('\uFEFF{\r\n  "a": 1,\n\t"b": {"c": true}\n}');
  assert.equal(node.kind, 'object');
  const [a, b] = node.kind === 'object' ? node.members : [];
  assert.deepEqual(
    [a?.at, b?.at],
    [
      { line: 2, column: 3 },
      { line: 3, column: 2 },
    ],
  );
});
