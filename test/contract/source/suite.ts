/** The words of the source contract: what a driver supplies and what the cases work with. */
import type { Change } from '../../../src/change/change.ts';
import type { Claim, Opened, SourceIdentity } from '../../../src/change/claim.ts';
import type { Fragment } from '../../../src/change/fragment.ts';
import type { Position } from '../../../src/change/position.ts';
import type { Source } from '../../../src/source/source.ts';

export interface SourceDriver {
  readonly name: string;
  /** A fresh database with one captured table of numbered rows and something else that is not captured. */
  setup(): Promise<SourceWorld>;
  /** Defects that are known and not mended yet: the test's name and why. */
  readonly todo?: Readonly<Record<string, string>>;
}

export interface SourceWorld {
  /** One more instance of the world's one connector, not open yet. */
  create(options?: { readonly onStandby?: () => void }): Source;
  /** Commits one transaction that inserts rows numbered from `from`, each of about `bytes`. */
  commit(from: number, count: number, bytes?: number): Promise<void>;
  rollBack(from: number, count: number): Promise<void>;
  /** Moves the log by something that is not captured. */
  unrelated(): Promise<void>;
  numberOf(change: Change): number;
  /** Ends the session that holds the lease, as an operator or a failure would. */
  breakLease(): Promise<void>;
  /** Bytes that all instances together have received from the database. */
  received(): number;
  /** Up to where the database may forget, as a number that only grows. */
  forgettable(): Promise<bigint>;
  drop(): Promise<void>;
}

export interface SourceSuite {
  readonly it: (name: string, run: (world: SourceWorld) => Promise<void>) => void;
}

/** A source that has the lease and a position to stream from. */
export interface Started {
  readonly source: Source;
  readonly identity: SourceIdentity;
  readonly lost: AbortSignal;
  readonly start: Position;
}

export const never = new AbortController().signal;
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

export function opened(position: Position | null, earlier: Claim | null = null): Opened {
  return { position, earlier, clusterId: 'contract' };
}

/** The claim that a sink would have written for this source. */
export function claimOf(identity: SourceIdentity): Claim {
  return { ...identity, connector: 'c', transactionalId: 't', host: 'h', version: 'v', number: 1 };
}

/** A new instance, through acquire and prepare. */
export async function start(world: SourceWorld, position: Position | null = null): Promise<Started> {
  const source = world.create();
  const { identity, lost } = await source.acquire(never);
  return { source, identity, lost, start: await source.prepare(opened(position), never) };
}

/** Reads until `enough` says so, then aborts and waits for the end of the stream; gives all fragments. */
export async function readUntil(
  source: Source,
  from: Position,
  enough: (fragments: readonly Fragment[]) => boolean,
): Promise<readonly Fragment[]> {
  const controller = new AbortController();
  const fragments: Fragment[] = [];
  for await (const some of source.read(from, controller.signal)) {
    fragments.push(...some);
    if (enough(fragments)) controller.abort();
  }
  return fragments;
}

/** Reads whole transactions until `count` changes have come. */
export function readChanges(source: Source, from: Position, count: number): Promise<readonly Fragment[]> {
  return readUntil(source, from, (fragments) => changes(fragments) >= count && fragments.at(-1)?.end === true);
}

export function numbersOf(world: SourceWorld, fragments: readonly Fragment[]): number[] {
  return fragments.flatMap((fragment) => fragment.changes.map((change) => world.numberOf(change)));
}

function changes(fragments: readonly Fragment[]): number {
  return fragments.reduce((sum, fragment) => sum + fragment.changes.length, 0);
}
