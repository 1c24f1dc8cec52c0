/** How long until events flow: from the start of the process, and from kill -9 under a trickle of them. */
import type pg from 'pg';
import { MillraceError } from '../errors.ts';
import { PUBLICATION } from './backlog.ts';
import { CommittedTopic } from './committed-topic.ts';
import type { Job, Service } from './engine.ts';
import { type Servers, createOutbox, dropDatabase, pause } from './servers.ts';

export interface Times {
  /** Milliseconds from the start of the process to the first record visible: slot and publication are made. */
  readonly firstStartMs: number;
  /** The same when they are there, and so is a row that waits. */
  readonly restartMs: number;
  /** From kill -9 (with a new process started at once) until an event is visible that was committed after it. */
  readonly killMs: number;
}

const TRICKLE_MS = 10;
/** Time to deliver before the kill, and after it. */
const STEADY_MS = 1500;
const SEEN_WITHIN_MS = 120_000;

/** Throws unless, in the end, every event that was committed since the first start has arrived, once. */
export async function measureTimes(servers: Servers, run: string, serviceFor: (job: Job) => Service): Promise<Times> {
  const topics = `${servers.prefix}.${run}`;
  const sql = await createOutbox(servers, run);
  const topic = await CommittedTopic.create(servers.bootstrap, `${topics}.order`, servers.signal);
  const target = { database: run, host: servers.postgres.host, publication: PUBLICATION, slot: run, slotExists: false };
  const service = serviceFor({ name: `${servers.prefix}-${run}`, topics, ...target });
  const ledger = new Ledger(servers, sql, service);
  const following = new AbortController();
  const loop = topic.follow(following.signal, ({ value }) => ledger.hear(value));
  loop.catch(() => {});
  try {
    let startedAt = performance.now();
    ledger.startTrickle();
    await service.start();
    const firstStartMs = (await ledger.seenAfter(0)) - startedAt;
    await ledger.endTrickle();
    await service.stop('SIGTERM');
    const waiting = await ledger.insert();
    startedAt = performance.now();
    await service.start();
    const restartMs = (await ledger.seenAfter(waiting - 1)) - startedAt;
    ledger.startTrickle();
    await pause(STEADY_MS, servers);
    const killedAt = performance.now();
    const before = ledger.last;
    await service.stop('SIGKILL');
    await service.start();
    // The one in flight at the kill may have been committed before it.
    const killMs = (await ledger.seenAfter(before + 1)) - killedAt;
    await pause(STEADY_MS, servers);
    await ledger.endTrickle();
    await ledger.settle();
    await service.stop('SIGTERM');
    return { firstStartMs, restartMs, killMs };
  } finally {
    following.abort();
    await service.stop('SIGKILL');
    await ledger.endTrickle().catch(() => {});
    await loop.catch(() => {});
    await topic.remove();
    await sql.end();
    await dropDatabase(servers, run);
  }
}

/** What was committed, and what has arrived of it. */
class Ledger {
  readonly #servers: Servers;
  readonly #sql: pg.Client;
  readonly #service: Service;
  readonly #seenAt = new Map<number, number>();
  #repeats = 0;
  #writing: { readonly controller: AbortController; readonly loop: Promise<void> } | null = null;
  /** The newest that is being committed or has been. */
  last = 0;

  constructor(servers: Servers, sql: pg.Client, service: Service) {
    this.#servers = servers;
    this.#sql = sql;
    this.#service = service;
  }

  hear(value: Buffer | null): void {
    const { n } = JSON.parse(String(value)) as { n: number };
    if (this.#seenAt.has(n)) this.#repeats++;
    else this.#seenAt.set(n, performance.now());
  }

  async insert(): Promise<number> {
    const n = ++this.last;
    await this.#sql.query(
      "INSERT INTO outbox VALUES (gen_random_uuid(), 'order', '1', 'Created', jsonb_build_object('n', $1::int))",
      [n],
    );
    return n;
  }

  /** Writes an event every 10 ms. */
  startTrickle(): void {
    const controller = new AbortController();
    const loop = (async (): Promise<void> => {
      while (!controller.signal.aborted) {
        await this.insert();
        await pause(TRICKLE_MS, this.#servers);
      }
    })();
    loop.catch(() => {});
    this.#writing = { controller, loop };
  }

  /** Resolves when the last event is committed. */
  async endTrickle(): Promise<void> {
    const writing = this.#writing;
    this.#writing = null;
    writing?.controller.abort();
    await writing?.loop;
  }

  /** When the first event after number `n` was seen; waits for it. */
  async seenAfter(n: number): Promise<number> {
    const until = Date.now() + SEEN_WITHIN_MS;
    for (let asked = 0; ; asked++) {
      const times = Array.from(this.#seenAt).flatMap(([number, at]) => (number > n ? [at] : []));
      if (times.length > 0) return Math.min(...times);
      if (asked % 400 === 399) await this.#service.check();
      if (Date.now() > until) throw new MillraceError('internal', `no event for ${SEEN_WITHIN_MS / 1000} s`);
      await pause(5, this.#servers);
    }
  }

  /** Everything from the first that arrived on: what was committed before the slot was made never comes. */
  async settle(): Promise<void> {
    const first = Math.min(...this.#seenAt.keys());
    const expected = this.last - first + 1;
    const until = Date.now() + SEEN_WITHIN_MS;
    while (this.#seenAt.size < expected && Date.now() < until) await pause(20, this.#servers);
    // A repeat would be right behind.
    await pause(500, this.#servers);
    if (this.#seenAt.size === expected && this.#repeats === 0) return;
    throw new MillraceError(
      'internal',
      `after kill -9 the ledger does not agree: ${expected - this.#seenAt.size} of ${expected} events are missing, ${this.#repeats} came again`,
    );
  }
}
