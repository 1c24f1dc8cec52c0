/** docs/metrics.md: tables and alerts from the declarations, what else there is to see in words. */
import {
  COUNTERS,
  type Declared,
  GAUGES,
  HISTOGRAMS,
  PREFIX,
  READINGS,
  SPECIAL,
  entriesOf,
} from './metric-declarations.ts';
import { ERROR_KINDS } from '../errors.ts';
import { ALERTS } from './alerts.ts';
import { POLICY } from './policy.ts';

export function metricsPage(): string {
  return [HEAD, table(), IN_WORDS, alerts(), HEALTH, LOG].join('\n');
}

interface Row {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly declared: Declared;
}

/** All that a scrape can show, apart from those of the process. */
export function allMetrics(): readonly Row[] {
  const rows = (of: Readonly<Record<string, Declared>>, type: string, suffix = ''): Row[] =>
    entriesOf(of).map(([name, declared]) => {
      const byKind = 'byKind' in declared && declared.byKind === true;
      const labels = 'labels' in declared ? (declared.labels as string[]) : ['connector', ...(byKind ? ['kind'] : [])];
      return { name: `${PREFIX}${name}${suffix}`, type, labels, declared };
    });
  return [
    ...rows(SPECIAL, 'gauge'),
    ...rows(READINGS, 'gauge'),
    ...rows(GAUGES, 'gauge'),
    ...rows(COUNTERS, 'counter', '_total'),
    ...rows(HISTOGRAMS, 'histogram'),
  ];
}

function table(): string {
  const lines = allMetrics().map(({ name, type, labels, declared: { help, unit, doc } }) => {
    const cells = [`\`${name}\``, type, labels.join(', '), unit, `${help}. ${doc}`];
    return `| ${cells.join(' | ')} |`;
  });
  return `| Name | Type | Labels | Unit | Meaning, and when it moves |\n| --- | --- | --- | --- | --- |\n${lines.join('\n')}\n`;
}

function alerts(): string {
  const rules = ALERTS.map(
    ({ name, expr, holds, why }) =>
      `      # ${why}\n      - alert: ${name}\n        expr: ${expr}\n        for: ${holds}\n`,
  );
  return `## Alerts

Rules to begin with, as Prometheus reads them:

\`\`\`yaml
groups:
  - name: millrace
    rules:
${rules.join('')}\`\`\`
`;
}

function kinds(): string {
  return ERROR_KINDS.map((kind) => `| \`${kind}\` | ${POLICY[kind].action} | ${POLICY[kind].advice} |\n`).join('');
}

const HEAD = `# Metrics, health and log

Generated from \`src/runtime/\` by \`npm run docs\`; a test keeps it so. \`/metrics\` is Prometheus' text format, on
\`127.0.0.1:8083\` unless \`--http\` says otherwise. Nothing is measured per row: counters and histograms move once a Kafka
transaction, and the database is asked one cheap question every 10 s.
`;

const IN_WORDS = `The command line also shows \`process_*\` and \`nodejs_*\` (CPU, memory, event loop); a program that uses Millrace as a
library asks for them with \`new MetricsRegistry({ process: true })\`.

Several instances of a connector all show it. Whoever works and whoever stands by agree on the lag to within 10 s, so
\`max by (connector)\` is right for lag, stall and retained WAL, and \`sum by (connector)\` for counters.

Lag in three situations:

| | \`lag_seconds\` | \`lag_bytes\`, \`retained_wal_bytes\` |
| --- | --- | --- |
| Kafka is away, or the connector was refused | grows with the clock as soon as the log goes on | go on being read: in the run's own session, between runs and after a failure in a short one |
| the database is away | 0 or what it was for 30 s, then the time since it last answered | as last read for 30 s, then absent |
| the log goes on with nothing for us | 0: the position follows within about a second | about 0 |
`;

const HEALTH = `## Health

- \`/health/live\`: 200 as long as the process answers. It says nothing of database or Kafka: a restart would mend neither.
- \`/health/ready\`: 200 if every connector is \`running\` or \`standby\` and none is stalled, else 503. The body names each
  state, and the stalled ones: \`{"status":"not ready","connectors":{"orders":"running"},"stalled":["orders"]}\`.
- \`/status\`: always 200; for each connector state and since when, position, end of the log, lag, times of the last commits,
  kind and message of the error that ended the last run, and for how many seconds it has been stalled. \`null\` is what is
  not known.

A connector is **stalled** when its position has stood still for \`stall.alarm.ms\` (a minute) while the log goes on. A
large transaction that is coming in counts as moving, and so does PostgreSQL working through its log for us; a retry that
gets no further than the one before does not. A quiet database and a standby are never stalled. The alarm is a line in
the log, \`${PREFIX}stalled\`, and 503 of \`/health/ready\`; it ends by itself.
`;

const LOG = `## Log

A JSON object a line on standard error, readable lines on a terminal; \`--log-level\` sets from which level on. Every
line about a connector has \`connector\`; \`position\` (an LSN: everything before it is in Kafka) as soon as one is known;
and \`kind\`, one of a closed list, where it is about an error. No password and no value of a row is ever in it.

\`\`\`json
{"level":"info","time":"2026-03-01T08:59:58.120Z","connector":"orders","holder":"process 2089 with application_name \\"millrace/orders\\"","msg":"standby: another instance holds the lease"}
{"level":"info","time":"2026-03-01T09:00:00.412Z","connector":"orders","position":"0/1A2B3C8","msg":"running"}
{"level":"info","time":"2026-03-01T09:00:00.431Z","connector":"orders","position":"0/1A2B3C8","slot":"millrace_orders","ordinal":0,"msg":"streaming"}
{"level":"warn","time":"2026-03-01T09:05:10.020Z","connector":"orders","position":"0/1A93F00","kind":"kafka-unavailable","advice":"check that the brokers are up and reachable","retryInMs":412,"msg":"cannot reach Kafka at kafka:9092: …"}
{"level":"warn","time":"2026-03-01T09:06:20.000Z","connector":"orders","position":"0/1A93F00","logEnd":"0/1B00000","lagBytes":442624,"stalledSeconds":60,"likelyCauses":["…"],"msg":"stalled: the position stands still while the log goes on"}
{"level":"info","time":"2026-03-01T09:07:02.000Z","connector":"orders","position":"0/1B00000","stalledSeconds":102,"msg":"the position moves again"}
{"level":"error","time":"2026-03-01T09:10:00.000Z","connector":"orders","position":"0/1B00000","kind":"refused","advice":"going on would lose or repeat events: follow the remedy in the message","msg":"slot \\"millrace_orders\\" does not exist any more, …"}
\`\`\`

| \`kind\` | Then | What to do |
| --- | --- | --- |
${kinds()}
\`isolate\`: retried, and after a second time one source transaction at a time, until the record is found.
`;
