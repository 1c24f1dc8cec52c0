/** How long until something is delivered: from the start of the process, and from kill -9. */
import { connect } from './backlog.ts';
import { connectorFor } from './drain.ts';
import { follow } from './follower.ts';
import type { LatencyTarget } from './latency.ts';
import { pause, startMeasured } from './process.ts';

export interface Times {
  /** Milliseconds from spawn to the first record visible: slot, publication and topics have to be created. */
  readonly firstStartMs: number;
  /** The same when they are there. */
  readonly restartMs: number;
  /** From kill -9 (with a new process started at once) to the first event that was committed after it. */
  readonly killMs: number;
}

export async function measureTimes(target: LatencyTarget): Promise<Times> {
  const { server, database, bootstrap, run } = target;
  const follower = await follow(bootstrap, `bench.${run}.order`);
  const sql = await connect(server, database);
  const connector = connectorFor({ ...target, backlog: { database } }, null);
  let n = 0;
  const insert = async (): Promise<number> => {
    await sql.query(
      `INSERT INTO outbox VALUES (gen_random_uuid(), 'order', '1', $1, jsonb_build_object('n', $2::int))`,
      [run, ++n],
    );
    return n;
  };
  // Rows from before the slot are not sent, so rows keep coming until one is seen.
  const untilSeen = async (after: number): Promise<number> => {
    for (;;) {
      await insert();
      await pause(10);
      for (const [seen, at] of follower.seenAt) if (seen > after) return at;
    }
  };
  try {
    let startedAt = Date.now();
    let millrace = await startMeasured(connector);
    const firstStartMs = (await untilSeen(n)) - startedAt;
    await millrace.stop();
    const before = await insert();
    startedAt = Date.now();
    millrace = await startMeasured(connector);
    while (!follower.seenAt.has(before)) await pause(2);
    const restartMs = (follower.seenAt.get(before) ?? 0) - startedAt;
    await untilSeen(n);
    const killedAt = Date.now();
    await millrace.stop('SIGKILL');
    const killed = await insert();
    millrace = await startMeasured(connector);
    while (!follower.seenAt.has(killed)) await pause(2);
    const killMs = (follower.seenAt.get(killed) ?? 0) - killedAt;
    await millrace.stop();
    return { firstStartMs, restartMs, killMs };
  } finally {
    await follower.stop();
    await sql.end();
  }
}
