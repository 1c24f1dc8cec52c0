/** The broker is killed or restarted while Millrace writes; Millrace itself stays up and goes on. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startKafka } from '../../src/demo/kafka-server.ts';
import { isAlive, rigFor, tail } from '../support/rig.ts';

const broker = await startKafka();
after(() => broker.dispose());

for (const [what, signal] of [
  ['kill -9 of the broker', 'SIGKILL'],
  ['a graceful restart of the broker', 'SIGTERM'],
] as const) {
  test(`${what} under load loses, repeats and tears nothing`, { timeout: 180_000 }, async (t) => {
    const rig = await rigFor(t, { bootstrap: broker.bootstrap });
    const run = await rig.start();
    await run.reaches('running');
    rig.ledger.start();
    for (let restarts = 1; restarts <= 2; restarts++) {
      await rig.delivers(rig.ledger.committed + rig.random.between(0, 500));
      await broker.restart(signal);
      const backAt = Date.now();
      const before = rig.check.delivered;
      await rig.delivers(Math.max(before + 1, rig.ledger.committed));
      t.diagnostic(`in step ${Date.now() - backAt} ms after the broker was back`);
      assert.ok(isAlive(run), tail(run));
    }
    await rig.finish();
  });
}
