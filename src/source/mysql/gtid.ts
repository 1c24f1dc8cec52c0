/**
 * Sets of global transaction identifiers, as values: https://dev.mysql.com/doc/refman/9.7/en/replication-gtids-concepts.html.
 * Transaction numbers go to 2^63 - 2, beyond what a JavaScript number holds.
 */
import { MillraceError } from '../../errors.ts';
import { type Interval, containsInterval, containsIntervals, subtractIntervals, unionIntervals } from './intervals.ts';

/** A transaction's source: a server's UUID, or `uuid:tag` (MySQL 8.3 and later), in lower case. MySQL says TSID. */
export type Tsid = string;
/** One transaction. */
export interface Gtid {
  readonly tsid: Tsid;
  readonly number: bigint;
}
/** By source; one without transactions is not in it. */
export type GtidSet = ReadonlyMap<Tsid, readonly Interval[]>;

export const NO_GTIDS: GtidSet = new Map();

/** GNO_END in MySQL's sources, less one. */
const LAST_NUMBER = 2n ** 63n - 2n;
const SPACE = '[ \\t\\n\\v\\f\\r]*';
const OUTER_SPACE = new RegExp(`^${SPACE}|${SPACE}$`, 'g');
const DASHED = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const UUID = new RegExp(`^(?:${DASHED}|\\{${DASHED}\\}|[0-9a-f]{32})$`, 'i');
const TAG = /^[a-z_][a-z0-9_]{0,31}$/i;
const NUMBERS = new RegExp(`^([0-9]+)(?:${SPACE}-${SPACE}([0-9]+))?$`);

/**
 * Reads what MySQL reads, `uuid:1-5:7,uuid:tag:1`, in any order, overlapping, and with white space anywhere between. Throws
 * `data` on anything else, and also on what MySQL takes for nothing at all, which in a position would be a mistake: an
 * interval that runs backwards, and a source or tag without one.
 */
export function parseGtidSet(text: string): GtidSet {
  let set = NO_GTIDS;
  for (const part of text.split(',').map(trimmed)) {
    if (part !== '') set = unionGtids(set, sourceSet(part));
  }
  return set;
}

/** As MySQL writes it: sorted by source, untagged before tagged, but on one line. */
export function formatGtidSet(set: GtidSet): string {
  const byUuid = new Map<string, string[]>();
  for (const [tsid, intervals] of [...set].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [uuid = '', tag] = tsid.split(':');
    const parts = byUuid.get(uuid) ?? [uuid];
    if (tag !== undefined) parts.push(tag);
    for (const { first, last } of intervals) parts.push(first === last ? `${first}` : `${first}-${last}`);
    byUuid.set(uuid, parts);
  }
  return Array.from(byUuid.values(), (parts) => parts.join(':')).join(',');
}

/** Reads one GTID, `uuid:7` or `uuid:tag:7`; throws `data` on anything else. */
export function parseGtid(text: string): Gtid {
  const set = parseGtidSet(text);
  const [[tsid, [only, ...more]] = ['', []]] = set;
  if (set.size !== 1 || only === undefined || more.length > 0 || only.first !== only.last) {
    throw notGtids(text, 'a GTID', 'one transaction, as in uuid:7 or uuid:tag:7');
  }
  return { tsid, number: only.first };
}

export function formatGtid({ tsid, number }: Gtid): string {
  return `${tsid}:${number}`;
}

export function addGtid(set: GtidSet, { tsid, number }: Gtid): GtidSet {
  const one = [{ first: number, last: number }];
  const intervals = set.get(tsid);
  return new Map(set).set(tsid, intervals === undefined ? one : unionIntervals(intervals, one));
}

export function containsGtid(set: GtidSet, { tsid, number }: Gtid): boolean {
  const intervals = set.get(tsid);
  return intervals !== undefined && containsInterval(intervals, { first: number, last: number });
}

/** Whether all of `subset` is in the set: MySQL's GTID_SUBSET(subset, set). */
export function containsGtids(set: GtidSet, subset: GtidSet): boolean {
  for (const [tsid, intervals] of subset) {
    if (!containsIntervals(set.get(tsid) ?? [], intervals)) return false;
  }
  return true;
}

export function unionGtids(a: GtidSet, b: GtidSet): GtidSet {
  const union = new Map(a);
  for (const [tsid, intervals] of b) {
    const own = union.get(tsid);
    union.set(tsid, own === undefined ? intervals : unionIntervals(own, intervals));
  }
  return union;
}

/** What is in the set and not in `gone`: MySQL's GTID_SUBTRACT(set, gone). */
export function subtractGtids(set: GtidSet, gone: GtidSet): GtidSet {
  const rest = new Map<Tsid, readonly Interval[]>();
  for (const [tsid, intervals] of set) {
    const left = subtractIntervals(intervals, gone.get(tsid) ?? []);
    if (left.length > 0) rest.set(tsid, left);
  }
  return rest;
}

/** `uuid:1-5:7:tag:1`: one server's part of a set. */
function sourceSet(part: string): GtidSet {
  const [first = '', ...rest] = part.split(':').map(trimmed);
  if (!UUID.test(first)) throw notGtids(part, 'a GTID set', 'a UUID first');
  const uuid = dashed(first);
  const set = new Map<Tsid, readonly Interval[]>();
  let tsid = uuid;
  let isOpen = true;
  for (const each of rest) {
    if (TAG.test(each)) {
      // Before the first tag there need not be any number.
      if (isOpen && tsid !== uuid) break;
      tsid = `${uuid}:${each.toLowerCase()}`;
      isOpen = true;
      continue;
    }
    set.set(tsid, unionIntervals(set.get(tsid) ?? [], [interval(each, part)]));
    isOpen = false;
  }
  if (isOpen) throw notGtids(part, 'a GTID set', `a transaction number after "${tsid}"`);
  return set;
}

function interval(text: string, part: string): Interval {
  const [, from, to = from] = NUMBERS.exec(text) ?? [];
  if (from === undefined || to === undefined) throw notGtids(part, 'a GTID set', 'numbers (7 or 1-5) or a tag');
  const [first, last] = [BigInt(from), BigInt(to)];
  if (first < 1n || last < first || last > LAST_NUMBER) {
    throw notGtids(part, 'a GTID set', `numbers that ascend, from 1 to ${LAST_NUMBER}`);
  }
  return { first, last };
}

/** From any of the forms in which MySQL reads a UUID to the one in which it writes it. */
function dashed(uuid: string): string {
  return uuid
    .replace(/[{}-]/g, '')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    .toLowerCase();
}

function trimmed(text: string): string {
  return text.replace(OUTER_SPACE, '');
}

function notGtids(text: string, what: string, expected: string): MillraceError {
  const shown = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return new MillraceError('data', `${JSON.stringify(shown)} is not ${what}: expected ${expected}`);
}
