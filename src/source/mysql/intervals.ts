/** Lists of intervals: ascending, disjoint, with a gap between any two. What comes out is such a list, too. */

/** Both ends are in it. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

export function unionIntervals(a: readonly Interval[], b: readonly Interval[]): readonly Interval[] {
  const union: Interval[] = [];
  for (let [i, j] = [0, 0]; ; ) {
    const [left, right] = [a[i], b[j]];
    let next: Interval;
    if (left !== undefined && (right === undefined || left.first <= right.first)) {
      next = left;
      i++;
    } else if (right !== undefined) {
      next = right;
      j++;
    } else {
      return union;
    }
    const before = union.at(-1);
    if (before === undefined || next.first > before.last + 1n) union.push(next);
    else if (next.last > before.last) union[union.length - 1] = { first: before.first, last: next.last };
  }
}

export function subtractIntervals(from: readonly Interval[], gone: readonly Interval[]): readonly Interval[] {
  const rest: Interval[] = [];
  let i = 0;
  for (const { first, last } of from) {
    let start = first;
    for (; i < gone.length; i++) {
      const hole = gone[i];
      if (hole === undefined || hole.first > last) break;
      if (hole.first > start) rest.push({ first: start, last: hole.first - 1n });
      if (hole.last >= start) start = hole.last + 1n;
      // It may reach into the next interval, too.
      if (hole.last > last) break;
    }
    if (start <= last) rest.push({ first: start, last });
  }
  return rest;
}

export function containsIntervals(all: readonly Interval[], some: readonly Interval[]): boolean {
  return some.every((each) => containsInterval(all, each));
}

/** By halves: an interval of `some` lies in one of `all`, or not at all, because there are gaps between those. */
export function containsInterval(all: readonly Interval[], some: Interval): boolean {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const candidate = all[middle];
    if (candidate === undefined) return false;
    if (candidate.last < some.last) low = middle + 1;
    else high = middle;
  }
  const found = all[low];
  return found !== undefined && found.first <= some.first && some.last <= found.last;
}
