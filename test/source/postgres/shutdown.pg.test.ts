import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MillraceError } from '../../../src/errors.ts';
import { connect } from '../../../src/source/postgres/connection.ts';
import { createPostgresSource } from '../../../src/source/postgres/source.ts';
import { ReplicationStream, startReplication } from '../../../src/source/postgres/stream.ts';
import {
  insertOutbox,
  openDatabase,
  opened,
  ownServer,
  runSource,
  sourceContext,
  sourceSettings,
} from '../../support/postgres-source.ts';
import { waitFor } from '../../support/servers.ts';

async function secondsToStop(server: { stop(): Promise<void> }): Promise<number> {
  const startedAt = Date.now();
  await server.stop();
  return (Date.now() - startedAt) / 1000;
}

for (const major of [18, 14] as const) {
  describe(`PostgreSQL ${major} shuts down`, { concurrency: true }, () => {
    test('at once, while a source streams; what was delivered is acknowledged, and the source goes on after the restart', async (t) => {
      const { server, db } = await ownServer(t, { major });
      const settings = sourceSettings(server, db.name);
      const first = await runSource(settings);
      await insertOutbox(db, 'a');
      await waitFor('the row', async () => first.delivered().includes('a'));
      // As the worker does: the run ends, then the source is closed.
      const closed = first.ended.catch(() => {}).then(() => first.source.close());
      const seconds = await secondsToStop(server);
      await closed;
      assert.ok(seconds < 6, `the server took ${seconds} s to stop`);
      assert.ok(first.lost.reason instanceof MillraceError);
      assert.equal(first.lost.reason.kind, 'database-shutdown');
      await assert.rejects(runSource(settings), { kind: 'database-unavailable' });
      await server.restart();
      const client = await openDatabase(t, server);
      await insertOutbox({ client }, 'b');
      const second = await runSource(settings, { position: first.fragments.at(-1)?.position ?? null });
      t.after(() => second.stop());
      await waitFor('the next row', async () => second.delivered().length > 0);
      assert.deepEqual(second.delivered(), ['b']);
    });

    test('within 6 s, although nobody reads the stream any more and the last commit hangs', async (t) => {
      const { server, db } = await ownServer(t, { major });
      const settings = sourceSettings(server, db.name);
      const source = createPostgresSource(settings, sourceContext());
      t.after(() => source.close());
      const { signal } = new AbortController();
      const { lost } = await source.acquire(signal);
      const start = await source.prepare(opened(), signal);
      await db.client.query(
        "INSERT INTO outbox SELECT gen_random_uuid(), 'order', '1', 'Created', to_jsonb(repeat('x', 1000)) FROM generate_series(1, 20000)",
      );
      const reader = source.read(start, lost)[Symbol.asyncIterator]();
      await reader.next();
      const seconds = await secondsToStop(server);
      assert.ok(seconds < 6, `the server took ${seconds} s to stop`);
    });

    test('only when it must, without us: it waits for a walsender whose client makes no progress', async (t) => {
      const { server, db } = await ownServer(t, { major });
      const settings = sourceSettings(server, db.name);
      await db.client.query(`CREATE PUBLICATION p FOR TABLE outbox`);
      await db.client.query("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
      const { signal } = new AbortController();
      const client = await connect(settings, { applicationName: 'stubborn', replication: true, signal });
      const stream = new ReplicationStream(client, signal);
      // It answers every keep-alive, but acknowledges nothing.
      await stream.start(startReplication('s', 0n, { proto_version: '1', publication_names: 'p' }), 0n);
      await insertOutbox(db, 'a');
      const pumping = (async (): Promise<void> => {
        while (await stream.pump({ data: () => {}, keepAlive: () => {} }));
      })();
      pumping.catch(() => {});
      let stopped = false;
      const stopping = server.stop().then(() => {
        stopped = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 2000));
      assert.equal(stopped, false, 'the server waits for the walsender');
      await stream.close();
      await stopping;
    });
  });
}

/** Sessions that are there may stay, new ones are refused. */
function beginSmartShutdown(server: { readonly data: string }): void {
  process.kill(Number(readFileSync(join(server.data, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGTERM');
}

describe('a smart shutdown', { concurrency: true }, () => {
  test('is heard of by a new session, which counts as a shutdown', async (t) => {
    const { server, db } = await ownServer(t);
    beginSmartShutdown(server);
    await waitFor('the server to refuse', async () => {
      const error = await runSource(sourceSettings(server, db.name)).then(
        async (running) => {
          await running.stop();
          return null;
        },
        (reason: unknown) => reason,
      );
      return error instanceof MillraceError && error.kind === 'database-shutdown' && /57P03/.test(error.message);
    });
  });

  for (const major of [18, 14] as const) {
    test(`of PostgreSQL ${major} is not held up by a source that streams, nor by a standby`, async (t) => {
      const { server, db } = await ownServer(t, { major });
      const settings = sourceSettings(server, db.name);
      const running = await runSource(settings);
      const standby = runSource(settings);
      standby.catch(() => {});
      await insertOutbox(db, 'a');
      await waitFor('the row', async () => running.delivered().length > 0);
      await db.client.end();
      const closed = running.ended.catch(() => {}).then(() => running.source.close());
      beginSmartShutdown(server);
      await waitFor('the server to end', async () => !existsSync(join(server.data, 'postmaster.pid')));
      await closed;
      assert.ok(running.lost.reason instanceof MillraceError);
      assert.equal(running.lost.reason.kind, 'database-shutdown');
      await assert.rejects(standby, MillraceError);
    });
  }
});
