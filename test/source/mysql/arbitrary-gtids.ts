/** GTID sets for property tests: texts as a person or a server may write them, and what is in them, counted out. */
import fc from 'fast-check';

/** Three servers, so that sets of two texts meet. */
export const UUIDS = [
  '00000000-0000-0000-0000-000000000001',
  '3e11fa47-71ca-11e1-9e33-c80aa9429562',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
] as const;
const TAGS = ['', '_', 'a', 'a1', 'aa', 'tag', 'z'.repeat(32)];
/** Numbers are few, and some lie where a JavaScript number is not exact any more. */
const BASES = [0n, 2n ** 53n - 3n, 2n ** 63n - 20n];

export interface Piece {
  readonly uuid: string;
  readonly tag: string;
  readonly first: bigint;
  readonly last: bigint;
}

const piece: fc.Arbitrary<Piece> = fc
  .record({
    uuid: fc.constantFrom(...UUIDS),
    tag: fc.constantFrom(...TAGS),
    base: fc.constantFrom(...BASES),
    first: fc.integer({ min: 1, max: 18 }),
    length: fc.integer({ min: 0, max: 6 }),
  })
  .map(({ uuid, tag, base, first, length }) => ({
    uuid,
    tag,
    first: base + BigInt(first),
    last: base + BigInt(Math.min(18, first + length)),
  }));

/** The pieces of a set, in no order, with overlaps. */
export const pieces: fc.Arbitrary<readonly Piece[]> = fc.array(piece, { maxLength: 12 });

/** `uuid:tag:1-5`, piece by piece. */
export function plainText(all: readonly Piece[]): string {
  return all.map(({ uuid, tag, first, last }) => `${uuid}${tag && `:${tag}`}:${first}-${last}`).join(',');
}

/** The same set as others may write it: with white space, capitals, several intervals and tags behind one UUID. */
export const freeText: fc.Arbitrary<{ readonly text: string; readonly all: readonly Piece[] }> = fc
  .tuple(pieces, fc.infiniteStream(fc.nat({ max: 5 })))
  .map(([all, dice]) => {
    const roll = (): number => dice.next().value ?? 0;
    const gap = (): string => ['', '', '', ' ', '\n', ' \t\r'][roll()] ?? '';
    let [text, open] = ['', ''];
    for (const { uuid, tag, first, last } of all) {
      const numbers =
        first === last && roll() > 2 ? `${first}` : `${roll() > 4 ? '00' : ''}${first}${gap()}-${gap()}${last}`;
      const written = [uuid, uuid.toUpperCase(), uuid, `{${uuid}}`, uuid.replaceAll('-', ''), uuid][roll()];
      // Once there was a tag, numbers alone are the tag's.
      if (open === `${uuid}:${tag}`) text += `${gap()}:${gap()}${numbers}`;
      else if (open.startsWith(uuid) && tag !== '')
        text += `:${gap()}${roll() > 3 ? tag.toUpperCase() : tag}${gap()}:${numbers}`;
      else
        text += `${text === '' ? '' : [',', ',\n', ',,', ' , ', ',', ','][roll()]}${gap()}${written}${tag && `:${tag}`}:${numbers}`;
      open = roll() === 0 ? '' : `${uuid}:${tag}`;
    }
    return { text: text + gap(), all };
  });

/** Every transaction by itself. */
export function counted(all: readonly Piece[]): Set<string> {
  const set = new Set<string>();
  for (const { uuid, tag, first, last } of all) {
    for (let number = first; number <= last; number++) set.add(`${uuid}${tag && `:${tag}`}:${number}`);
  }
  return set;
}
