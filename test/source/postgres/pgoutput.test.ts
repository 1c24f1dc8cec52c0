import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UNCHANGED } from '../../../src/change/value.ts';
import { MillraceError } from '../../../src/errors.ts';
import { type PgMessage, PgoutputDecoder } from '../../../src/source/postgres/pgoutput.ts';
import * as bytes from '../../support/pgoutput-bytes.ts';

const OID = 4_000_000_000; // above 2^31: OIDs are unsigned
const columns = [
  { name: 'id', type: 20, key: true },
  { name: 'flag', type: 16 },
  { name: 'body', type: 25 },
];
const decodeAll = (...messages: Buffer[]): PgMessage[] => {
  const decoder = new PgoutputDecoder();
  return messages.map((buffer) => decoder.decode(buffer, 0, buffer.length));
};

test('decodes a relation with unsigned OIDs, key flags and an empty schema as pg_catalog', () => {
  const [relation] = decodeAll(bytes.relation({ oid: OID, schema: '', name: 'ö "x"', identity: 'f', columns }));
  assert.deepEqual(relation, {
    op: 'relation',
    oid: OID,
    replicaIdentity: 'full',
    table: {
      schema: 'pg_catalog',
      name: 'ö "x"',
      columns: [
        { name: 'id', typeId: 20, typeModifier: -1, form: 'number', key: true },
        { name: 'flag', typeId: 16, typeModifier: -1, form: 'boolean', key: false },
        { name: 'body', typeId: 25, typeModifier: -1, form: 'text', key: false },
      ],
      id: OID,
    },
  });
});

test('decodes rows with null, unchanged and empty columns, read in any order', () => {
  const [, change] = decodeAll(
    bytes.relation({ oid: OID, schema: 's', name: 't', columns }),
    bytes.update(OID, { kind: 'K', cells: ['9223372036854775807', null, null] }, ['-1', 't', bytes.UNCHANGED_CELL]),
  );
  assert.ok(change?.op === 'update' && change.after && change.before);
  assert.equal(change.after.value(2), UNCHANGED);
  assert.equal(change.after.value(0), -1n);
  assert.equal(change.after.value(1), true);
  assert.equal(change.before.value(1), null);
  assert.equal(change.before.value(0), 9223372036854775807n);
});

test('decodes begin, commit, origin, type, truncate and messages', () => {
  const decoded = decodeAll(
    bytes.relation({ oid: 1, schema: 's', name: 't', columns: [] }),
    bytes.begin(0xffff_ffff_ffff_fffen, 4_294_967_295, -5n),
    bytes.origin(7n, 'upstream'),
    bytes.type(3_000_000_000, 'public', 'mood'),
    bytes.truncate([1], 3),
    bytes.message(false, 9n, 'p', Buffer.from([0, 255])),
    bytes.commit(8n, 10n, 5n),
  ).slice(1);
  assert.deepEqual(decoded[0], {
    op: 'begin',
    finalLsn: 0xffff_ffff_ffff_fffen,
    commitTime: -5n,
    xid: 4_294_967_295,
    lsn: 0n,
  });
  assert.deepEqual(decoded[1], { op: 'origin', lsn: 7n, name: 'upstream' });
  assert.deepEqual(decoded[2], { op: 'type', oid: 3_000_000_000, schema: 'public', name: 'mood' });
  assert.deepEqual(decoded[3], { op: 'truncate', tables: [{ schema: 's', name: 't', columns: [], id: 1 }], lsn: 0n });
  assert.deepEqual(decoded[4], {
    op: 'message',
    transactional: false,
    lsn: 9n,
    prefix: 'p',
    content: Buffer.from([0, 255]),
  });
  assert.deepEqual(decoded[5], { op: 'commit', commitLsn: 8n, endLsn: 10n, commitTime: 5n });
});

test('every row comes back as it was encoded', () => {
  const cell = fc.oneof(fc.constant(null), fc.constant(bytes.UNCHANGED_CELL), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(fc.array(cell, { maxLength: 40 }), fc.array(fc.nat(39), { maxLength: 20 }), (cells, order) => {
      const decoder = new PgoutputDecoder();
      const relation = bytes.relation({
        oid: 5,
        schema: 's',
        name: 't',
        columns: cells.map((_, i) => ({ name: `c${i}`, type: 25 })),
      });
      decoder.decode(relation, 0, relation.length);
      const padded = Buffer.concat([Buffer.from('xx'), bytes.insert(5, cells), Buffer.from('yy')]);
      const change = decoder.decode(padded, 2, padded.length - 2);
      assert.ok(change.op === 'insert' && change.after);
      for (const i of [...order.filter((n) => n < cells.length), ...cells.keys()]) {
        const expected = cells[i] === bytes.UNCHANGED_CELL ? UNCHANGED : cells[i];
        assert.equal(change.after.value(i), expected);
      }
    }),
  );
});

test('an unchanged large value of an update is taken from its old row, if that has it', () => {
  const decoder = new PgoutputDecoder();
  // With REPLICA IDENTITY FULL every column is of the identity.
  const whole = columns.map((column) => ({ ...column, key: true }));
  const relation = bytes.relation({ oid: 5, schema: 's', name: 't', columns: whole });
  decoder.decode(relation, 0, relation.length);
  const cells: bytes.Cell[] = ['1', 't', bytes.UNCHANGED_CELL];
  const update = bytes.update(5, { kind: 'O', cells: ['1', null, 'large'] }, cells);
  const change = decoder.decode(update, 0, update.length);
  assert.ok(change.op === 'update' && change.after);
  assert.equal(change.after.value(1), true);
  assert.equal(change.after.value(2), 'large');
});

test('a message cut anywhere, or with bytes too many, is a protocol error and never a value', () => {
  const relation = bytes.relation({ oid: 5, schema: 's', name: 't', columns });
  const whole = [
    relation,
    bytes.insert(5, ['1', null, 'abc']),
    bytes.update(5, { kind: 'O', cells: ['1', 'f', 'x'] }, ['1', 'f', 'y']),
    bytes.remove(5, 'K', ['1', null, null]),
    bytes.begin(1n, 2),
    bytes.commit(1n, 2n),
    bytes.message(true, 1n, 'p', Buffer.from('abc')),
    bytes.truncate([5]),
    bytes.type(1, 's', 'n'),
    bytes.origin(1n, 'o'),
  ];
  for (const message of whole) {
    for (let end = 0; end < message.length; end++) {
      const decoder = new PgoutputDecoder();
      decoder.decode(relation, 0, relation.length);
      assert.throws(
        () => decoder.decode(message, 0, end),
        (error) => error instanceof MillraceError && error.kind === 'protocol',
      );
    }
    const longer = Buffer.concat([message, Buffer.from([0])]);
    const decoder = new PgoutputDecoder();
    decoder.decode(relation, 0, relation.length);
    assert.throws(() => decoder.decode(longer, 0, longer.length), /more than its format/);
  }
});

test('random bytes never crash the decoder with anything but a protocol error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      try {
        new PgoutputDecoder().decode(Buffer.from(noise), 0, noise.length);
      } catch (error) {
        assert.ok(error instanceof MillraceError && error.kind === 'protocol', String(error));
      }
    }),
  );
});
