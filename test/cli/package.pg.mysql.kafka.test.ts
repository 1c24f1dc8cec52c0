import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
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
import { delimiter, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Kafka } from 'kafkajs';
import { createKafka } from '../../src/kafka/client.ts';
import { millrace } from '../support/command.ts';
import { freshOutbox, upTo } from '../support/outbox.ts';
import { ROOT, installPacked, npm, npmEnvironment } from '../support/packed.ts';
import { freshMysqlDatabase } from '../support/mysql.ts';
import { committed, freshName, kafka, postgres, quiet, waitFor } from '../support/servers.ts';

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
    'sql/mysql/outbox.sql',
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

/** What a project has installed beside the package. */
function link(folder: string, ...names: readonly string[]): void {
  for (const name of names) {
    const place = join(folder, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), place);
  }
}

/** Throws what the compiler says; declarations of packages are checked, too. */
function tsc(cwd: string, args: readonly string[]): void {
  const strict = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2024', '--types', 'node'];
  const command = [join(ROOT, 'node_modules/typescript/bin/tsc'), ...strict, ...args];
  try {
    execFileSync(process.execPath, command, { cwd, encoding: 'utf8' });
  } catch (error) {
    assert.fail((error as { stdout: string }).stdout);
  }
}

test('millrace/outbox has its types in a project that has pg, mysql2, or neither', (t) => {
  const event = "{ aggregateType: 'order', aggregateId: '1', type: 'Placed', payload: { n: 1 } }";
  const projects: readonly (readonly [readonly string[], string])[] = [
    [['@types/pg'], "import pg from 'pg'; export const client = new pg.Client();"],
    [['mysql2'], "import mysql from 'mysql2/promise'; export const client = await mysql.createConnection('');"],
    [['mysql2'], "import mysql from 'mysql2'; export const client = mysql.createConnection('');"],
    [[], 'export const client = { query: async (text: string, values: unknown[]) => ({ text, values }) };'],
    [[], 'export const client = { execute: async (text: string, values: unknown[]) => ({ text, values }) };'],
  ];
  for (const [packages, client] of projects) {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-types-'));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    // Not a link: it would find what is installed where it leads.
    cpSync(join(installed.folder, 'node_modules/millrace'), join(folder, 'node_modules/millrace'), { recursive: true });
    link(folder, '@types/node', ...packages);
    writeFileSync(join(folder, 'client.ts'), client);
    writeFileSync(
      join(folder, 'service.ts'),
      `import { publish, row } from 'millrace/outbox';
       import { client } from './client.js';
       export const id: string = await publish(client, ${event});
       export const values: readonly string[] = Object.keys(row(${event}));
       // @ts-expect-error: a number is no id
       await publish(client, ${event.replace("'1'", '1')});`,
    );
    tsc(folder, ['--module', 'nodenext', 'service.ts']);
  }
});

test('the programs of docs/library.md have the right types, with either way of finding modules', () => {
  const { folder } = installed;
  for (const [file, code] of programs()) writeFileSync(join(folder, file), code);
  link(folder, '@types/node', '@types/pg', 'mysql2');
  for (const way of [
    ['--module', 'nodenext'],
    ['--module', 'preserve', '--moduleResolution', 'bundler'],
  ]) {
    tsc(folder, [...way, ...programs().keys()]);
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
  const topic = `outbox.event.${name}`;
  await db.client.query(`
    CREATE TABLE orders (id text PRIMARY KEY, amount int);
    CREATE TABLE inbox (event_id uuid PRIMARY KEY);
    CREATE TABLE shipments (order_id text)`);
  for (const [file, code] of programs()) {
    // The broker has other tests beside this one.
    const own = code
      .replace("name: 'orders'", `name: '${name}'`)
      .replace("aggregateType: 'order'", `aggregateType: '${name}'`)
      .replace("'outbox.event.order'", `'${topic}'`);
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
  const names = [freshName('group'), freshName('group')] as const;
  const groups = names.map((GROUP) => start('consumer.ts', { GROUP }));
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
  const shipments = async (): Promise<unknown> => (await db.client.query('SELECT order_id FROM shipments')).rows;
  assert.deepEqual(await shipments(), [{ order_id: '1001' }]);

  // The same records again, and with them one that was never committed.
  const broker = createKafka({ bootstrapServers: [bootstrap], clientId: 'test', sasl: null, tls: null }, quiet);
  const [{ partition } = { partition: 0 }] = await committed(bootstrap, topic);
  await abort(broker, topic, { partition, value: JSON.stringify({ orderId: 'never placed' }) });
  for (const each of groups) each.child.kill('SIGTERM');
  for (const each of groups) assert.equal(await each.ended, 0, each.stderr());
  const admin = broker.admin();
  await admin.connect();
  await admin.resetOffsets({ groupId: names[0], topic, earliest: true });
  await admin.disconnect();
  const again = start('consumer.ts', { GROUP: names[0] });
  await waitFor('the event once more', async () => again.stdout().includes('order 1001:'));
  const second = readFileSync(join(installed.folder, 'order-service.ts'), 'utf8').replace("'1001'", "'1002'");
  writeFileSync(join(installed.folder, 'second-order.ts'), second);
  const later = start('second-order.ts');
  assert.equal(await later.ended, 0, later.stderr());
  await waitFor('the second order', async () => again.stdout().includes('order 1002:'));
  const lines = again.stdout().match(/^order .*$/gm);
  assert.deepEqual(lines, ['order 1001: known already', 'order 1002: shipped']);
  assert.deepEqual(await shipments(), [{ order_id: '1001' }, { order_id: '1002' }]);
  relay.child.kill('SIGTERM');
  assert.equal(await relay.ended, 0, relay.stderr());
});

/** A record of a transaction that is aborted: no reader of committed records ever sees it. */
async function abort(broker: Kafka, topic: string, message: { partition: number; value: string }): Promise<void> {
  const producer = broker.producer({ transactionalId: freshName('aborted'), idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [message] });
  await transaction.abort();
  await producer.disconnect();
}

test('with MySQL, too, an order and its event are there together or not at all', async (t) => {
  const db = await freshMysqlDatabase();
  t.after(() => db.drop());
  const { host, port, user, password } = db.address;
  const outbox = readFileSync(join(installed.folder, 'node_modules/millrace/sql/mysql/outbox.sql'), 'utf8');
  await db.connection.query(`CREATE TABLE orders (id varchar(20) PRIMARY KEY, amount int); ${outbox}`);
  const rows = async (sql: string): Promise<unknown> => (await db.connection.query(sql))[0];
  const program = 'order-service-mysql.ts';
  writeFileSync(join(installed.folder, program), programs().get(program) ?? '');
  const MYSQL_URL = `mysql://${user}:${password}@${host}:${port}/${db.name}`;
  const place = (): ReturnType<typeof millrace> => {
    const service = millrace([], { entry: program, cwd: installed.folder, env: { MYSQL_URL } });
    t.after(() => service.child.kill('SIGKILL'));
    return service;
  };
  const service = place();
  assert.equal(await service.ended, 0, service.stderr());
  const event = {
    aggregatetype: 'order',
    aggregateid: '1001',
    type: 'OrderPlaced',
    payload: { orderId: '1001', amount: 25 },
  };
  const events = [{ id: service.stdout().trim(), ...event }];
  assert.deepEqual(await rows('SELECT * FROM outbox'), events);
  assert.deepEqual(await rows('SELECT * FROM orders'), [{ id: '1001', amount: 25 }]);

  assert.equal(await place().ended, 1, 'the order is there already');
  assert.deepEqual(await rows('SELECT * FROM outbox'), events);
  // The event fails last, and takes the order with it.
  await db.connection.query("DELETE FROM orders; ALTER TABLE outbox ADD CHECK (type <> 'OrderPlaced') NOT ENFORCED");
  await db.connection.query('TRUNCATE outbox; ALTER TABLE outbox ALTER CHECK outbox_chk_1 ENFORCED');
  assert.equal(await place().ended, 1, 'the event is refused');
  assert.deepEqual([await rows('SELECT * FROM outbox'), await rows('SELECT * FROM orders')], [[], []]);
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
