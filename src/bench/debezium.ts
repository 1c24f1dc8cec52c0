/** Debezium's PostgreSQL connector on Kafka Connect, exactly once, set up as somebody who wants it fast would. */
import type { ConnectJars } from './connect-jars.ts';
import { ConnectWorker } from './connect-worker.ts';
import { type Engine, type Job, type Running, type Service, sharedKeys } from './engine.ts';
import type { Servers } from './servers.ts';

/** For throughput: ten times the default's batches, each of which is one Kafka transaction, and room for them. */
export const TUNED: Readonly<Record<string, string | number>> = {
  'max.batch.size': 20_480,
  'max.queue.size': 81_920,
  'producer.override.batch.size': 262_144,
  'producer.override.buffer.memory': 134_217_728,
};
/** For latency: how long an idle task sleeps before it looks for events again. */
export const TUNED_POLL: Readonly<Record<string, string | number>> = { 'poll.interval.ms': 5 };

/** A killed worker is missed after this long, the least that a broker takes by default; 10 s is Connect's default. */
const SHORT_SESSION = { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 2000 };

/** All jobs in one worker, which stays: only its first run is cold. */
export class DebeziumEngine implements Engine {
  readonly #servers: Servers;
  readonly #worker: ConnectWorker;

  constructor(servers: Servers, worker: ConnectWorker) {
    this.#servers = servers;
    this.#worker = worker;
  }

  async deliver(job: Job): Promise<Running> {
    const worker = this.#worker;
    await worker.create(job.name, configOf(this.#servers, job));
    return {
      meter: worker.meter,
      check: () => worker.checkConnector(job.name),
      stop: () => worker.remove(job.name),
    };
  }
}

/** A worker of its own for one job. */
export function debeziumService(servers: Servers, jars: ConnectJars, job: Job): Service {
  const worker = new ConnectWorker(servers, jars, { group: job.name, more: SHORT_SESSION });
  let told = false;
  return {
    start: async () => {
      await worker.start();
      if (!told) await worker.create(job.name, configOf(servers, job));
      told = true;
    },
    stop: (signal) => worker.stop(signal),
    check: () => worker.checkConnector(job.name),
  };
}

function configOf({ postgres }: Servers, job: Job): Record<string, string | number> {
  return {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'exactly.once.support': 'required',
    'tasks.max': 1,
    'plugin.name': 'pgoutput',
    'topic.prefix': job.name,
    'database.hostname': job.host,
    'database.port': postgres.port,
    'database.user': postgres.user,
    'database.password': postgres.password,
    ...sharedKeys(job),
    'publication.autocreate.mode': job.slotExists ? 'disabled' : 'filtered',
  };
}
