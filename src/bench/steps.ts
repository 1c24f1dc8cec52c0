/** The work of a benchmark as steps: shown while it goes on, and one that fails does not take the others with it. */
import { MillraceError, messageOf } from '../errors.ts';
import type { Failure } from './figures.ts';

export interface Step {
  /** What is being done, in words. */
  readonly label: string;
  /** Whose step it is: a failure ends this side's steps of the part, and the whole part if it is nobody's. */
  readonly side: string | null;
  /** Gives what there is to say of it. */
  readonly run: () => Promise<string>;
}

export interface Part {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Runs in any case. */
  readonly end?: () => Promise<void>;
}

/** No step takes so long unless it hangs. */
const STEP_LIMIT_MS = 300_000;

/** Runs all parts in order. Rejects only when the signal is aborted. */
export async function runParts(
  parts: readonly Part[],
  options: {
    readonly say: (line: string) => void;
    readonly now: () => number;
    readonly signal: AbortSignal;
    readonly limitMs?: number;
  },
): Promise<readonly Failure[]> {
  const { say, now, signal } = options;
  const total = parts.reduce((sum, part) => sum + part.steps.length, 0);
  const startedAt = now();
  const failures: Failure[] = [];
  let done = 0;
  for (const part of parts) {
    const failed = new Set<string | null>();
    const fail = (of: string, error: unknown): void => {
      signal.throwIfAborted();
      failures.push({ part: of, reason: messageOf(error) });
      say(`        FAILED ${of}: ${messageOf(error)}`);
    };
    for (const { label, side, run } of part.steps) {
      signal.throwIfAborted();
      done++;
      if (failed.has(null) || failed.has(side)) continue;
      const place = `[${String(done).padStart(String(total).length)}/${total} ${clock(now() - startedAt)}]`;
      say(`${place} ${part.name}: ${label}`);
      try {
        const result = await inTime(run(), options.limitMs ?? STEP_LIMIT_MS);
        if (result !== '') say(`${' '.repeat(place.length)} ${result}`);
      } catch (error) {
        fail(`${part.name}: ${label}`, error);
        failed.add(side);
      }
    }
    try {
      await part.end?.();
    } catch (error) {
      fail(`${part.name}: cleaning up`, error);
    }
  }
  return failures;
}

async function inTime<T>(work: Promise<T>, limitMs: number): Promise<T> {
  work.catch(() => {});
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new MillraceError('internal', `not done within ${limitMs / 1000} s`)), limitMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
