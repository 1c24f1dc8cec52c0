import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withFigures } from '../../bench/document.ts';
import { REPORT } from './report.ts';

const DOCUMENT = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8');

test('figures replace those before them and nothing else', () => {
  const once = withFigures(DOCUMENT, REPORT);
  assert.equal(withFigures(once, REPORT), once);
  const around = (text: string): string[] => text.split(/<!-- figures:[^]*end of figures -->/);
  assert.deepEqual(around(once), around(DOCUMENT));
  assert.match(once, /2026-11-25, in 17\.5 minutes, on 4 cores \(Example\)[^]*Debezium 3\.4\.3\.Final/);
  assert.match(once, /!\[[^\]]+\]\(performance\.svg\)/);
});

test('what is written is formatted as the repository wants it', () => {
  const biome = fileURLToPath(new URL('../../node_modules/.bin/biome', import.meta.url));
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const input = withFigures(DOCUMENT, REPORT);
  const args = ['format', '--stdin-file-path=docs/performance.md'];
  assert.equal(execFileSync(biome, args, { cwd, input, encoding: 'utf8' }), input);
});

test('tables have the racing sides; the ceiling stands apart', () => {
  const text = withFigures(DOCUMENT, REPORT).replaceAll(/(?<=\|) +| +(?=\|)/g, '');
  assert.ok(text.includes('### Draining a backlog\n\n|||Millrace|Debezium, tuned|Millrace is|\n'));
  assert.ok(
    text.includes(
      '\n|1 row a transaction|throughput, events/s|95,000 (90,000..100,000)|50,000 (40,000..50,100)|1.9 x better|\n',
    ),
  );
  assert.ok(text.includes('\n|||Millrace|Debezium, tuned|Debezium, defaults|Millrace is|\n'));
  assert.ok(text.includes('### The ceiling, and a Unix socket\n\n|||Millrace|ceiling, TCP|\n'));
});

test('where the peer is ahead is said first', () => {
  const text = withFigures(DOCUMENT, REPORT);
  const [, list] = /Where Debezium is ahead:\n\n([^]*?)\n\n###/.exec(text) ?? [];
  assert.deepEqual(list?.split('\n'), [
    '- 1 row a transaction, CPU an event: Debezium, tuned 20.0 (20.0..20.0) µs, Millrace 40.0 (39.0..41.5) µs',
    '- 1,000 events a second, CPU an event: Debezium, defaults 83.0 (80.0..90.0) µs, Millrace 240.0 (240.0..241.0) µs',
  ]);
  const better = REPORT.figures.filter(({ measure }) => measure !== 'cpu');
  assert.match(
    withFigures(DOCUMENT, { ...REPORT, figures: better }),
    /Where Debezium is ahead: in none of these figures\./,
  );
});

test('a document without a place for figures is an error', () => {
  assert.throws(() => withFigures('# Performance', REPORT), /has no place for figures/);
});
