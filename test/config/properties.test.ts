import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { PropertiesSyntaxError, readProperties } from '../../src/config/properties.ts';

function read(text: string): Record<string, string> {
  return Object.fromEntries(readProperties(text).map(({ key, value }) => [key, value]));
}

test('what Java reads is read: answers of Java 17, captured with test/fixtures/properties/Capture.java', () => {
  const path = new URL('../fixtures/properties/java.json', import.meta.url);
  const cases = JSON.parse(readFileSync(path, 'utf8')) as { text: string; properties: Record<string, string> | null }[];
  assert.ok(cases.length > 50);
  for (const { text, properties } of cases) {
    if (properties === null) assert.throws(() => read(text), PropertiesSyntaxError, JSON.stringify(text));
    else assert.deepEqual(read(text), properties, JSON.stringify(text));
  }
});

/** A character as it may be written; what has a meaning in a key or a value has to be escaped. */
const spelled = (character: string, how: number): string => {
  const code = character.charCodeAt(0);
  if (how === 1) return `\\u${code.toString(16).padStart(4, '0')}`;
  if (how === 2) return `\\u${code.toString(16).padStart(4, '0').toUpperCase()}`;
  const escaped = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\f': '\\f' }[character];
  if (escaped !== undefined) return escaped;
  return '\\=:#! '.includes(character) ? `\\${character}` : character;
};

test('property: whatever the spelling of characters, separators and continued lines, the same comes back', () => {
  const text = fc.string({ unit: 'binary', maxLength: 12 });
  const entry = fc.record({
    key: text,
    value: text,
    spelling: fc.array(fc.nat(3), { minLength: 1 }),
    separator: fc.constantFrom('=', ':', ' = ', '\t:\f', ' =', '= '),
    indent: fc.constantFrom('', ' ', '\t\f '),
    end: fc.constantFrom('\n', '\r', '\r\n', '\n\n# a comment\\\n', '\r\n! another = comment\r\n'),
    fold: fc.option(fc.nat(30), { nil: undefined }),
  });
  const write = ({
    key,
    value,
    spelling,
    separator,
    indent,
    end,
    fold,
  }: {
    key: string;
    value: string;
    spelling: number[];
    separator: string;
    indent: string;
    end: string;
    fold: number | undefined;
  }): string => {
    const units = [...Array(key.length).keys()].map((at) =>
      spelled(key.charAt(at), spelling[at % spelling.length] ?? 0),
    );
    const others = [...Array(value.length).keys()].map((at) =>
      spelled(value.charAt(at), spelling[at % spelling.length] ?? 0),
    );
    const parts = [...units, separator, ...others];
    // Between two characters a line may go on in the next, whatever its indentation; blanks there would be lost.
    if (fold !== undefined && parts.length > 1) {
      const at = 1 + (fold % (parts.length - 1));
      if (parts[at] !== separator && parts[at - 1] !== separator) parts.splice(at, 0, '\\\n   ');
    }
    return indent + parts.join('') + end;
  };
  fc.assert(
    fc.property(fc.uniqueArray(entry, { selector: ({ key }) => key, maxLength: 6 }), (entries) => {
      const expected = Object.fromEntries(entries.map(({ key, value }) => [key, value]));
      assert.deepEqual({ ...read(entries.map(write).join('')) }, expected);
    }),
  );
});

test('property: any text is read or refused as malformed, and lines are counted from 1', () => {
  const piece = fc.constantFrom('a', '\\', '=', ':', ' ', '\n', '\r\n', '\r', '#', '!', '\\u00', 'é', '\f');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(piece).map((pieces) => pieces.join('')),
      ),
      (text) => {
        try {
          const lines = readProperties(text).map(({ line }) => line);
          assert.deepEqual(
            lines,
            lines.toSorted((a, b) => a - b),
          );
          assert.ok(lines.every((line) => line >= 1));
        } catch (error) {
          assert.ok(error instanceof PropertiesSyntaxError && error.line >= 1);
        }
      },
    ),
  );
});

test('a malformed escape is said with its line', () => {
  assert.throws(
    () => readProperties('a=b\n\nc=\\u12'),
    (error) =>
      error instanceof PropertiesSyntaxError &&
      error.line === 3 &&
      /expected \\u and four hex digits/.test(error.message),
  );
});
