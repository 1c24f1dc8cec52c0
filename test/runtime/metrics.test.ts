import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { ALERTS } from '../../src/runtime/alerts.ts';
import { COUNTERS, GAUGES, HISTOGRAMS, READINGS } from '../../src/runtime/metric-declarations.ts';
import { allMetrics, metricsPage } from '../../src/runtime/metrics-page.ts';
import { MetricsRegistry } from '../../src/runtime/metrics.ts';
import { ConnectorStatus } from '../../src/runtime/status.ts';

const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)+)\})? (-?[\d.e+-]+|[+-]Inf|Na[nN])$/;
const root = new URL('../../', import.meta.url);

interface Sample {
  readonly name: string;
  readonly labels: readonly string[];
}

/** Checks every line, and gives the samples. */
function samplesOf(text: string): Sample[] {
  const typed = new Set<string>();
  const samples: Sample[] = [];
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
    if (type?.[1]) typed.add(type[1]);
    if (line.startsWith('# HELP ') || type) continue;
    const sample = SAMPLE.exec(line);
    assert.ok(sample, line);
    const name = sample[1] ?? '';
    assert.ok(typed.has(name) || typed.has(name.replace(/_(bucket|sum|count)$/, '')), line);
    samples.push({ name, labels: Array.from((sample[2] ?? '').matchAll(/(\w+)="/g), ([, label = '']) => label) });
  }
  assert.ok(text.endsWith('\n'));
  return samples;
}

/** A connector of which everything is known. */
function knownStatus(): ConnectorStatus {
  const status = new ConnectorStatus({ now: () => Date.now(), stallAlarmMs: 60_000 });
  status.enter('running');
  status.streaming({ bytes: 5n, text: '0/5' });
  status.logRead({
    head: { bytes: 17n, text: '0/11' },
    confirmed: { bytes: 5n, text: '0/5' },
    retainedBytes: 4096,
    decoding: false,
  });
  status.committing(1n);
  status.committed(1_700_000_000_000_000n);
  return status;
}

async function fullText(connector: string): Promise<string> {
  const registry = new MetricsRegistry();
  registry.of(connector);
  registry.show(connector, knownStatus());
  return registry.text();
}

test("the text is Prometheus': every sample has HELP and TYPE and a legal line, whatever the connector's name", async () => {
  const registry = new MetricsRegistry({ process: true });
  const metrics = registry.of('a "b"\\c');
  registry.show('a "b"\\c', knownStatus());
  metrics.count('records', 3);
  metrics.count('restarts', 1, 'fenced');
  metrics.observe('kafka_transaction_duration_seconds', 0.003);
  const text = await registry.text();
  const names = new Set(samplesOf(text).map(({ name }) => name));
  assert.ok(names.has('process_cpu_seconds_total') && names.has('process_resident_memory_bytes'));
  for (const line of [
    /^millrace_records_total\{connector="a \\"b\\"\\\\c"\} 3$/m,
    /^millrace_restarts_total\{connector=".*",kind="fenced"\} 1$/m,
    /^millrace_kafka_transaction_duration_seconds_bucket\{le="0.005",connector=.*\} 1$/m,
    /^millrace_connector_state\{connector=".*",state="running"\} 1$/m,
    /^millrace_connector_state\{connector=".*",state="standby"\} 0$/m,
    /^millrace_lag_bytes\{.*\} 12$/m,
    /^millrace_retained_wal_bytes\{.*\} 4096$/m,
    /^millrace_last_source_commit_timestamp_seconds\{.*\} 1700000000$/m,
    /^millrace_build_info\{version="\d+\.\d+\.\d+.*"\} 1$/m,
  ]) {
    assert.match(text, line);
  }
});

test('what is exported is what the table of docs/metrics.md says, with its labels, and all of it from the start', async () => {
  const exported = new Map(
    samplesOf(await fullText('c')).map(({ name, labels }) => [
      name.replace(/_(bucket|sum|count)$/, ''),
      labels.filter((label) => label !== 'le').sort(),
    ]),
  );
  const declared = new Map(allMetrics().map(({ name, labels }) => [name, [...labels].sort()]));
  assert.deepEqual(Object.fromEntries(exported), Object.fromEntries(declared));
});

test('what is not known is absent, not an old number or 0', async () => {
  const registry = new MetricsRegistry();
  registry.show('c', new ConnectorStatus({ now: () => 0, stallAlarmMs: 1000 }));
  const names = samplesOf(await registry.text()).map(({ name }) => name);
  assert.deepEqual(names.sort(), [
    'millrace_build_info',
    ...Array.from({ length: 6 }, () => 'millrace_connector_state'),
    'millrace_stalled',
  ]);
});

test('names follow the conventions of Prometheus', () => {
  const units = /_(seconds|bytes|records|total|info|state|stalled)$/;
  for (const { name, type, declared } of allMetrics()) {
    assert.match(name, /^millrace_[a-z]+(_[a-z]+)*$/);
    assert.match(name, units);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.doesNotMatch(name, /_(count|sum|bucket|milliseconds|ms|kb|mb)$/, name);
    // A name that carries a label's word says it twice.
    assert.doesNotMatch(name, /_by_|_kind|_version/, name);
    assert.doesNotMatch(declared.help, /[.\n]$/, name);
  }
  for (const { buckets } of Object.values(HISTOGRAMS)) {
    assert.deepEqual(
      [...buckets].sort((a, b) => a - b),
      buckets,
    );
    assert.ok(buckets.length <= 16);
  }
});

test('docs/metrics.md is what the declarations say (npm run docs)', () => {
  assert.ok(readFileSync(new URL('docs/metrics.md', root), 'utf8') === metricsPage(), 'it differs: npm run docs');
});

test('alerts name only metrics, labels and states that are exported', async () => {
  const text = await fullText('c');
  const names = new Set(samplesOf(text).map(({ name }) => name));
  assert.ok(ALERTS.length >= 4);
  for (const { name, expr } of ALERTS) {
    const used = [...expr.matchAll(/\bmillrace_\w+/g)].map(([metric]) => metric);
    assert.ok(used.length > 0, name);
    for (const metric of used) assert.ok(names.has(metric), `${name}: ${metric}`);
    for (const [, label = '', value = ''] of expr.matchAll(/\b(\w+)="(\w+)"/g)) {
      assert.match(text, new RegExp(`^${used[0]}\\{[^}]*${label}="${value}"`, 'm'), name);
    }
    for (const [, labels = ''] of expr.matchAll(/by \(([^)]*)\)/g)) {
      const own = new Set(
        samplesOf(text)
          .filter((each) => each.name === used[0])
          .flatMap((each) => each.labels),
      );
      for (const label of labels.split(', ')) assert.ok(own.has(label), `${name}: ${label}`);
    }
    let depth = 0;
    for (const char of expr) depth += char === '(' ? 1 : char === ')' ? -1 : 0;
    assert.equal(depth, 0, name);
    assert.match(ALERTS.find((each) => each.name === name)?.holds ?? '', /^\d+[smh]$/);
  }
});

test('the rules in docs/metrics.md are YAML as Prometheus reads it', () => {
  const [, rules = ''] = /```yaml\n([^]*?)```/.exec(metricsPage()) ?? [];
  const read = parse(rules) as { groups: { name: string; rules: { alert: string; expr: string; for: string }[] }[] };
  assert.deepEqual(
    read.groups.flatMap((group) => group.rules),
    ALERTS.map(({ name, expr, holds }) => ({ alert: name, expr, for: holds })),
  );
});

test('every declared metric is fed somewhere in src/', () => {
  const src = fileURLToPath(new URL('src', root));
  const code = globSync('**/*.ts', { cwd: src })
    .map((file) => readFileSync(`${src}/${file}`, 'utf8'))
    .join('\n');
  const fed = [...Object.keys(COUNTERS), ...Object.keys(GAUGES), ...Object.keys(HISTOGRAMS)];
  const unfed = fed.filter((name) => !new RegExp(`\\.(?:count|gauge|observe)\\(\\s*'${name}'`).test(code));
  assert.deepEqual(unfed, []);
  assert.ok(Object.keys(READINGS).length >= 7);
});
