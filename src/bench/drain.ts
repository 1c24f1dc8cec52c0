/** How fast a backlog becomes visible, and that it is the backlog, each row once. */
import { MillraceError } from '../errors.ts';
import { type Backlog, PUBLICATION } from './backlog.ts';
import { CommittedTopic } from './committed-topic.ts';
import { Digest } from './digest.ts';
import type { Engine, Running } from './engine.ts';
import { type Servers, pause } from './servers.ts';

export interface Drain {
  readonly eventsPerSecond: number;
  /** Of the whole process; NaN where nobody asked. */
  readonly cpuUsPerEvent: number;
  readonly peakRssMb: number;
}

export interface DrainJob {
  /** Tells runs apart; a part of names of slots. */
  readonly run: string;
  readonly host: string;
  readonly backlog: Backlog;
  readonly more?: Readonly<Record<string, string | number>>;
}

const SAMPLE_EVERY_MS = 10;
/** No more is expected when nothing has come for so long and there is enough. */
const QUIET_MS = 400;
const STUCK_MS = 60_000;

/** What was seen at a moment of a drain. */
interface Moment {
  readonly at: number;
  readonly cpuMs: number;
  readonly ends: readonly bigint[];
}

/**
 * From the moment at which the slot is read until a committed reader can see the last row. Then everything is read:
 * throws unless the records are the rows, byte for byte, each once.
 */
export async function measureDrain(servers: Servers, engine: Engine, job: DrainJob): Promise<Drain> {
  const { run, backlog, host, more } = job;
  const topics = `${servers.prefix}.${run}`;
  await backlog.createSlot(run);
  const topic = await CommittedTopic.create(servers.bootstrap, `${topics}.order`, servers.signal);
  let running: Running | null = null;
  try {
    const target = { database: backlog.database, host, publication: PUBLICATION, slot: run, slotExists: true };
    running = await engine.deliver({ name: `${servers.prefix}-${run}`, topics, ...target, ...(more ? { more } : {}) });
    const { meter, check } = { meter: running.meter, check: running.check.bind(running) };
    meter.resetPeak();
    await backlog.untilActive(run, true, check);
    const startedAt = performance.now();
    const cpuMs = meter.cpuMs();
    const moments = await watch(servers, topic, { running, rows: backlog.rows });
    const peakRssMb = meter.peakRssMb();
    const last = await verify(topic, backlog, moments.at(-1)?.ends ?? []);
    const end = moments.find(({ ends }) => ends.every((offset, partition) => offset > (last[partition] ?? -1n)));
    if (!end) throw new MillraceError('internal', 'the end of the backlog was read and never seen');
    return {
      eventsPerSecond: (backlog.rows * 1000) / (end.at - startedAt),
      cpuUsPerEvent: ((end.cpuMs - cpuMs) * 1000) / backlog.rows,
      peakRssMb,
    };
  } finally {
    await running?.stop();
    await topic.remove();
    await backlog.untilActive(run, false, async () => {});
    await backlog.dropSlot(run);
  }
}

/** Every change of what is visible, until it has been enough and quiet for a while. */
async function watch(
  servers: Servers,
  topic: CommittedTopic,
  of: { readonly running: Running; readonly rows: number },
): Promise<readonly Moment[]> {
  const moments: Moment[] = [];
  let visible = -1n;
  let checkedAt = performance.now();
  for (;;) {
    const ends = await topic.stableEnds();
    const now = performance.now();
    const sum = ends.reduce((total, offset) => total + offset, 0n);
    if (sum !== visible) moments.push({ at: now, cpuMs: of.running.meter.cpuMs(), ends });
    visible = sum;
    const quietMs = now - (moments.at(-1)?.at ?? now);
    // Offsets count the markers of transactions, too, so enough is not all: `verify` counts.
    if (visible >= of.rows && quietMs > QUIET_MS) return moments;
    if (now - checkedAt > 1000) {
      await of.running.check();
      checkedAt = now;
    }
    if (quietMs > STUCK_MS) {
      throw new MillraceError('internal', `nothing new for ${STUCK_MS / 1000} s at ${visible} of ${of.rows} rows`);
    }
    await pause(SAMPLE_EVERY_MS, servers);
  }
}

/** Reads it all; gives the offset of the last record in each partition, -1 for none. */
async function verify(topic: CommittedTopic, backlog: Backlog, ends: readonly bigint[]): Promise<readonly bigint[]> {
  const digest = new Digest();
  const last = ends.map(() => -1n);
  await topic.readTo(ends, ({ offset, key, value, headers }, partition) => {
    last[partition] = BigInt(offset);
    const header = (name: string): Buffer => Buffer.from((headers[name] as Buffer | undefined) ?? '');
    digest.add({ id: header('id'), key: key ?? '', type: header('eventType'), value: value ?? '' });
  });
  if (digest.different !== backlog.rows || digest.events !== backlog.rows) {
    throw new MillraceError(
      'internal',
      `a committed reader found ${digest.different} different events in ${digest.events} records: expected ${backlog.rows}, each once`,
    );
  }
  if (digest.text !== backlog.digest) {
    throw new MillraceError(
      'internal',
      'the records are not the rows: id header, key, eventType header or value of at least one differs from the outbox',
    );
  }
  return last;
}
