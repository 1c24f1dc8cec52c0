import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JavaRegexError, fromJavaRegex } from '../../src/config/java-regex.ts';
import { fromJavaReplacement, literalOf } from '../../src/config/java-replacement.ts';

/** Pattern, texts that Java's `matches()` takes, texts that it does not: each line was run through java.util.regex of Java 17. */
const PATTERNS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['public\\.outbox', ['public.outbox'], ['publicXoutbox', 'public.outbox2']],
  ['a|ab', ['a', 'ab'], ['b']],
  ['(?i)Order', ['order', 'ORDER'], ['orders']],
  ['x(?i)y|z', ['xy', 'xY', 'z', 'Z'], ['Xy']],
  ['(?i:a)b', ['ab', 'Ab'], ['aB']],
  ['((?i)a)b', ['Ab'], ['aB']],
  ['\\Qa.b\\E.*', ['a.b', 'a.bc'], ['axb']],
  ['\\Qa.b', ['a.b'], ['axb']],
  ['a\\,b\\-c\\_d\\"', ['a,b-c_d"'], ['ab']],
  ['[a-z&&[^b]]+', ['ac'], ['b', 'abc']],
  ['[a-d&&b-z]', ['b', 'd'], ['a', 'e']],
  ['[a-c[x-z]]', ['a', 'y'], ['m']],
  ['[]a]', [']', 'a'], ['b']],
  ['[^]a]', ['b'], [']', 'a']],
  ['[a\\-z]', ['a', '-', 'z'], ['b']],
  ['[-a]', ['-', 'a'], ['b']],
  ['[a-]', ['-', 'a'], ['b']],
  ['[\\w.-]+', ['a.b-c_1'], ['a b']],
  ['[.(){}/|$&!#,:;<>=@`~%]', ['.', '(', '}', '/', '|', '&', '!', '~'], ['a']],
  ['[\\d&&[^5]]', ['4'], ['5']],
  ['\\p{Lower}+\\p{Alpha}\\p{Digit}', ['abC1'], ['ABC1']],
  ['[\\p{Alnum}_]+', ['aZ9_'], ['-']],
  ['\\p{L}\\pL\\p{IsLatin}\\P{Lu}', ['äßéx'], ['äßéX']],
  ['\\x41\\u0042\\x{1F600}\\0103', ['AB😀C'], ['ABC']],
  ['a}]', ['a}]'], ['a']],
  ['\\s\\S\\h', [' x\t'], ['\u00a0x ']],
  ['a{2}b{1,}c{0,2}d??', ['aab', 'aabbccd'], ['ab', 'aabccc']],
  ['\\Aa\\z', ['a'], ['a\n']],
  ['(?<type>[a-z]+)(?=-)-(?!x)(?<!y)\\w', ['a-b'], ['a-x']],
  ['(?s).', ['\n'], []],
  ['.', ['a', '😀'], ['\n', '']],
  ['(?u)a(?-i)b', ['ab'], ['aB']],
];

test("Java's expressions match what they match in Java", () => {
  for (const [pattern, yes, no] of PATTERNS) {
    const regex = fromJavaRegex(pattern);
    for (const text of yes) assert.ok(regex.test(text), `${pattern} should match ${JSON.stringify(text)}: ${regex}`);
    for (const text of no)
      assert.ok(!regex.test(text), `${pattern} should not match ${JSON.stringify(text)}: ${regex}`);
  }
  assert.ok(fromJavaRegex('Public', { ignoreCase: true }).test('pUBLIC'));
});

test('what JavaScript cannot do the same way is refused by name', () => {
  const cases: [pattern: string, message: RegExp][] = [
    ['a++', /possessive quantifier \+\+/],
    ['(?>a)', /group \(\?>/],
    ['(a)\\1', /back reference \\1/],
    ['(?<n>a)\\k<n>', /back reference \\k/],
    ['(?x)a b', /flag \(\?x\)/],
    ['\\Ga', /escape \\G/],
    ['a\\Z', /escape \\Z/],
    ['\\y', /escape \\y/],
    ['a{,3}', /a \{ that is no repetition/],
    ['{', /a \{ that is no repetition/],
    ['(a', /\( without its \)/],
    ['a)', /a \) too many/],
    ['[a', /\[ without its \]/],
    ['*a', /a \* with nothing before it/],
    ['a\\', /a \\ at the end/],
    ['\\p{InGreek}', /property \\p\{InGreek\}/],
    ['[z-a]', /[Rr]ange out of order/],
    ['\\xZZ', /hexadecimal/],
    ['(?<n>a)(?<n>b)', /[Dd]uplicate/],
  ];
  for (const [pattern, message] of cases) {
    assert.throws(
      () => fromJavaRegex(pattern),
      (error) => error instanceof JavaRegexError && message.test(error.message),
      pattern,
    );
  }
});

test('no pattern makes the translation fail with anything else, or match part of a text', () => {
  const piece = fc.constantFrom(
    '(',
    ')',
    '[',
    ']',
    '[^',
    '&&',
    '|',
    '*',
    '+',
    '?',
    '{1,2}',
    '{',
    '}',
    '\\',
    '\\d',
    '\\Q',
    '\\E',
    '\\p{L}',
    '(?i)',
    '(?<a>',
    '(?:',
    '-',
    '.',
    '^',
    '$',
    'a',
    'b',
    '1',
    ' ',
    '😀',
  );
  const pattern = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 10 }).map((list) => list.join('')),
  );
  fc.assert(
    fc.property(pattern, (source) => {
      try {
        const regex = fromJavaRegex(source);
        const found = regex.exec('ab');
        assert.ok(found === null || found[0] === 'ab');
      } catch (error) {
        assert.ok(error instanceof JavaRegexError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});

test('a text of letters and punctuation that is quoted matches itself alone', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, other) => {
      fc.pre(!text.includes('\\E'));
      const regex = fromJavaRegex(`\\Q${text}\\E`);
      assert.ok(regex.test(text));
      assert.equal(regex.test(other), other === text);
    }),
  );
});

test('replacements mean what they mean in Java', () => {
  const replace = (pattern: string, replacement: string, text: string): string => {
    const regex = fromJavaRegex(pattern);
    return text.replace(regex, fromJavaReplacement(replacement, regex));
  };
  assert.equal(replace('(?<routedByValue>.*)', 'outbox.event.${routedByValue}', 'order'), 'outbox.event.order');
  assert.equal(replace('(.*)-(.*)', '$2.$1', 'a-b'), 'b.a');
  assert.equal(replace('(.*)', '$10', 'a'), 'a0', 'with one group $10 is $1 and a 0');
  assert.equal(replace('(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)', '$10$0', 'abcdefghij'), 'jabcdefghij');
  assert.equal(replace('(.*)', '\\$1\\\\$1', 'a'), '$1\\a');
  assert.equal(replace('(.*)', "\\$&\\$`\\$'\\$<x>\\$\\$", 'a'), "$&$`$'$<x>$$", "JavaScript's own signs mean nothing");
  assert.equal(replace('(a)?b', 'x$1', 'b'), 'x', 'a group that took no part is empty');
});

test('a replacement that Java would refuse at the first row is refused at the start', () => {
  const regex = fromJavaRegex('(?<type>a)(b)');
  for (const [replacement, message] of [
    ['$', /neither/],
    ['$$', /neither/],
    ['$x', /neither/],
    ['${type', /neither/],
    ['${nope}', /no group of that name \(it has type\)/],
    ['$3', /has 2 groups/],
    ['a\\', /at the end/],
  ] as const) {
    assert.throws(
      () => fromJavaReplacement(replacement, regex),
      (error) => error instanceof JavaRegexError && message.test(error.message),
      replacement,
    );
  }
  assert.equal(literalOf(fromJavaReplacement('a.${type}-$2\\$', regex)), 'a.-$');
});
