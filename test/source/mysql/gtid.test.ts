import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../../../src/errors.ts';
import {
  type GtidSet,
  NO_GTIDS,
  addGtid,
  containsGtid,
  containsGtids,
  formatGtid,
  formatGtidSet,
  parseGtid,
  parseGtidSet,
  subtractGtids,
  unionGtids,
} from '../../../src/source/mysql/gtid.ts';
import { UUIDS, counted, freeText, pieces, plainText } from './arbitrary-gtids.ts';

const [A, B] = UUIDS;

/** A set, counted out; asserts that it is written in the only way there is. */
function members(set: GtidSet): Set<string> {
  const all = new Set<string>();
  for (const [tsid, intervals] of set) {
    assert.ok(intervals.length > 0, 'a source without transactions');
    let before = -1n;
    for (const { first, last } of intervals) {
      assert.ok(first > before + 1n || before === -1n, 'overlapping, adjacent or unsorted');
      assert.ok(first >= 1n && last >= first);
      for (let number = first; number <= last; number++) all.add(`${tsid}:${number}`);
      before = last;
    }
  }
  return all;
}

test('what is read is what is written, in any order and form', () => {
  fc.assert(
    fc.property(freeText, ({ text, all }) => {
      const set = parseGtidSet(text);
      assert.deepEqual(members(set), counted(all));
      const written = formatGtidSet(set);
      assert.equal(formatGtidSet(parseGtidSet(written)), written);
      assert.equal(formatGtidSet(parseGtidSet(plainText(all))), written, 'one set, one text');
    }),
    { numRuns: 2000 },
  );
});

test('union, difference and containment are those of sets', () => {
  fc.assert(
    fc.property(pieces, pieces, (left, right) => {
      const [a, b] = [parseGtidSet(plainText(left)), parseGtidSet(plainText(right))];
      const [inA, inB] = [counted(left), counted(right)];
      const before = [formatGtidSet(a), formatGtidSet(b)];
      assert.deepEqual(members(unionGtids(a, b)), new Set([...inA, ...inB]));
      assert.deepEqual(members(subtractGtids(a, b)), new Set([...inA].filter((gtid) => !inB.has(gtid))));
      const isSubset = [...inB].every((gtid) => inA.has(gtid));
      assert.equal(containsGtids(a, b), isSubset);
      assert.ok(containsGtids(unionGtids(a, b), a) && containsGtids(a, NO_GTIDS));
      assert.equal(containsGtids(a, unionGtids(a, b)), isSubset);
      for (const gtid of inB) assert.equal(containsGtid(a, parseGtid(gtid)), inA.has(gtid));
      assert.deepEqual([formatGtidSet(a), formatGtidSet(b)], before, 'a value does not change');
    }),
    { numRuns: 2000 },
  );
});

test('transactions added one by one, in any order, make the same set', () => {
  fc.assert(
    fc.property(
      pieces.chain((all) => fc.shuffledSubarray([...counted(all)])),
      (gtids) => {
        let set = NO_GTIDS;
        for (const gtid of gtids) {
          assert.equal(containsGtid(set, parseGtid(gtid)), false);
          set = addGtid(set, parseGtid(gtid));
          assert.equal(formatGtidSet(addGtid(set, parseGtid(gtid))), formatGtidSet(set), 'twice is once');
          assert.equal(formatGtid(parseGtid(gtid)), gtid);
        }
        assert.deepEqual(members(set), new Set(gtids));
      },
    ),
    { numRuns: 500 },
  );
});

test('sets of the manual, and the numbers at the ends', () => {
  const read = (text: string): string => formatGtidSet(parseGtidSet(text));
  assert.equal(read(''), '');
  assert.equal(read(' ,\n'), '');
  assert.equal(read(`${B.toUpperCase()}:1-3:11:47-49`), `${B}:1-3:11:47-49`);
  assert.equal(read(`${B}:4-5,${A}:9:tag:2,${B}:1-3:Other:1`), `${A}:9:tag:2,${B}:1-5:other:1`);
  assert.equal(read(`${A}:1-9223372036854775806`), `${A}:1-9223372036854775806`);
  assert.equal(read(`${A}:9007199254740993`), `${A}:9007199254740993`);
  const all = parseGtidSet(`${A}:1-9223372036854775806`);
  const beyond = { tsid: A, number: 9007199254740993n };
  assert.equal(containsGtid(all, beyond), true);
  assert.equal(
    formatGtidSet(subtractGtids(all, addGtid(NO_GTIDS, beyond))),
    `${A}:1-9007199254740992:9007199254740994-9223372036854775806`,
  );
  assert.equal(
    containsGtids(parseGtidSet(`${A}:1`), parseGtidSet(`${A}:tag:1`)),
    false,
    'a tag is a source of its own',
  );
});

test('what is no GTID set, or would be read as nothing, is refused with what was expected', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['x', /^"x" is not a GTID set: expected a UUID first$/],
    [A.slice(1), /expected a UUID first/],
    [`{${A}`, /expected a UUID first/],
    [`${A}}:1`, /expected a UUID first/],
    [`${A}:1 ${B}:2`, /expected numbers \(7 or 1-5\) or a tag/],
    [A, /expected a transaction number after "00000000-0000-0000-0000-000000000001"$/],
    [`${A}:`, /expected numbers/],
    [`${A}:1:`, /expected numbers/],
    [`${A}:1::2`, /expected numbers/],
    [`${A}:tag`, /expected a transaction number after "00000000-0000-0000-0000-000000000001:tag"$/],
    [`${A}:1:tag`, /expected a transaction number after ".*:tag"$/],
    [`${A}:tag:other:1`, /expected a transaction number after ".*:tag"$/],
    [`${A}:9tag:1`, /expected numbers/],
    [`${A}:${'a'.repeat(33)}:1`, /expected numbers/],
    [`${A}:0`, /expected numbers that ascend, from 1 to 9223372036854775806$/],
    [`${A}:5-1`, /that ascend/],
    [`${A}:1-9223372036854775807`, /that ascend/],
    [`${A}:1-2-3`, /expected numbers/],
    [`${A}:+1`, /expected numbers/],
    [`${A}:1;`, /expected numbers/],
    [`${A}:\u00a01`, /expected numbers/],
    [`${A}:${'1'.repeat(500)}`, /1…" is not a GTID set/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseGtidSet(text),
      (error) => error instanceof MillraceError && error.kind === 'data' && message.test(error.message),
      text,
    );
  }
  for (const text of ['', `${A}:1-2`, `${A}:1:3`, `${A}:1,${B}:1`, `${A}:1:tag:1`]) {
    assert.throws(() => parseGtid(text), /is not a GTID: expected one transaction, as in uuid:7 or uuid:tag:7$/);
  }
});
