/**
 * Every metric, declared once: the registry is made of this, and so is docs/metrics.md. Names follow
 * https://prometheus.io/docs/practices/naming/ : one prefix, base units as suffix, `_total` for counters.
 */
import type { CounterName, GaugeName, HistogramName, State } from '../ports.ts';
import type { Snapshot } from './status.ts';

export const PREFIX = 'millrace_';

/** In the order of a connector's life. */
export const STATES = [
  'starting',
  'standby',
  'running',
  'retrying',
  'failed',
  'stopped',
] as const satisfies readonly State[];

export interface Declared {
  /** For `# HELP`: one sentence without its full stop. */
  readonly help: string;
  readonly unit: string;
  /** For the table: what it does in which state, and what a reader has to know. */
  readonly doc: string;
}
interface DeclaredCounter extends Declared {
  /** It has the label `kind` beside `connector`. */
  readonly byKind?: true;
}
interface DeclaredHistogram extends Declared {
  readonly buckets: readonly number[];
}
/** Read at the moment of a scrape; null: there is nothing to show, and the series is absent. */
interface DeclaredReading extends Declared {
  readonly read: (status: Snapshot) => number | null;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const WHILE_RUNNING = 'Moves while running.';
const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);

export const COUNTERS: Readonly<Record<CounterName, DeclaredCounter>> = {
  records: {
    help: 'Records committed to Kafka',
    unit: 'records',
    doc: `${WHILE_RUNNING} Those of a large source transaction are counted when all of it is committed.`,
  },
  record_bytes: {
    help: 'Bytes of keys, values and headers of the records committed to Kafka, before compression',
    unit: 'bytes',
    doc: WHILE_RUNNING,
  },
  source_transactions: {
    help: 'Source transactions committed to Kafka that had records',
    unit: 'transactions',
    doc: WHILE_RUNNING,
  },
  skipped_changes: {
    help: 'Changes that are no event: deletes, updates and truncates of the outbox, logical messages, what a module of yours drops',
    unit: 'changes',
    doc: `${WHILE_RUNNING} Deletes tidy the table up; what an update does, \`table.op.invalid.behavior\` says.`,
  },
  restarts: {
    help: 'Runs that ended with an error and were started again, by the kind of the error',
    unit: 'runs',
    doc: 'Moves with every change into `retrying`. Every kind that is retried is there from the start, at 0.',
    byKind: true,
  },
};

export const HISTOGRAMS: Readonly<Record<HistogramName, DeclaredHistogram>> = {
  batch_records: {
    help: 'Records in one Kafka transaction',
    unit: 'records',
    doc: `${WHILE_RUNNING} A commit that only moves the position has 0.`,
    buckets: [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000, 1_000_000],
  },
  batch_bytes: {
    help: 'Bytes of the records in one Kafka transaction',
    unit: 'bytes',
    doc: WHILE_RUNNING,
    buckets: Array.from({ length: 11 }, (_, i) => 256 * 4 ** i),
  },
  kafka_transaction_duration_seconds: {
    help: 'From the first record handed to the Kafka client to the committed transaction',
    unit: 'seconds',
    doc: `${WHILE_RUNNING} Its \`_count\` is the number of Kafka transactions. A large source transaction that had to be split counts as one.`,
    buckets: SECONDS,
  },
  delivery_latency_seconds: {
    help: 'From the commit in the database to the commit in Kafka, of the oldest source transaction in a Kafka transaction',
    unit: 'seconds',
    doc: `${WHILE_RUNNING} One observation a Kafka transaction, the worst in it. It compares two clocks, those of database and Millrace; never below 0.`,
    buckets: SECONDS,
  },
};

export const GAUGES: Readonly<Record<GaugeName, Declared>> = {
  queue_bytes: {
    help: 'Bytes of records read from the log and not yet committed to Kafka',
    unit: 'bytes',
    doc: 'Moves while running, 0 otherwise. At `max.queue.size.in.bytes` reading pauses.',
  },
};

export const READINGS = {
  stalled: {
    help: '1 while the position stands still although the log goes on, for longer than stall.alarm.ms',
    unit: '',
    doc: '0 or 1 in every state; on a standby always 0.',
    read: ({ stalledMs }: Snapshot) => (stalledMs === null ? 0 : 1),
  },
  lag_seconds: {
    help: 'Age of the oldest commit in the database that is not in Kafka; 0 when everything is',
    unit: 'seconds',
    doc:
      'Moves in every state, and grows for as long as nothing is delivered. By the commit time of the oldest transaction in hand; where none is in hand (Kafka is away, ' +
      'the connector failed), since the log was first read to end beyond the position, which is up to 10 s less than the truth, and since the start of the process at most. ' +
      'When the database cannot be asked for 30 s: since it last could. On a standby that of the instance that works, as of the last reading. Absent until something is known.',
    read: ({ lagSeconds }: Snapshot) => lagSeconds,
  },
  lag_bytes: {
    help: "Bytes of the database's log between the position and the end of the log",
    unit: 'bytes',
    doc:
      "Moves in every state. All of the log counts, other tables' and databases' too. The end of the log is read every 10 s; when it has not been for 30 s, the series is absent " +
      '(as before the first start). On a standby the position is what the slot has confirmed.',
    read: ({ lagBytes }: Snapshot) => lagBytes,
  },
  retained_wal_bytes: {
    help: 'Bytes of WAL that the replication slot keeps the server from removing',
    unit: 'bytes',
    doc: 'Moves in every state, `failed` included; read every 10 s. Absent when it has not been for 30 s, and while there is no slot.',
    read: ({ retainedBytes }: Snapshot) => retainedBytes,
  },
  log_read_timestamp_seconds: {
    help: 'When the two before were last read from the database',
    unit: 'seconds since 1970',
    doc: 'Moves every 10 s (15 s between two runs) in every state while the database answers. Absent until it has answered.',
    read: ({ logReadAt }: Snapshot) => seconds(logReadAt),
  },
  last_commit_timestamp_seconds: {
    help: 'When this instance last committed to Kafka, records or the position alone',
    unit: 'seconds since 1970',
    doc: 'Moves while running, also without events: at most once a second, whenever the log has moved. Absent before the first commit.',
    read: ({ lastCommitAt }: Snapshot) => seconds(lastCommitAt),
  },
  last_source_commit_timestamp_seconds: {
    help: 'When the last source transaction in Kafka was committed in the database',
    unit: 'seconds since 1970',
    doc: 'Moves while running, with events only. Absent before the first one since the start.',
    read: ({ lastSourceCommitAt }: Snapshot) => seconds(lastSourceCommitAt),
  },
} as const satisfies Readonly<Record<string, DeclaredReading>>;

/** With labels of their own. */
export const SPECIAL = {
  build_info: {
    help: '1, with the version of Millrace',
    unit: '',
    doc: 'Always 1.',
    labels: ['version'],
  },
  connector_state: {
    help: '1 for the state that the connector is in, 0 for the others',
    unit: '',
    doc: `Moves with the state: ${STATES.map((state) => `\`${state}\``).join(', ')}. The last two are for good.`,
    labels: ['connector', 'state'],
  },
} as const satisfies Readonly<Record<string, Declared & { readonly labels: readonly string[] }>>;

export function entriesOf<K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(record) as [K, V][];
}
