/** Alerts to begin with; a test checks that they name what is exported. */
export interface Alert {
  readonly name: string;
  /** PromQL. */
  readonly expr: string;
  /** For how long it has to hold. */
  readonly holds: string;
  readonly why: string;
}

export const ALERTS: readonly Alert[] = [
  {
    name: 'MillraceLag',
    expr: 'max by (connector) (millrace_lag_seconds) > 60',
    holds: '2m',
    why: 'Events arrive late, or not at all: this grows in every kind of outage.',
  },
  {
    name: 'MillraceStalled',
    expr: 'max by (connector) (millrace_stalled) == 1',
    holds: '0m',
    why: 'The position stands still; the log line names the likely causes.',
  },
  {
    name: 'MillraceNobodyWorks',
    expr: 'sum by (connector) (millrace_connector_state{state="running"}) == 0',
    holds: '2m',
    why: 'Every instance stands by, retries or has failed.',
  },
  {
    name: 'MillraceFailed',
    expr: 'max by (connector) (millrace_connector_state{state="failed"}) == 1',
    holds: '0m',
    why: 'Ended for good, with what to do about it in the log. (With one connector the process ends: alert on `up` as well.)',
  },
  {
    name: 'MillraceRetainedWal',
    expr: 'max by (connector) (millrace_retained_wal_bytes) > 10e9',
    holds: '5m',
    why: "The slot fills the database's disk. Set it well below max_slot_wal_keep_size, beyond which the slot is lost.",
  },
  {
    name: 'MillraceDatabaseNotRead',
    expr: 'time() - max by (connector) (millrace_log_read_timestamp_seconds) > 60',
    holds: '1m',
    why: 'Lag in bytes and retained WAL are not known any more.',
  },
  {
    name: 'MillraceSlow',
    expr: 'histogram_quantile(0.99, sum by (connector, le) (rate(millrace_delivery_latency_seconds_bucket[5m]))) > 1',
    holds: '5m',
    why: 'From commit to commit, the 99th percentile of the worst of each Kafka transaction.',
  },
  {
    name: 'MillraceRestarts',
    expr: 'sum by (connector, kind) (increase(millrace_restarts_total[15m])) > 5',
    holds: '0m',
    why: 'It comes back every time, but something is not well.',
  },
];
