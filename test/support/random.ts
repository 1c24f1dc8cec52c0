/** Random numbers that a failed run can be given again. */
import { randomInt } from 'node:crypto';

export interface Random {
  readonly seed: number;
  /** In [0, 1). */
  next(): number;
  /** A whole number in [from, to]. */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** A stream of its own, so that concurrent users do not shift each other's numbers. */
  fork(name: number): Random;
}

/** MILLRACE_TEST_SEED, or a new seed. */
export function testSeed(): number {
  const given = process.env['MILLRACE_TEST_SEED'];
  return given ? Number(given) : randomInt(1_000_000_000);
}

/** mulberry32: small, fast and good enough to choose moments. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    seed,
    next,
    between,
    chance: (probability) => next() < probability,
    pick: <T>(from: readonly T[]): T => {
      const chosen = from[between(0, from.length - 1)];
      if (chosen === undefined) throw new RangeError('nothing to pick from');
      return chosen;
    },
    fork: (name) => seededRandom(Math.imul(seed ^ 0x9e3779b9, name + 1)),
  };
}
