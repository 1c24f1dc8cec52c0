/**
 * The same captured bytes through our decoder and through that of pg-logical-replication, value by value, and the faults
 * of its decoder for which we do not run on it (docs/decisions/0002-own-replication-stream.md).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import type { Row } from '../../../src/change/change.ts';
import { UNCHANGED } from '../../../src/change/value.ts';
import { formatLsn } from '../../../src/source/postgres/lsn.ts';
import { type PgMessage, PgoutputDecoder } from '../../../src/source/postgres/pgoutput.ts';
import * as bytes from '../../support/pgoutput-bytes.ts';

type Theirs = Pgoutput.Message;
const POSTGRES_EPOCH_US = 946_684_800_000_000n;

function captured(major: 14 | 18): readonly Buffer[] {
  const file = new URL(`../../fixtures/pgoutput/postgres-${major}.json`, import.meta.url);
  const { messages } = JSON.parse(readFileSync(file, 'utf8')) as { messages: readonly string[] };
  return messages.map((message) => Buffer.from(message, 'base64'));
}

const asText = (raw: string): string => raw;

/** Both decodings of each message; with `raw`, theirs keeps PostgreSQL's text instead of parsing it. */
function decodeBoth(messages: readonly Buffer[], raw: boolean): readonly { ours: PgMessage; theirs: Theirs }[] {
  const decoder = new PgoutputDecoder();
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: ['p'] });
  return messages.map((message) => {
    const theirs = plugin.parse(message) as Theirs;
    if (raw && theirs.tag === 'relation') for (const column of theirs.columns) column.parser = asText;
    return { ours: decoder.decode(message, 0, message.length), theirs };
  });
}

/** Theirs writes both halves of an LSN with leading zeros, and 0/0 as null. */
function lsn(text: string | null): string {
  return text === null
    ? '0/0'
    : text
        .split('/')
        .map((half) => half.replace(/^0+(?=.)/, ''))
        .join('/');
}

/** A row as theirs shows it: text by name, null, undefined for unchanged. Later columns of one name win. */
function shown(row: Row | null): Record<string, string | null | undefined> | null {
  if (row === null) return null;
  const values = row.table.columns.map(({ name }, i) => {
    const value = row.bytes(i);
    return [name, value === UNCHANGED ? undefined : value === null ? null : value.toString('utf8')] as const;
  });
  return Object.fromEntries(values);
}

const plain = (record: Record<string, unknown> | null): Record<string, unknown> | null => record && { ...record };

/** Of a key tuple theirs keeps the key's columns only. */
function keyOf(row: Row | null): Record<string, unknown> | null {
  const values = shown(row);
  return values && row
    ? Object.fromEntries(row.table.columns.filter(({ key }) => key).map(({ name }) => [name, values[name]]))
    : null;
}

/** Theirs puts the old value where an unchanged column of a FULL row has one. */
function filled(after: Row | null, before: Row | null): Record<string, unknown> | null {
  const [now, old] = [shown(after), shown(before)];
  return (
    now &&
    Object.fromEntries(Object.entries(now).map(([name, value]) => [name, value === undefined ? old?.[name] : value]))
  );
}

function compare(ours: PgMessage, theirs: Theirs): void {
  switch (theirs.tag) {
    case 'begin':
      assert.ok(ours.op === 'begin');
      assert.deepEqual([formatLsn(ours.finalLsn), ours.xid], [lsn(theirs.commitLsn), theirs.xid]);
      assert.equal(ours.commitTime + POSTGRES_EPOCH_US, theirs.commitTime);
      return;
    case 'commit':
      assert.ok(ours.op === 'commit');
      assert.deepEqual(
        [formatLsn(ours.commitLsn), formatLsn(ours.endLsn)],
        [lsn(theirs.commitLsn), lsn(theirs.commitEndLsn)],
      );
      assert.equal(ours.commitTime + POSTGRES_EPOCH_US, theirs.commitTime);
      return;
    case 'relation':
      assert.ok(ours.op === 'relation');
      assert.deepEqual(
        [ours.oid, ours.table.schema, ours.table.name, ours.replicaIdentity],
        [theirs.relationOid, theirs.schema, theirs.name, theirs.replicaIdentity],
      );
      assert.deepEqual(
        ours.table.columns.map(({ name, typeId, typeModifier, key }) => [name, typeId, typeModifier, key]),
        theirs.columns.map(({ name, typeOid, typeMod, flags }) => [name, typeOid, typeMod, flags === 1]),
      );
      return;
    case 'insert':
      assert.ok(ours.op === 'insert');
      assert.deepEqual(shown(ours.after), plain(theirs.new));
      return;
    case 'update':
      assert.ok(ours.op === 'update');
      assert.deepEqual(filled(ours.after, theirs.old && ours.before), plain(theirs.new));
      assert.deepEqual(theirs.key ? keyOf(ours.before) : shown(ours.before), plain(theirs.key ?? theirs.old));
      return;
    case 'delete':
      assert.ok(ours.op === 'delete');
      assert.deepEqual(theirs.key ? keyOf(ours.before) : shown(ours.before), plain(theirs.key ?? theirs.old));
      return;
    case 'truncate':
      assert.ok(ours.op === 'truncate');
      assert.deepEqual(
        ours.tables.map(({ name }) => name),
        theirs.relations.map(({ name }) => name),
      );
      return;
    case 'message':
      assert.ok(ours.op === 'message');
      assert.deepEqual(
        [ours.transactional, formatLsn(ours.lsn), ours.prefix, ours.content],
        [theirs.transactional, lsn(theirs.messageLsn), theirs.prefix, theirs.content],
      );
      return;
    case 'type':
      assert.ok(ours.op === 'type');
      assert.deepEqual(
        [ours.oid, ours.schema, ours.name],
        [theirs.typeOid, theirs.typeSchema || 'pg_catalog', theirs.typeName],
      );
      return;
    case 'origin':
      assert.ok(ours.op === 'origin');
      assert.deepEqual([formatLsn(ours.lsn), ours.name], [lsn(theirs.originLsn), theirs.originName]);
  }
}

for (const major of [18, 14] as const) {
  test(`both decoders read the same out of every message that PostgreSQL ${major} sends`, () => {
    const pairs = decodeBoth(captured(major), true);
    const kinds = new Set(pairs.map(({ theirs }) => theirs.tag));
    assert.equal(kinds.size, 10, `a kind of message is missing: ${[...kinds].join(' ')}`);
    for (const { ours, theirs } of pairs) compare(ours, theirs);
  });

  test(`both decoders give the same values of the types of PostgreSQL ${major} that both have`, () => {
    const rows = decodeBoth(captured(major), false).flatMap(({ ours, theirs }) =>
      ours.op === 'insert' && theirs.tag === 'insert' && ours.table.name === 'every_type' ? [{ ours, theirs }] : [],
    );
    assert.equal(rows.length, 3);
    for (const { ours, theirs } of rows) {
      const same = [
        'flag',
        'small',
        'whole',
        'price',
        'ratio',
        'exact',
        'body',
        'code',
        'label',
        'raw',
        'uid',
        'feeling',
      ];
      for (const name of same) {
        const column = ours.table.columns.findIndex((each) => each.name === name);
        assert.deepEqual(ours.after?.value(column), theirs.new[name] as unknown, name);
      }
      // A 64-bit integer is a bigint with us and a text with them.
      assert.equal(String(ours.after?.value(0)), String(theirs.new['id']));
    }
  });

  test(`pg-logical-replication shows an unchanged TOAST value as no value; ours says unchanged (PostgreSQL ${major})`, () => {
    const updates = decodeBoth(captured(major), false).flatMap(({ ours, theirs }) =>
      ours.op === 'update' && theirs.tag === 'update' && ours.table.name === 'toasted' ? [{ ours, theirs }] : [],
    );
    assert.deepEqual(
      updates.map(({ theirs }) => theirs.new['big'] as unknown),
      [undefined, null],
    );
    assert.deepEqual(
      updates.map(({ ours }) => ours.after?.value(2)),
      [UNCHANGED, null],
    );
  });

  test(`pg-logical-replication loses the microseconds of a time; ours keeps the text (PostgreSQL ${major})`, () => {
    const [row] = decodeBoth(captured(major), false).flatMap(({ ours, theirs }) =>
      ours.op === 'insert' && theirs.tag === 'insert' ? [{ ours, theirs }] : [],
    );
    assert.ok(row);
    const column = row.ours.table.columns.findIndex(({ name }) => name === 'at_zone');
    assert.equal(row.ours.after?.value(column), '2024-02-29 21:59:59.123456+00');
    assert.deepEqual(row.theirs.new['at_zone'] as unknown, new Date('2024-02-29T21:59:59.123Z'));
  });
}

test('pg-logical-replication reads OIDs and transaction numbers above 2^31 as negative; ours are unsigned', () => {
  const relation = bytes.relation({ oid: 4_000_000_000, schema: 's', name: 't', columns: [] });
  const [big, begin] = decodeBoth([relation, bytes.begin(1n, 4_294_967_295)], false);
  assert.ok(big?.theirs.tag === 'relation' && big.ours.op === 'relation');
  assert.deepEqual([big.theirs.relationOid, big.ours.oid], [-294_967_296, 4_000_000_000]);
  assert.ok(begin?.theirs.tag === 'begin' && begin.ours.op === 'begin');
  assert.deepEqual([begin.theirs.xid, begin.ours.xid], [-1, 4_294_967_295]);
});

test('pg-logical-replication takes bytes behind the end of a message for nothing; ours is an error', () => {
  const long = Buffer.concat([bytes.begin(1n, 7), Buffer.from('something newer')]);
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: ['p'] });
  assert.equal((plugin.parse(long) as Theirs).tag, 'begin');
  assert.throws(() => new PgoutputDecoder().decode(long, 0, long.length), /15 bytes more/);
});
