import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { millrace } from '../support/command.ts';
import { freshOutbox, upTo } from '../support/outbox.ts';
import { ROOT, installPacked, npm, npmEnvironment } from '../support/packed.ts';
import { freshName, kafka, postgres, waitFor } from '../support/servers.ts';

let installed: ReturnType<typeof installPacked>;
before(() => {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  npm(ROOT, 'run', '--silent', 'build');
  installed = installPacked();
});
after(() => installed.remove());

test('the package holds what runs and nothing else', () => {
  const [packed] = JSON.parse(npm(ROOT, 'pack', '--dry-run', '--json', '--ignore-scripts')) as {
    files: { path: string }[];
  }[];
  const paths = packed?.files.map(({ path }) => path) ?? [];
  for (const needed of [
    'LICENSE',
    'README.md',
    'package.json',
    'dist/bin.cjs',
    'dist/main.js',
    'dist/millrace.d.ts',
    'dist/outbox/publish.d.ts',
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

test('the lockfile names no registry: whoever installs may have another', () => {
  const places = readFileSync(join(ROOT, 'package-lock.json'), 'utf8').match(/"resolved": ".*"/g);
  assert.deepEqual(places, ['"resolved": "test/servers"']);
});

test('what is built imports runtime dependencies only', () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const strangers = new Set<string>();
  for (const file of globSync('dist/**/*.{js,cjs}', { cwd: ROOT })) {
    const code = readFileSync(join(ROOT, file), 'utf8').replaceAll(/^\s*\/?\*.*$/gm, '');
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

test('installed without anything optional, it runs a folder and a file of connectors in one process; one that fails stops no other and is visible', async (t) => {
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
    entry: join(installed.folder, 'node_modules/millrace/dist/bin.cjs'),
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
  assert.match(
    metrics,
    new RegExp(`millrace_connector_state\\{connector="${refused.connector.name}",state="failed"\\} 1`),
  );
  run.child.kill('SIGTERM');
  assert.equal(await run.ended, 1, 'a connector failed');
  assert.match(run.stderr(), /"level":"error".*"kind":"refused".*slot.adopt=true/);
  for (const line of run.stderr().trim().split('\n')) assert.equal(typeof JSON.parse(line), 'object', line);
  assert.ok(!run.stderr().includes(password), 'a password in the log');
});

const npx = (node: string): readonly [string, string[], object] => [
  'npx',
  ['--no-install', 'millrace', 'version'],
  { cwd: installed.folder, encoding: 'utf8', env: npmEnvironment(node), stdio: 'pipe' },
];

test('npx finds it; on a Node that is too old it says so in one sentence', (t) => {
  const { version, engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
    engines: { node: string };
  };
  assert.equal(execFileSync(...npx(process.execPath)), `${version}\n`);
  const old = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .find((node) => globSync(node).length > 0 && majorOf(node) < 24);
  if (old === undefined) return t.skip('there is no older Node on this machine');
  assert.throws(
    () => execFileSync(...npx(old)),
    ({ status, stderr }: { status: number; stderr: string }) => {
      const oldest = /^>=(\d+)$/.exec(engines.node)?.[1];
      assert.match(
        stderr,
        new RegExp(`^millrace needs Node ${oldest} or newer and was started with Node \\d+\\.[^\\n]*\\n$`),
      );
      return status === 2;
    },
  );
});

function majorOf(node: string): number {
  return Number(/^v(\d+)/.exec(execFileSync(node, ['--version'], { encoding: 'utf8' }))?.[1]);
}

test('publint and attw find nothing wrong with what is packed', () => {
  const bin = (name: string, ...args: readonly string[]): string =>
    execFileSync(join(ROOT, 'node_modules/.bin', name), args, { encoding: 'utf8', env: npmEnvironment() });
  assert.match(bin('publint', 'run', installed.tarball, '--strict'), /All good!/);
  // ESM alone: Node 24 can require it, too.
  bin('attw', installed.tarball, '--profile', 'esm-only');
});

/** Blocks such as ```ts relay.ts, by file. */
function programs(): Map<string, string> {
  const text = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
  return new Map(Array.from(text.matchAll(/^```ts (\S+)\n([^]*?)^```$/gm), ([, file = '', code = '']) => [file, code]));
}

test('the programs of docs/library.md have the right types, with either way of finding modules', () => {
  const { folder } = installed;
  for (const [file, code] of programs()) writeFileSync(join(folder, file), code);
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  for (const name of ['node', 'pg']) {
    symlinkSync(join(ROOT, 'node_modules/@types', name), join(folder, 'node_modules/@types', name));
  }
  const common = ['--noEmit', '--strict', '--target', 'es2024', '--types', 'node'];
  for (const way of [
    ['--module', 'nodenext'],
    ['--module', 'preserve', '--moduleResolution', 'bundler'],
  ]) {
    const args = [join(ROOT, 'node_modules/typescript/bin/tsc'), ...common, ...way, ...programs().keys()];
    execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  }
  writeFileSync(
    join(folder, 'plain.mjs'),
    `import { MillraceError, VERSION, run } from 'millrace';
     import { publish, row } from 'millrace/outbox';
     const refused = await run({}).catch((error) => error instanceof MillraceError && error.kind);
     console.log(VERSION, refused, typeof publish, row({ aggregateType: 'a', aggregateId: 'b', type: 'c', payload: null }).type);`,
  );
  const said = execFileSync(process.execPath, ['plain.mjs'], { cwd: folder, encoding: 'utf8' });
  assert.match(said, /^\d+\.\d+\.\d+ config function c\n$/);
});

test('and they work: an order placed becomes an event, and the event one shipment, however often it is read', async (t) => {
  const [{ db, bootstrap }, server, name] = [await freshOutbox(t), await postgres(), freshName('orders')];
  await db.client.query(`
    CREATE TABLE orders (id text PRIMARY KEY, amount int);
    CREATE TABLE inbox (event_id uuid PRIMARY KEY);
    CREATE TABLE shipments (order_id text)`);
  for (const [file, code] of programs()) {
    // The broker has other tests beside this one.
    const own = code
      .replace("name: 'orders'", `name: '${name}'`)
      .replace("aggregateType: 'order'", `aggregateType: '${name}'`)
      .replace("'outbox.event.order'", `'outbox.event.${name}'`);
    writeFileSync(join(installed.folder, file), own);
  }
  const env = {
    PGHOST: server.host,
    PGPORT: String(server.port),
    PGUSER: server.user,
    PGPASSWORD: server.password,
    PGDATABASE: db.name,
    KAFKA: bootstrap,
  };
  const start = (file: string, more: Readonly<Record<string, string>> = {}): ReturnType<typeof millrace> => {
    const program = millrace([], { entry: file, cwd: installed.folder, env: { ...env, ...more } });
    t.after(() => program.child.kill('SIGKILL'));
    return program;
  };
  const relay = start('relay.ts');
  await relay.says(/"msg":"running"/);
  const service = start('order-service.ts');
  assert.equal(await service.ended, 0, service.stderr());
  const { rows } = await db.client.query<{ id: string }>('SELECT id FROM outbox');
  assert.equal(service.stdout().trim(), rows[0]?.id);
  const groups = [freshName('group'), freshName('group')].map((GROUP) => start('consumer.ts', { GROUP }));
  await waitFor('both groups to have read it', async () =>
    groups.every((each) => each.stdout().includes('order 1001:')),
  );
  const orders = groups.map((each) =>
    each
      .stdout()
      .match(/^order .*$/gm)
      ?.join(),
  );
  assert.deepEqual(new Set(orders), new Set(['order 1001: known already', 'order 1001: shipped']));
  assert.deepEqual((await db.client.query('SELECT order_id FROM shipments')).rows, [{ order_id: '1001' }]);
  relay.child.kill('SIGTERM');
  assert.equal(await relay.ended, 0, relay.stderr());
});

test('the demo runs from the package, on the PostgreSQL that comes with it', async (t) => {
  if (!/^linux-x64$/.test(`${process.platform}-${process.arch}`)) return t.skip('it comes for Linux x64 alone');
  npm(installed.folder, 'install', '--omit=dev', '--no-save', installed.tarball);
  const bin = join(installed.folder, 'node_modules/.bin');
  assert.equal(existsSync(join(bin, 'node')), false, "nobody's own Node is shadowed");
  const env = { MILLRACE_KAFKA: await kafka() };
  const demo = millrace(['demo', '--seconds', '1'], { entry: join(bin, 'millrace'), cwd: installed.folder, env });
  t.after(() => demo.child.kill('SIGKILL'));
  assert.equal(await demo.ended, 0, demo.stderr());
  assert.match(demo.stdout(), /committed (\d+) +delivered \1 +duplicates 0 +missing 0/);
});
