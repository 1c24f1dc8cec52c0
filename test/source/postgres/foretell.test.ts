import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Claim } from '../../../src/change/claim.ts';
import type { Position } from '../../../src/change/position.ts';
import { MillraceError } from '../../../src/errors.ts';
import { type Before, foretellReset, foretellSet } from '../../../src/source/postgres/foretell.ts';
import type { PostgresSettings } from '../../../src/source/postgres/settings.ts';
import type { Slot } from '../../../src/source/postgres/slot.ts';
import { testEventSettings } from '../../support/events.ts';

const SETTINGS: PostgresSettings = {
  connectorName: 'orders',
  transactionalId: 'millrace-orders',
  host: 'localhost',
  port: 5432,
  user: 'u',
  password: null,
  database: 'd',
  sslMode: 'disable',
  sslRootCert: null,
  sslCert: null,
  sslKey: null,
  slotName: 's',
  slotAdopt: false,
  publicationName: 'p',
  publicationAutocreate: 'filtered',
  includeTables: [],
  ...testEventSettings,
};
const SLOT: Slot = {
  plugin: 'pgoutput',
  type: 'logical',
  database: 'd',
  temporary: false,
  activePid: null,
  confirmed: '0/1000',
  walStatus: 'reserved',
  invalidation: null,
};
const CLAIM: Claim = {
  system: '7',
  database: 'd',
  timeline: 1,
  ancestors: [1],
  intent: 's',
  connector: 'orders',
  transactionalId: 'millrace-orders',
  host: 'h',
  version: '1',
  number: 1,
};
const between = (lsn: string): Position => ({ system: '7', timeline: 1, lsn, ordinal: 0 });
const inside: Position = { system: '7', timeline: 1, lsn: '0/2000', ordinal: 12, in: '815', fingerprint: 'f' };

function before(over: {
  readonly position?: Position | null;
  readonly slot?: Slot | null;
  readonly claim?: Claim | null;
  readonly adopt?: boolean;
}): Before {
  const { position = between('0/2000'), slot = SLOT, claim = CLAIM, adopt = false } = over;
  const ancestors = [{ timeline: 1, until: null }];
  const facts = { system: '7', database: 'd', timeline: 1, ancestors, version: 180_000 };
  const standing = { facts, flush: '0/3000', slot, leaseHolder: null };
  return { settings: { ...SETTINGS, slotAdopt: adopt }, standing, position, claim };
}

test('set: what lies between the stored position and the new one is skipped or repeated', () => {
  for (const [lsn, position, expected] of [
    ['0/2000', between('0/2000'), 'Nothing is repeated and nothing skipped: that is the stored position.'],
    [
      '0/2800',
      between('0/2000'),
      'SKIPPED: what was committed between 0/2000 and 0/2800 (2048 bytes of log) is never sent.',
    ],
    [
      '0/1800',
      between('0/2000'),
      'REPEATED, though delivered before: what was committed between 0/1800 and 0/2000 (2048 bytes of log).',
    ],
    ['0/2000', inside, 'REPEATED, though delivered before: 12 changes of the split transaction 815 at 0/2000.'],
    [
      '0/2001',
      inside,
      'SKIPPED: what was committed between 0/2000 and 0/2001 (1 bytes of log), the rest of the split transaction 815 at 0/2000 included, is never sent.',
    ],
    ['0/2000', { ...between('0/2000'), system: '8' }, /belongs to another database system \(8, this one is 7\)/],
    ['0/2000', null, /holds no position yet/],
  ] as const) {
    const { position: made, says } = foretellSet(before({ position }), lsn);
    assert.deepEqual(made, between(lsn));
    assert.equal(says[0], `The next start goes on at ${lsn}.`);
    if (typeof expected === 'string') assert.equal(says[1], expected);
    else assert.match(says[1] ?? '', expected);
  }
});

test('set refuses what the next start could not go on from', () => {
  for (const [lsn, over, expected] of [
    ['0/3001', {}, /lies beyond the server's log, which ends at 0\/3000/],
    ['0/FFF', {}, /lies before 0\/1000, which slot "s" has confirmed/],
    ['0/2000', { slot: null }, /slot "s" does not exist: a position without a slot/],
    ['0/2000', { slot: { ...SLOT, walStatus: 'lost' } }, /slot "s" is lost/],
    ['0/2000', { slot: { ...SLOT, plugin: 'wal2json' } }, /expected a logical pgoutput slot/],
    ['0/2000', { claim: null }, /no claim of connector "orders" announced it/],
    ['0/2000', { claim: { ...CLAIM, system: '8' } }, /no claim of connector "orders" announced it/],
    ['2000', {}, /^--lsn: "2000" is not an LSN/],
  ] as const) {
    assert.throws(
      () => foretellSet(before(over), lsn),
      (error) => error instanceof MillraceError && expected.test(error.message),
      String(expected),
    );
  }
  assert.deepEqual(foretellSet(before({ claim: null, adopt: true }), '0/2000').position, between('0/2000'));
});

test('reset: what the next start does depends on the slot', () => {
  for (const [over, expected] of [
    [
      {},
      /exists: the next start goes on at 0\/1000.*REPEATED, though delivered before: .* between 0\/1000 and 0\/2000.*pg_drop_replication_slot\('s'\)$/,
    ],
    [{ slot: { ...SLOT, confirmed: '0/2000' } }, /Nothing is repeated and nothing skipped/],
    [{ slot: { ...SLOT, confirmed: '0/2800' } }, /SKIPPED: what was committed between 0\/2000 and 0\/2800/],
    [
      { position: inside, slot: { ...SLOT, confirmed: '0/2000' } },
      /REPEATED, though delivered before: 12 changes of the split transaction 815/,
    ],
    [{ slot: null }, /does not exist: the next start creates it.*committed between 0\/2000 and that start is skipped/],
    [{ slot: { ...SLOT, walStatus: 'lost' } }, /^The next start will refuse: slot "s" is lost/],
    [{ claim: null }, /will refuse slot "s", which no claim.*set slot\.adopt=true/],
    [{ claim: null, adopt: true }, /exists: the next start goes on at 0\/1000/],
  ] as const) {
    assert.match(foretellReset(before(over)).join(' '), expected);
  }
  assert.throws(() => foretellReset(before({ position: null })), /there is nothing to reset/);
});
