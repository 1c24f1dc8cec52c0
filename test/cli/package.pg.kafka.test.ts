import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { millrace } from '../support/command.ts';
import { freshOutbox, upTo } from '../support/outbox.ts';
import { waitFor } from '../support/servers.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const npm = (...args: readonly string[]): string => execFileSync('npm', [...args], { cwd: ROOT, encoding: 'utf8' });

before(() => {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  npm('run', '--silent', 'build');
});

test('the package holds what runs and nothing else', () => {
  const [packed] = JSON.parse(npm('pack', '--dry-run', '--json', '--ignore-scripts')) as {
    files: { path: string }[];
  }[];
  const paths = packed?.files.map(({ path }) => path) ?? [];
  for (const needed of [
    'LICENSE',
    'README.md',
    'package.json',
    'dist/main.js',
    'dist/cli/run.js',
    'connectors/postgres-outbox.json',
    'docs/connector.schema.json',
    'sql/postgres/outbox.sql',
  ]) {
    assert.ok(paths.includes(needed), `${needed} is missing`);
  }
  assert.deepEqual(
    paths.filter(
      (path) =>
        !/^(dist|connectors|sql)\/|^(LICENSE|README\.md|package\.json|docs\/connector\.schema\.json)$/.test(path),
    ),
    [],
  );
});

test('what is built imports runtime dependencies only', () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const strangers = new Set<string>();
  for (const file of globSync('dist/**/*.js', { cwd: ROOT })) {
    const code = readFileSync(join(ROOT, file), 'utf8');
    for (const [, plain, dynamic] of code.matchAll(
      /\b(?:from|import)\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g,
    )) {
      const specifier = plain ?? dynamic ?? '';
      if (specifier.startsWith('.') || builtinModules.includes(specifier.replace(/^node:/, ''))) continue;
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      if (!Object.hasOwn(dependencies, name)) strangers.add(`${file}: ${name}`);
    }
  }
  assert.deepEqual([...strangers], []);
});

test('dist/main.js runs a folder and a file of connectors in one process; one that fails stops no other and is visible', async (t) => {
  const [one, two, refused] = [
    await freshOutbox(t),
    await freshOutbox(t),
    await freshOutbox(t, { 'slot.name': 'package_refused' }),
  ];
  await refused.db.client.query("SELECT pg_create_logical_replication_slot('package_refused', 'pgoutput')");
  const folder = mkdtempSync(join(tmpdir(), 'millrace-dist-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'a'));
  for (const [place, { connector }] of [
    ['a/one.json', one],
    ['a/two.json', two],
    ['refused.json', refused],
  ] as const) {
    const { 'kafka.bootstrap.servers': bootstrap, ...config } = connector.config;
    assert.equal(typeof bootstrap, 'string');
    writeFileSync(
      join(folder, place),
      JSON.stringify({ name: connector.name, config: { ...config, 'database.password': '${env:DB_PASSWORD}' } }),
    );
  }
  const password = String(one.connector.config['database.password']);
  const run = millrace(['run', join(folder, 'a'), join(folder, 'refused.json'), '--http=127.0.0.1:0'], {
    entry: join(ROOT, 'dist/main.js'),
    cwd: folder,
    env: {
      DB_PASSWORD: password,
      MILLRACE_KAFKA_BOOTSTRAP_SERVERS: String(one.connector.config['kafka.bootstrap.servers']),
    },
  });
  t.after(() => run.child.kill('SIGKILL'));
  const [, address] = await run.says(/"http":"([^"]+)"/);
  const states = {
    [one.connector.name]: 'running',
    [two.connector.name]: 'running',
    [refused.connector.name]: 'failed',
  };
  await waitFor('two to run and one to fail', async () => {
    const answer = await fetch(`http://${address}/health/ready`);
    const { connectors } = (await answer.json()) as { connectors: Record<string, string> };
    return answer.status === 503 && JSON.stringify(connectors) === JSON.stringify(states);
  });
  await Promise.all([one.insert(1, 20), two.insert(1, 30)]);
  await waitFor(
    'the records of both',
    async () => (await one.numbers()).length >= 20 && (await two.numbers()).length >= 30,
  );
  assert.deepEqual([await one.numbers(), await two.numbers()], [upTo(20), upTo(30)]);
  const metrics = await (await fetch(`http://${address}/metrics`)).text();
  assert.match(metrics, new RegExp(`millrace_records_total\\{connector="${one.connector.name}"\\} 20`));
  assert.match(metrics, new RegExp(`millrace_running\\{connector="${refused.connector.name}"\\} 0`));
  run.child.kill('SIGTERM');
  assert.equal(await run.ended, 1, 'a connector failed');
  assert.match(run.stderr(), /"level":"error".*"kind":"refused".*slot.adopt=true/);
  for (const line of run.stderr().trim().split('\n')) assert.equal(typeof JSON.parse(line), 'object', line);
  assert.ok(!run.stderr().includes(password), 'a password in the log');
});
