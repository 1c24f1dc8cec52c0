/**
 * pgoutput, protocol version 1: bytes to messages, pure
 * (https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html). The integers of the log are
 * unsigned: OIDs and xids above 2^31 exist.
 */
import type { MessageChange, Op, Row, RowChange, TruncateChange } from '../../change/change.ts';
import type { Column, Table } from '../../change/table.ts';
import { UNCHANGED, type Unchanged, type Value } from '../../change/value.ts';
import { MillraceError } from '../../errors.ts';
import { ByteReader } from '../bytes.ts';
import type { Located } from './source-block.ts';
import { decodeText, formOf } from './values.ts';

export interface Begin {
  readonly op: 'begin';
  /** The LSN of the commit record (not its end). */
  readonly finalLsn: bigint;
  /** Microseconds since 2000-01-01 UTC. */
  readonly commitTime: bigint;
  readonly xid: number;
  /** Where the transaction's first record begins. */
  readonly lsn: bigint;
}
export interface Commit {
  readonly op: 'commit';
  readonly commitLsn: bigint;
  /** Behind the commit record: where to go on. */
  readonly endLsn: bigint;
  readonly commitTime: bigint;
}
export interface Origin {
  readonly op: 'origin';
  readonly lsn: bigint;
  readonly name: string;
}
export interface Relation {
  readonly op: 'relation';
  readonly oid: number;
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | 'index';
  readonly table: Table;
}
export interface Type {
  readonly op: 'type';
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
}
export interface LogicalMessage extends MessageChange {
  readonly transactional: boolean;
  readonly lsn: bigint;
}
export interface PgTruncate extends TruncateChange, Located {}
export type PgMessage = Begin | Commit | Origin | Relation | Type | RowChange | PgTruncate | LogicalMessage;

const NULL = 0x6e; // n
const UNCHANGED_TOAST = 0x75; // u
const TEXT = 0x74; // t
const REPLICA_IDENTITY = { d: 'default', n: 'nothing', f: 'full', i: 'index' } as const;

/** A tuple as received. Columns are found by walking; the walk is remembered, so reading in order is linear. */
export class PgRow implements Row {
  readonly table: Table;
  readonly #buffer: Buffer;
  readonly #start: number;
  readonly #old: PgRow | null;
  #column = 0;
  #offset: number;

  /**
   * `start` is the offset of the first column's kind byte. The tuple has been checked to lie within the message. `old`:
   * the row before, which has the large values that did not change, if they are of the replica identity.
   */
  constructor(table: Table, buffer: Buffer, start: number, old: PgRow | null = null) {
    this.table = table;
    this.#buffer = buffer;
    this.#start = start;
    this.#old = old;
    this.#offset = start;
  }

  bytes(column: number): Buffer | null | Unchanged {
    const buffer = this.#buffer;
    if (column < this.#column) {
      this.#column = 0;
      this.#offset = this.#start;
    }
    let at = this.#offset;
    for (let i = this.#column; i < column; i++) at += buffer[at] === TEXT ? 5 + buffer.readInt32BE(at + 1) : 1;
    this.#column = column;
    this.#offset = at;
    const kind = buffer[at];
    if (kind === TEXT) return buffer.subarray(at + 5, at + 5 + buffer.readInt32BE(at + 1));
    if (kind === NULL) return null;
    // Of other columns the old row has nothing, which reads as NULL.
    return this.#old !== null && this.table.columns[column]?.key === true ? this.#old.bytes(column) : UNCHANGED;
  }

  value(column: number): Value {
    const bytes = this.bytes(column);
    if (bytes === null || bytes === UNCHANGED) return bytes;
    return decodeText(this.table.columns[column]?.typeId ?? 0, bytes);
  }
}

/** Decodes one stream. Knows the relations that the stream has announced: a row refers to them by OID. */
export class PgoutputDecoder {
  readonly #tables = new Map<number, Table>();
  readonly #reader = new ByteReader(Buffer.alloc(0));
  /** Where the message at hand begins in its buffer. */
  #start = 0;

  /** Decodes the message in `buffer[start, end)`. Rows are views of the buffer. Throws `protocol`. */
  decode(buffer: Buffer, start: number, end: number): PgMessage {
    const reader = this.#reader;
    this.#start = start;
    reader.reset(buffer, start, end);
    const kind = reader.u8();
    const message = this.#body(kind, reader);
    if (reader.remaining !== 0) {
      throw new MillraceError(
        'protocol',
        `pgoutput message "${String.fromCharCode(kind)}" has ${reader.remaining} bytes more than its format (protocol version 1)`,
      );
    }
    return message;
  }

  /** A version of its own of a table that the log has described, for all rows from here on. */
  renew(table: Table): Table {
    const renewed: Table = Object.freeze({ ...table });
    this.#tables.set(table.id, renewed);
    return renewed;
  }

  #body(kind: number, reader: ByteReader): PgMessage {
    switch (kind) {
      case 0x49: // I
        return this.#insert(reader);
      case 0x55: // U
        return this.#update(reader);
      case 0x44: // D
        return this.#delete(reader);
      case 0x42: // B
        return {
          op: 'begin',
          finalLsn: reader.u64be(),
          commitTime: reader.i64be(),
          xid: reader.u32be(),
          lsn: lsnOf(reader.buffer, this.#start),
        };
      case 0x43: // C
        reader.skip(1); // flags, unused
        return { op: 'commit', commitLsn: reader.u64be(), endLsn: reader.u64be(), commitTime: reader.i64be() };
      case 0x52: // R
        return this.#relation(reader);
      case 0x54: // T
        return this.#truncate(reader);
      case 0x59: // Y
        return { op: 'type', oid: reader.u32be(), schema: reader.cstring() || 'pg_catalog', name: reader.cstring() };
      case 0x4f: // O
        return { op: 'origin', lsn: reader.u64be(), name: reader.cstring() };
      case 0x4d: // M
        return logicalMessage(reader);
      default:
        throw new MillraceError(
          'protocol',
          `unknown pgoutput message "${String.fromCharCode(kind)}" (0x${kind.toString(16)}): expected one of B C O R Y I U D T M`,
        );
    }
  }

  #table(oid: number): Table {
    const table = this.#tables.get(oid);
    if (!table) throw new MillraceError('protocol', `a row of relation ${oid} came before the relation was described`);
    return table;
  }

  #relation(reader: ByteReader): Relation {
    const oid = reader.u32be();
    const schema = reader.cstring() || 'pg_catalog';
    const name = reader.cstring();
    const identity = REPLICA_IDENTITY[String.fromCharCode(reader.u8()) as keyof typeof REPLICA_IDENTITY] ?? 'default';
    const count = reader.u16be();
    const columns: Column[] = [];
    for (let i = 0; i < count; i++) {
      const key = (reader.u8() & 1) === 1;
      const columnName = reader.cstring();
      const typeId = reader.u32be();
      const typeModifier = reader.i32be();
      columns.push(Object.freeze({ name: columnName, typeId, typeModifier, form: formOf(typeId), key }));
    }
    const table: Table = Object.freeze({ schema, name, columns: Object.freeze(columns), id: oid });
    this.#tables.set(oid, table);
    return { op: 'relation', oid, replicaIdentity: identity, table };
  }

  #insert(reader: ByteReader): RowChange {
    const table = this.#table(reader.u32be());
    expectTuple(reader.u8(), 'N', 'Insert');
    return this.#row('insert', table, null, tuple(reader, table));
  }

  #update(reader: ByteReader): RowChange {
    const table = this.#table(reader.u32be());
    let kind = reader.u8();
    let before: PgRow | null = null;
    if (kind === 0x4b || kind === 0x4f) {
      // K: only the key, because it changed; O: the whole old row (REPLICA IDENTITY FULL)
      before = tuple(reader, table);
      kind = reader.u8();
    }
    expectTuple(kind, 'N', 'Update');
    return this.#row('update', table, before, tuple(reader, table, before));
  }

  #delete(reader: ByteReader): RowChange {
    const table = this.#table(reader.u32be());
    const kind = reader.u8();
    if (kind !== 0x4b) expectTuple(kind, 'O', 'Delete');
    return this.#row('delete', table, tuple(reader, table), null);
  }

  #truncate(reader: ByteReader): PgTruncate {
    const count = reader.u32be();
    reader.skip(1); // CASCADE and RESTART IDENTITY
    const tables: Table[] = [];
    for (let i = 0; i < count; i++) tables.push(this.#table(reader.u32be()));
    return { op: 'truncate', tables, lsn: lsnOf(reader.buffer, this.#start) };
  }

  #row(op: Op, table: Table, before: Row | null, after: Row | null): PgRowChange {
    return new PgRowChange(op, table, before, after, this.#reader.buffer, this.#start);
  }
}

/** A change of a row; where it stands in the log is read from the frame around it only when somebody asks. */
class PgRowChange implements RowChange, Located {
  readonly op: Op;
  readonly table: Table;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly #buffer: Buffer;
  readonly #start: number;

  constructor(op: Op, table: Table, before: Row | null, after: Row | null, buffer: Buffer, start: number) {
    this.op = op;
    this.table = table;
    this.before = before;
    this.after = after;
    this.#buffer = buffer;
    this.#start = start;
  }

  get lsn(): bigint {
    return lsnOf(this.#buffer, this.#start);
  }
}

/** XLogData: its head is 25 bytes, `w` and where the message's record begins, the server's log end, its clock. */
function lsnOf(buffer: Buffer, start: number): bigint {
  return start >= 25 ? buffer.readBigUInt64BE(start - 24) : 0n;
}

function logicalMessage(reader: ByteReader): LogicalMessage {
  const transactional = (reader.u8() & 1) === 1;
  const lsn = reader.u64be();
  const prefix = reader.cstring();
  return { op: 'message', transactional, lsn, prefix, content: reader.bytes(reader.u32be()) };
}

function expectTuple(kind: number, expected: string, message: string): void {
  if (kind === expected.charCodeAt(0)) return;
  throw new MillraceError(
    'protocol',
    `pgoutput ${message}: expected tuple "${expected}", got "${String.fromCharCode(kind)}"`,
  );
}

/** Checks a tuple from end to end once, so that reading columns later needs no checks. */
function tuple(reader: ByteReader, table: Table, old: PgRow | null = null): PgRow {
  const count = reader.u16be();
  if (count !== table.columns.length) {
    throw new MillraceError(
      'protocol',
      `a row of ${table.schema}.${table.name} has ${count} columns, its relation message announced ${table.columns.length}`,
    );
  }
  const start = reader.position;
  for (let i = 0; i < count; i++) {
    const kind = reader.u8();
    if (kind === TEXT) reader.skip(reader.i32be());
    else if (kind !== NULL && kind !== UNCHANGED_TOAST) {
      throw new MillraceError(
        'protocol',
        `a column of ${table.schema}.${table.name} has the unknown kind 0x${kind.toString(16)}: expected n, u or t (binary is never asked for)`,
      );
    }
  }
  return new PgRow(table, reader.buffer, start, old);
}
