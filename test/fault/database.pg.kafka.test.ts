/** The database is restarted in every way while it is read; Millrace itself stays up and goes on. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startPostgres } from '../../src/demo/postgres-server.ts';
import { isAlive, rigFor, tail } from '../support/rig.ts';

const server = await startPostgres();
after(() => server.dispose());

/** A walsender whose client does not let go holds a shutdown up for much longer (measured: 12 s and more). */
const SHUTDOWN_WITHIN_MS = 6000;

for (const [what, signal] of [
  ['a fast shutdown', 'SIGINT'],
  ['an immediate shutdown', 'SIGQUIT'],
  ['kill -9', 'SIGKILL'],
] as const) {
  test(`${what} of PostgreSQL and its restart under load lose, repeat and tear nothing`, {
    timeout: 120_000,
  }, async (t) => {
    const rig = await rigFor(t, { server });
    const run = await rig.start();
    await run.reaches('running');
    rig.ledger.start();
    for (let restarts = 1; restarts <= 2; restarts++) {
      await rig.delivers(rig.ledger.committed + rig.random.between(0, 500));
      const downAt = Date.now();
      await server.restart(signal);
      const backAt = Date.now();
      assert.ok(backAt - downAt < SHUTDOWN_WITHIN_MS + 4000, `the restart took ${backAt - downAt} ms\n${tail(run)}`);
      await rig.delivers(Math.max(rig.check.delivered + 1, rig.ledger.committed));
      t.diagnostic(`restarted in ${backAt - downAt} ms, in step ${Date.now() - backAt} ms after that`);
      assert.ok(isAlive(run), tail(run));
    }
    await rig.finish();
  });
}
