/** A run that has ended leaves nothing on the signal it was given: signals that hang on others live as long as these. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { createPostgresSource } from '../../../src/source/postgres/source.ts';
import { OUTBOX_DDL, insertOutbox, opened, sourceContext, sourceSettings } from '../../support/postgres-source.ts';
import { freshDatabase, postgres } from '../../support/servers.ts';

test('a source that is closed listens to the signal of its run no more', async (t) => {
  const server = await postgres();
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(OUTBOX_DDL);
  const source = createPostgresSource(sourceSettings(server, db.name), sourceContext());
  const { signal } = new AbortController();
  await source.acquire(signal);
  const start = await source.prepare(opened(), signal);
  await insertOutbox(db, '1');
  for await (const fragments of source.read(start, signal)) if (fragments.length > 0) break;
  await source.close();
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
});
