/** Who may import whom (docs/architecture.md): checked by reading every import in src/. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const FILES = globSync('**/*.{ts,cts}', { cwd: SRC }).sort();
const sourceOf = (file: string): string => readFileSync(join(SRC, file), 'utf8');

/** What everybody may know. */
const VOCABULARY = ['change/', 'errors.ts', 'ports.ts', 'plugin.ts'];
/**
 * A room (a folder, or a file at the top) and what it may import beside itself: folders end in /, and a file is that
 * file alone, the room's public face. The longest room that fits a file is its room.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  'change/': [],
  'errors.ts': [],
  'ports.ts': [],
  'plugin.ts': ['change/'],
  'network/': ['errors.ts'],
  'config/': ['errors.ts'],
  'source/': VOCABULARY,
  'source/mysql/': [...VOCABULARY, 'source/source.ts', 'source/bytes.ts'],
  'source/postgres/': [...VOCABULARY, 'source/source.ts', 'source/bytes.ts', 'network/'],
  'transform/': VOCABULARY,
  'serialize/': VOCABULARY,
  'sink/': VOCABULARY,
  'sink/kafka/': [...VOCABULARY, 'sink/sink.ts', 'kafka/', 'network/'],
  'kafka/': [...VOCABULARY, 'network/'],
  'pipeline/': [...VOCABULARY, 'source/source.ts', 'sink/sink.ts', 'transform/transform.ts'],
  'runtime/': [...VOCABULARY, 'config/', 'source/', 'sink/', 'kafka/', 'transform/', 'serialize/', 'pipeline/'],
  // Is imported by services: what it drags along, they do.
  'outbox/': ['errors.ts'],
  // Waits until the broker that it has started answers.
  'demo/': ['errors.ts', 'ports.ts', 'kafka/cluster.ts'],
  // Starts what the demo starts, runs Millrace as a process of its own, and reads as a consumer.
  'bench/': ['errors.ts', 'ports.ts', 'kafka/', 'demo/', 'runtime/clock.ts', 'runtime/version.ts'],
  'cli/': ['errors.ts', 'ports.ts', 'change/finding.ts', 'config/', 'runtime/', 'demo/', 'bench/'],
  'bin.cts': ['main.ts'],
  'main.ts': ['errors.ts', 'cli/', 'runtime/version.ts'],
  'millrace.ts': ['errors.ts', 'ports.ts', 'plugin.ts', 'change/schema.ts', 'config/', 'runtime/'],
};
/** Which rooms know which package. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  kafkajs: ['kafka/', 'demo/'],
  pg: ['source/postgres/', 'demo/', 'bench/'],
  pino: ['runtime/log.ts'],
  'prom-client': ['runtime/metrics.ts'],
};
function roomOf(file: string): string {
  const rooms = Object.keys(ROOMS).filter((room) => file === room || (room.endsWith('/') && file.startsWith(room)));
  const room = rooms.sort((a, b) => b.length - a.length)[0];
  assert.ok(room, `src/${file} stands in no room: give its folder a line in ROOMS, and in docs/architecture.md`);
  return room;
}

/** Static, dynamic and type imports, and re-exports; comments hold none. */
function importsOf(file: string): string[] {
  const code = sourceOf(file).replaceAll(/^\s*(?:\/\*|\*|\/\/).*$/gm, '');
  const found = code.matchAll(
    /(?:^|[\s;])(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|createRequire\([^)]*\)\(['"]([^'"]+)['"]\)/gm,
  );
  return Array.from(found, (match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function within(target: string, allowed: readonly string[]): boolean {
  return allowed.some((each) => (each.endsWith('/') ? target.startsWith(each) : target === each));
}

test('every room imports only what it may know', () => {
  const wrong: string[] = [];
  for (const file of FILES) {
    const room = roomOf(file);
    for (const specifier of importsOf(file).filter((each) => each.startsWith('.'))) {
      const target = normalize(join(dirname(file), specifier));
      const own = roomOf(target) === room;
      if (!own && !within(target, ROOMS[room] ?? [])) wrong.push(`${file} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('packages are known to the rooms that wrap them alone', () => {
  const wrong: string[] = [];
  for (const file of FILES) {
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      if (!within(file, PACKAGES[name] ?? [])) wrong.push(`${file} imports ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** Where the process begins: as a program, or in another's. */
const EDGES: readonly string[] = ['bin.cts', 'main.ts', 'millrace.ts'];

test('only the edges touch the process; demo and bench, which start servers, ask it about the machine', () => {
  const touching = FILES.filter((file) =>
    /(?<![\w.'"`-])process\s*[.[]/.test(sourceOf(file).replaceAll(/\/\/.*$|\/\*[^]*?\*\//gm, '')),
  );
  assert.deepEqual(
    touching.filter((file) => !EDGES.includes(file) && !/^(?:demo|bench)\//.test(file)),
    [],
  );
  const importing = FILES.filter((file) => importsOf(file).includes('node:process'));
  assert.deepEqual(importing, []);
});

test('the walk sees imports of every form', () => {
  assert.ok(importsOf('main.ts').includes('./cli/run.ts'), 'dynamic');
  assert.ok(
    importsOf('cli/edge.ts').length === 0 && importsOf('pipeline/pipeline.ts').includes('../sink/sink.ts'),
    'type',
  );
  assert.ok(FILES.length > 40 && FILES.every((file) => relative('.', file) === file));
});

test('files stay small and are named after what is in them', () => {
  const long = FILES.filter((file) => sourceOf(file).split('\n').length > 450);
  assert.deepEqual(long, []);
  const vague = FILES.filter((file) =>
    /(?:^|[/-])(?:utils?|helpers?|common|managers?|base|impl|misc)(?:[-.]|\/)/.test(file),
  );
  assert.deepEqual(vague, []);
});
