import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GaugeName } from '../../../src/ports.ts';
import { createPostgresSource } from '../../../src/source/postgres/source.ts';
import { OUTBOX_DDL, noMetrics, runSource, sourceContext, sourceSettings } from '../../support/postgres-source.ts';
import { freshDatabase, postgres, waitFor } from '../../support/servers.ts';

test('what the slot holds back is measured from the lease on, also when Kafka lets us get no further', async (t) => {
  const server = await postgres();
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(OUTBOX_DDL);
  const settings = sourceSettings(server, db.name);
  const running = await runSource(settings);
  await running.stop();
  await db.client.query(
    "INSERT INTO outbox SELECT gen_random_uuid(), 'a', 'k', 't', '{}' FROM generate_series(1, 1000)",
  );
  const gauges = new Map<GaugeName, number>();
  const metrics = { ...noMetrics, gauge: (name: GaugeName, value: number) => void gauges.set(name, value) };
  const source = createPostgresSource(settings, { ...sourceContext(), metrics });
  t.after(() => source.close());
  await source.acquire(new AbortController().signal);
  await waitFor('the gauges', async () => gauges.has('retained_wal_bytes'));
  assert.ok((gauges.get('lag_bytes') ?? 0) > 100_000, `lag_bytes ${gauges.get('lag_bytes')}`);
  assert.ok((gauges.get('retained_wal_bytes') ?? 0) > 100_000);
});
