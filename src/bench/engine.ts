/** What is measured: something that delivers an outbox to Kafka, as a process that can be watched and killed. */
import type { ProcessMeter } from './process-meter.ts';

/** One connector's work. */
export interface Job {
  /** Names the connector; its topics begin with `topics`. */
  readonly name: string;
  /** The topic of aggregate type `order` is `${topics}.order`. */
  readonly topics: string;
  readonly database: string;
  /** A host name, or the folder of the server's Unix socket. */
  readonly host: string;
  readonly publication: string;
  readonly slot: string;
  /** The slot is there already, and so is the publication. */
  readonly slotExists: boolean;
  /** More keys of the connector, as its users would set them. */
  readonly more?: Readonly<Record<string, string | number>>;
}

/** A connector at work. */
export interface Running {
  /** Of the process that does the work, whatever else it may hold. */
  readonly meter: ProcessMeter;
  /** Throws when it has failed. */
  check(): Promise<void>;
  /** Ends the connector in good order; its process may live on for others. */
  stop(): Promise<void>;
}

export interface Engine {
  /** Resolves when the connector has been told to begin. */
  deliver(job: Job): Promise<Running>;
}

/** One job with a process of its own, for times from the start of the process. */
export interface Service {
  /** Starts the process; the first time it is told of the job, later it has to know. */
  start(): Promise<void>;
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  check(): Promise<void>;
}

/** Keys that both sides take, so that the records are the same bytes. */
export function sharedKeys(job: Job): Record<string, string | number> {
  return {
    'database.dbname': job.database,
    'table.include.list': 'public\\.outbox',
    'publication.name': job.publication,
    'slot.name': job.slot,
    'snapshot.mode': 'no_data',
    transforms: 'outbox',
    'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.outbox.route.topic.replacement': `${job.topics}.\${routedByValue}`,
    'transforms.outbox.table.fields.additional.placement': 'type:header:eventType',
    ...job.more,
  };
}
