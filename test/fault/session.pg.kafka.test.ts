/** An operator (or a fail-over tool) ends our sessions in the database. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Rig, isAlive, rigFor, tail } from '../support/rig.ts';
import { waitFor } from '../support/servers.ts';

const WALSENDER = 'SELECT active_pid AS pid FROM pg_replication_slots WHERE database = current_database() AND active';
const LEASE = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 1298754668
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
const ROUNDS = 3;

/** Ends the session and waits for the log to move on under another one. */
async function terminate(rig: Rig, session: string): Promise<void> {
  const pidOf = async (): Promise<number | undefined> =>
    (await rig.database.client.query<{ pid: number }>(session)).rows[0]?.pid;
  const pid = await waitFor('the session to be there', async () => (await pidOf()) ?? null);
  await rig.database.client.query('SELECT pg_terminate_backend($1)', [pid]);
  await waitFor('another session in its place', async () => {
    const now = await pidOf();
    return now !== undefined && now !== pid;
  });
  await rig.delivers(rig.ledger.committed + 1);
}

for (const [what, sessions] of [
  ['a terminated walsender', [WALSENDER]],
  ['a terminated lease session', [LEASE]],
  ['both terminated, one after the other', [LEASE, WALSENDER]],
] as const) {
  test(`${what} under load: Millrace goes on, nothing is lost, repeated or torn`, { timeout: 120_000 }, async (t) => {
    const rig = await rigFor(t);
    const run = await rig.start();
    await run.reaches('running');
    rig.ledger.start();
    for (let round = 0; round < ROUNDS; round++) {
      await rig.delivers(rig.ledger.committed + rig.random.between(1, 300));
      for (const session of sessions) await terminate(rig, session);
    }
    assert.ok(isAlive(run), tail(run));
    await rig.finish();
  });
}
