/** Builds pgoutput messages by the manual's grammar, as an encoder that the decoder has never seen. */
export const UNCHANGED_CELL: unique symbol = Symbol('unchanged TOAST');
export type Cell = string | Buffer | null | typeof UNCHANGED_CELL;

const u8 = (value: number): Buffer => Buffer.from([value]);
const u16 = (value: number): Buffer => {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
};
const u32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value >>> 0);
  return buffer;
};
const u64 = (value: bigint): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt.asUintN(64, value));
  return buffer;
};
const text = (value: string): Buffer => Buffer.from(`${value}\0`);

export function tuple(cells: readonly Cell[]): Buffer {
  const parts = [u16(cells.length)];
  for (const cell of cells) {
    if (cell === null) parts.push(Buffer.from('n'));
    else if (cell === UNCHANGED_CELL) parts.push(Buffer.from('u'));
    else {
      const bytes = Buffer.from(cell);
      parts.push(Buffer.from('t'), u32(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}
export interface RelationBytes {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly identity?: string;
  readonly columns: readonly { name: string; type: number; modifier?: number; key?: boolean }[];
}
export function relation(r: RelationBytes): Buffer {
  const columns = r.columns.map((c) =>
    Buffer.concat([u8(c.key ? 1 : 0), text(c.name), u32(c.type), u32(c.modifier ?? -1)]),
  );
  return Buffer.concat([
    Buffer.from('R'),
    u32(r.oid),
    text(r.schema),
    text(r.name),
    Buffer.from(r.identity ?? 'd'),
    u16(columns.length),
    ...columns,
  ]);
}
export const begin = (finalLsn: bigint, xid: number, time = 0n): Buffer =>
  Buffer.concat([Buffer.from('B'), u64(finalLsn), u64(time), u32(xid)]);
export const commit = (lsn: bigint, end: bigint, time = 0n): Buffer =>
  Buffer.concat([Buffer.from('C'), u8(0), u64(lsn), u64(end), u64(time)]);
export const insert = (oid: number, cells: readonly Cell[]): Buffer =>
  Buffer.concat([Buffer.from('I'), u32(oid), Buffer.from('N'), tuple(cells)]);
export const update = (
  oid: number,
  old: { kind: 'K' | 'O'; cells: readonly Cell[] } | null,
  cells: readonly Cell[],
): Buffer =>
  Buffer.concat([
    Buffer.from('U'),
    u32(oid),
    ...(old ? [Buffer.from(old.kind), tuple(old.cells)] : []),
    Buffer.from('N'),
    tuple(cells),
  ]);
export const remove = (oid: number, kind: 'K' | 'O', cells: readonly Cell[]): Buffer =>
  Buffer.concat([Buffer.from('D'), u32(oid), Buffer.from(kind), tuple(cells)]);
export const truncate = (oids: readonly number[], flags = 0): Buffer =>
  Buffer.concat([Buffer.from('T'), u32(oids.length), u8(flags), ...oids.map(u32)]);
export const type = (oid: number, schema: string, name: string): Buffer =>
  Buffer.concat([Buffer.from('Y'), u32(oid), text(schema), text(name)]);
export const origin = (lsn: bigint, name: string): Buffer => Buffer.concat([Buffer.from('O'), u64(lsn), text(name)]);
export const message = (transactional: boolean, lsn: bigint, prefix: string, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from('M'), u8(transactional ? 1 : 0), u64(lsn), text(prefix), u32(content.length), content]);

/** A protocol frame around a body. */
export function frame(kind: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(kind, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
