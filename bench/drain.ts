/** How fast a backlog is read: the raw ceiling (count frames only) and Millrace, from the same log. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { PostgresServer } from '../src/demo/postgres-server.ts';
import { type Backlog, PUBLICATION } from './backlog.ts';
import { pause, startMeasured } from './process.ts';

export interface Drain {
  readonly eventsPerSecond: number;
  readonly cpuUsPerEvent: number;
  /** 0 where it is not measured. */
  readonly peakRssMb: number;
}

export interface DrainTarget {
  readonly server: PostgresServer;
  readonly host: string;
  readonly bootstrap: string;
  readonly backlog: Backlog;
  /** Tells runs apart: names of slots, connectors, topics. */
  readonly run: string;
  readonly nodeOptions?: readonly string[];
}

const RAW = fileURLToPath(new URL('./raw.ts', import.meta.url));

/** Reads the slot in a process of its own and counts. */
export async function rawDrain(target: DrainTarget): Promise<Drain> {
  const { backlog, server, host, run } = target;
  const slot = `raw_${run}`;
  await backlog.slot(slot);
  const args = [RAW, host, String(server.port), backlog.database, slot, String(backlog.rows)];
  const env = { ...process.env, PGPASSWORD: server.password };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  await backlog.dropSlot(slot);
  const { seconds, cpuMs } = JSON.parse(stdout) as { seconds: number; cpuMs: number };
  return { eventsPerSecond: backlog.rows / seconds, cpuUsPerEvent: (cpuMs * 1000) / backlog.rows, peakRssMb: 0 };
}

/** Runs Millrace from the start of the stream to the commit of the last row. */
export async function millraceDrain(target: DrainTarget): Promise<Drain> {
  const { backlog, run } = target;
  const slot = `ours_${run}`;
  await backlog.slot(slot);
  const millrace = await startMeasured(connectorFor(target, slot), target.nodeOptions);
  try {
    const startedAt = await millrace.logged('streaming');
    const cpu = millrace.cpuMs();
    while ((await millrace.metric('millrace_records_total')) < backlog.rows) await pause(20);
    const seconds = (Date.now() - startedAt) / 1000;
    return {
      eventsPerSecond: backlog.rows / seconds,
      cpuUsPerEvent: ((millrace.cpuMs() - cpu) * 1000) / backlog.rows,
      peakRssMb: millrace.peakRssMb(),
    };
  } finally {
    await millrace.stop();
    await backlog.dropSlot(slot);
  }
}

/** The example connector of the repository, pointed at the benchmark's servers. */
export function connectorFor(
  target: Pick<DrainTarget, 'server' | 'host' | 'bootstrap' | 'run'> & { backlog: { database: string } },
  slot: string | null,
): { name: string; config: Record<string, unknown> } {
  const { server, host, bootstrap, backlog, run } = target;
  return {
    name: `bench-${run}`,
    config: {
      'connector.class': 'postgres',
      'database.hostname': host,
      'database.port': server.port,
      'database.user': server.user,
      'database.password': server.password,
      'database.dbname': backlog.database,
      'database.sslmode': 'disable',
      'table.include.list': 'public\\.outbox',
      'publication.name': PUBLICATION,
      ...(slot === null ? {} : { 'slot.name': slot, 'slot.adopt': true }),
      transforms: 'outbox',
      'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
      'transforms.outbox.route.topic.replacement': `bench.${run}.\${routedByValue}`,
      'transforms.outbox.table.fields.additional.placement': 'type:header:eventType',
      'kafka.bootstrap.servers': bootstrap,
      'offsets.topic': 'bench-offsets',
    },
  };
}
