import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MetricsRegistry } from '../../src/runtime/metrics.ts';

const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*"(?:,[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*")*\})? (-?[\d.e+-]+|[+-]Inf|NaN)$/;

test("the text is Prometheus': every sample has HELP and TYPE and a legal line", async () => {
  const registry = new MetricsRegistry();
  const metrics = registry.of('a "b"\\c');
  metrics.count('records', 3);
  metrics.gauge('lag_bytes', 12.5);
  metrics.observe('commit_seconds', 0.003);
  const text = await registry.text();
  const typed = new Set<string>();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
    if (type?.[1]) typed.add(type[1]);
    if (line.startsWith('# HELP ') || type) continue;
    const sample = SAMPLE.exec(line);
    assert.ok(sample, line);
    assert.ok(typed.has((sample[1] ?? '').replace(/_(bucket|sum|count)$/, '')), line);
  }
  assert.match(text, /^millrace_records_total\{connector="a \\"b\\"\\\\c"\} 3$/m);
  assert.match(text, /^millrace_commit_seconds_bucket\{le="0.005",connector=.*\} 1$/m);
  assert.ok(text.endsWith('\n'));
});

test('every declared metric is fed somewhere in src/', () => {
  const root = fileURLToPath(new URL('../../src', import.meta.url));
  const code = globSync('**/*.ts', { cwd: root })
    .filter((file) => file !== 'runtime/metrics.ts')
    .map((file) => readFileSync(`${root}/${file}`, 'utf8'))
    .join('\n');
  const declared = readFileSync(`${root}/ports.ts`, 'utf8').matchAll(
    /^export type (?:Counter|Gauge|Histogram)Name = (.*);$/gm,
  );
  const names = Array.from(declared, ([, list = '']) =>
    Array.from(list.matchAll(/'(\w+)'/g), ([, name = '']) => name),
  ).flat();
  assert.ok(names.length >= 10);
  const unfed = names.filter((name) => !new RegExp(`\\.(?:count|gauge|observe)\\(\\s*'${name}'`).test(code));
  assert.deepEqual(unfed, []);
});
