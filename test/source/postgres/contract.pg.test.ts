import assert from 'node:assert/strict';

import { systemClock } from '../../../src/runtime/clock.ts';
import { createPostgresSource } from '../../../src/source/postgres/source.ts';
import { sourceContract } from '../../contract/source.ts';
import type { SourceWorld } from '../../contract/source/suite.ts';
import { startProxy } from '../../support/tcp-proxy.ts';
import { freshDatabase, freshName, postgres, quiet } from '../../support/servers.ts';
import { testEventSettings } from '../../support/events.ts';
import { noProgress } from '../../support/silent.ts';

for (const major of [18, 14] as const) {
  sourceContract({ name: `the PostgreSQL ${major} source`, setup: () => setup(major) });
}

async function setup(major: 14 | 18): Promise<SourceWorld> {
  const server = await postgres(major);
  const proxy = await startProxy(server);
  const db = await freshDatabase(server);
  const { client } = db;
  const connector = freshName('source');
  await client.query('CREATE TABLE numbered (n integer PRIMARY KEY, filler text); CREATE TABLE other (x text)');
  await client.query("SET application_name = 'the application'");
  const insert = (from: number, count: number, bytes: number): Promise<unknown> =>
    client.query(`INSERT INTO numbered SELECT n, repeat('x', $3::int) FROM generate_series($1::int, $2::int) n`, [
      from,
      from + count - 1,
      bytes,
    ]);
  return {
    create: ({ onStandby } = {}) =>
      createPostgresSource(
        {
          connectorName: connector,
          transactionalId: connector,
          host: '127.0.0.1',
          port: proxy.port,
          user: server.user,
          password: server.password,
          database: db.name,
          sslMode: 'disable',
          sslRootCert: null,
          sslCert: null,
          sslKey: null,
          slotName: connector,
          slotAdopt: false,
          publicationName: connector,
          publicationAutocreate: 'filtered',
          includeTables: [/^public\.numbered$/],
          ...testEventSettings,
        },
        { log: quiet, clock: systemClock, progress: { ...noProgress, standby: () => onStandby?.() } },
      ),
    commit: async (from, count, bytes = 1) => void (await insert(from, count, bytes)),
    rollBack: async (from, count) => {
      await client.query('BEGIN');
      await insert(from, count, 1);
      await client.query('ROLLBACK');
    },
    unrelated: async () => void (await client.query("INSERT INTO other VALUES (repeat('y', 1000))")),
    numberOf: (change) => {
      assert.ok(change.op === 'insert' && change.after);
      return Number(change.after.value(0));
    },
    breakLease: async () => {
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
    },
    received: () => proxy.received(),
    forgettable: async () => {
      const result = await client.query<{ mark: string }>(
        "SELECT pg_wal_lsn_diff(confirmed_flush_lsn, '0/0')::text AS mark FROM pg_replication_slots WHERE slot_name = $1",
        [connector],
      );
      return BigInt(result.rows[0]?.mark ?? 0);
    },
    drop: async () => {
      await proxy.close();
      await db.drop();
    },
  };
}
