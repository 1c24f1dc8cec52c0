/** The ceiling: how fast a slot can be read by a process that counts the rows and does nothing else. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Backlog } from '../src/bench/backlog.ts';
import type { Drain } from '../src/bench/drain.ts';
import type { Servers } from '../src/bench/servers.ts';

const RAW = fileURLToPath(new URL('./raw.ts', import.meta.url));

/** Reads a slot of its own over TCP or the Unix socket in `host`, in a process of its own. */
export async function rawDrain(
  { postgres, signal }: Servers,
  job: { readonly run: string; readonly backlog: Backlog; readonly host: string },
): Promise<Drain> {
  const { run, backlog, host } = job;
  await backlog.createSlot(run);
  const args = [RAW, host, String(postgres.port), backlog.database, run, String(backlog.rows)];
  const env = { ...process.env, PGPASSWORD: postgres.password };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, signal });
  await backlog.untilActive(run, false, async () => {});
  await backlog.dropSlot(run);
  const { seconds, cpuMs } = JSON.parse(stdout) as { seconds: number; cpuMs: number };
  return { eventsPerSecond: backlog.rows / seconds, cpuUsPerEvent: (cpuMs * 1000) / backlog.rows, peakRssMb: 0 };
}
