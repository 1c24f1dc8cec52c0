/** Latency at a fixed rate: from the commit in the database to visible for a committed reader. */
import type pg from 'pg';
import { MillraceError } from '../errors.ts';
import { PUBLICATION } from './backlog.ts';
import { CommittedTopic } from './committed-topic.ts';
import type { Engine, Running } from './engine.ts';
import { type Servers, connect, createOutbox, dropDatabase, pause } from './servers.ts';
import { quantileOf } from './spread.ts';

export interface Latency {
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly cpuUsPerEvent: number;
  readonly peakRssMb: number;
}

export interface LatencyJob {
  /** Names the database, too. */
  readonly run: string;
  readonly rate: number;
  readonly seconds: number;
  /** Before what counts: code is compiled and connections are made on all sides. */
  readonly warmUpSeconds: number;
  readonly more?: Readonly<Record<string, string | number>>;
}

const TICK_MS = 5;
const SESSIONS = 4;
const ARRIVED_WITHIN_MS = 30_000;

/** One row a transaction. Throws unless every event arrives, once. */
export async function measureLatency(servers: Servers, engine: Engine, job: LatencyJob): Promise<Latency> {
  const { run, more } = job;
  const topics = `${servers.prefix}.${run}`;
  const sql = await createOutbox(servers, run);
  const topic = await CommittedTopic.create(servers.bootstrap, `${topics}.order`, servers.signal);
  const arrivals = new Arrivals();
  const following = new AbortController();
  const loop = topic.follow(following.signal, ({ value }) => arrivals.hear(value));
  loop.catch(() => {});
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => connect(servers, run)));
  let running: Running | null = null;
  try {
    await sql.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [run]);
    await sql.query(`CREATE PUBLICATION ${PUBLICATION} FOR TABLE outbox WITH (publish_via_partition_root = true)`);
    const target = {
      database: run,
      host: servers.postgres.host,
      publication: PUBLICATION,
      slot: run,
      slotExists: true,
    };
    running = await engine.deliver({ name: `${servers.prefix}-${run}`, topics, ...target, ...(more ? { more } : {}) });
    // The first event tells that it is at work; it is not counted.
    await insert(sql, 0);
    await arrivals.until(1, { servers, running });
    const measured = await writeAtRate(servers, { sessions, job, running });
    await arrivals.until(measured.total + 1, { servers, running });
    if (arrivals.repeats > 0) throw new MillraceError('internal', `${arrivals.repeats} events came again`);
    const latencies = await latenciesOf(sql, arrivals, measured.warmUp);
    const quantile = (q: number): number => quantileOf(latencies, q);
    const { cpuUsPerEvent, peakRssMb } = measured;
    return {
      p50: quantile(0.5),
      p99: quantile(0.99),
      p999: quantile(0.999),
      max: quantile(1),
      cpuUsPerEvent,
      peakRssMb,
    };
  } finally {
    following.abort();
    await running?.stop();
    await loop.catch(() => {});
    await topic.remove();
    await Promise.all([sql, ...sessions].map((session) => session.end()));
    await dropDatabase(servers, run);
  }
}

/** When each event was first seen. */
class Arrivals {
  /** By number, milliseconds since 1970 with fractions. */
  readonly seenAt = new Map<number, number>();
  repeats = 0;

  hear(value: Buffer | null): void {
    const { n } = JSON.parse(String(value)) as { n: number };
    if (this.seenAt.has(n)) this.repeats++;
    else this.seenAt.set(n, performance.timeOrigin + performance.now());
  }

  async until(count: number, of: { readonly servers: Servers; readonly running: Running }): Promise<void> {
    const until = Date.now() + ARRIVED_WITHIN_MS;
    for (let asked = 0; this.seenAt.size < count; asked++) {
      if (asked % 200 === 199) await of.running.check();
      if (Date.now() > until) {
        throw new MillraceError('internal', `${count - this.seenAt.size} of ${count} events are missing after 30 s`);
      }
      await pause(10, of.servers);
    }
  }
}

interface Written {
  readonly total: number;
  /** Numbers up to this one do not count. */
  readonly warmUp: number;
  readonly cpuUsPerEvent: number;
  readonly peakRssMb: number;
}

async function writeAtRate(
  servers: Servers,
  at: { readonly sessions: readonly pg.Client[]; readonly job: LatencyJob; readonly running: Running },
): Promise<Written> {
  const { sessions, job, running } = at;
  const warmUp = Math.round(job.rate * job.warmUpSeconds);
  const total = warmUp + Math.round(job.rate * job.seconds);
  const queues: Promise<void>[] = sessions.map(async () => {});
  const startedAt = performance.now();
  let cpuMs = running.meter.cpuMs();
  running.meter.resetPeak();
  for (let n = 0; n < total; await pause(TICK_MS, servers)) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) * job.rate) / 1000));
    if (n <= warmUp && due > warmUp) cpuMs = running.meter.cpuMs();
    while (n < due) {
      const slot = ++n % sessions.length;
      const session = sessions[slot];
      const before = queues[slot];
      if (session) queues[slot] = (async (number) => (await before, insert(session, number)))(n);
    }
  }
  await Promise.all(queues);
  return {
    total,
    warmUp,
    cpuUsPerEvent: ((running.meter.cpuMs() - cpuMs) * 1000) / (total - warmUp),
    peakRssMb: running.meter.peakRssMb(),
  };
}

async function insert(session: pg.Client, n: number): Promise<void> {
  await session.query({
    name: 'insert',
    text: `INSERT INTO outbox VALUES (gen_random_uuid(), 'order', $1, 'Created', jsonb_build_object('n', $2::int, 'filler', repeat('x', 300)))`,
    values: [String(n % 1000), n],
  });
}

/** Ascending, in milliseconds. */
async function latenciesOf(sql: pg.Client, arrivals: Arrivals, after: number): Promise<readonly number[]> {
  const { rows } = await sql.query<{ n: number; at: string }>(
    `SELECT (payload->>'n')::int AS n, extract(epoch FROM pg_xact_commit_timestamp(xmin))::text AS at
       FROM outbox WHERE (payload->>'n')::int > $1`,
    [after],
  );
  return rows
    .map(({ n, at }) => (arrivals.seenAt.get(n) ?? Number.POSITIVE_INFINITY) - Number(at) * 1000)
    .sort((a, b) => a - b);
}
