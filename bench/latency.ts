/** Latency at a fixed rate: from the commit in the database to visible for a committed reader. */
import type pg from 'pg';
import type { PostgresServer } from '../src/demo/postgres-server.ts';
import { connect } from './backlog.ts';
import { connectorFor } from './drain.ts';
import { follow } from './follower.ts';
import { pause, startMeasured } from './process.ts';

export interface Latency {
  readonly rate: number;
  readonly events: number;
  readonly missing: number;
  readonly repeats: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly cpuPercent: number;
  readonly peakRssMb: number;
}

const TICK_MS = 5;
const SESSIONS = 4;
/** The first seconds compile code on both sides; they are written and not counted. */
const WARM_UP_MS = 4000;

export interface LatencyTarget {
  readonly server: PostgresServer;
  readonly host: string;
  readonly bootstrap: string;
  readonly database: string;
  readonly run: string;
}

/** One row a transaction at `rate` a second. The server needs track_commit_timestamp=on. */
export async function measureLatency(target: LatencyTarget, rate: number, seconds: number): Promise<Latency> {
  const { server, database, bootstrap, run } = target;
  const follower = await follow(bootstrap, `bench.${run}.order`);
  const millrace = await startMeasured(connectorFor({ ...target, backlog: { database } }, null));
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => connect(server, database)));
  try {
    await millrace.logged('streaming');
    const total = Math.round((rate * (seconds * 1000 + WARM_UP_MS)) / 1000);
    const counted = Math.round((rate * WARM_UP_MS) / 1000);
    const cpu = millrace.cpuMs();
    const startedAt = performance.now();
    const queues: Promise<unknown>[] = sessions.map(() => Promise.resolve());
    for (let n = 0; n < total; await pause(TICK_MS)) {
      const due = Math.min(total, Math.floor(((performance.now() - startedAt) * rate) / 1000));
      for (; n < due; n++) {
        const session = n % SESSIONS;
        queues[session] = insert(sessions[session], n, queues[session]);
      }
    }
    await Promise.all(queues);
    const elapsedMs = performance.now() - startedAt;
    const cpuPercent = (100 * (millrace.cpuMs() - cpu)) / elapsedMs;
    for (const until = Date.now() + 20_000; follower.seenAt.size < total && Date.now() < until; ) await pause(10);
    const commits = await sessions[0]?.query<{ n: number; at: string }>(
      `SELECT (payload->>'n')::int AS n, extract(epoch FROM pg_xact_commit_timestamp(xmin))::text AS at
         FROM outbox WHERE type = $1`,
      [run],
    );
    const latencies = (commits?.rows ?? [])
      .filter((row) => row.n >= counted)
      .map((row) => (follower.seenAt.get(row.n) ?? Number.POSITIVE_INFINITY) - Number(row.at) * 1000)
      .sort((a, b) => a - b);
    const quantile = (q: number): number =>
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? 0;
    return {
      rate,
      events: total,
      missing: total - follower.seenAt.size,
      repeats: follower.repeats(),
      p50: quantile(0.5),
      p99: quantile(0.99),
      p999: quantile(0.999),
      max: quantile(1),
      cpuPercent,
      peakRssMb: millrace.peakRssMb(),
    };
  } finally {
    await millrace.stop();
    await follower.stop();
    await Promise.all(sessions.map((session) => session.end()));
  }

  async function insert(session: pg.Client | undefined, n: number, before: unknown): Promise<unknown> {
    await before;
    return session?.query({
      name: 'insert',
      text: `INSERT INTO outbox VALUES (gen_random_uuid(), 'order', $1, $2, jsonb_build_object('n', $3::int, 'filler', repeat('x', 300)))`,
      values: [String(n % 1000), run, n],
    });
  }
}
