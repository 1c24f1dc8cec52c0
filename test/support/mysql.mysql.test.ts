import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type RowDataPacket, createConnection } from 'mysql2/promise';
import { freshMysqlDatabase } from './mysql.ts';
import { mysqlRoot } from './mysql-packages.ts';
import { startMysql } from './mysql-server.ts';

const silent = (): void => {};

test('the shared MySQL logs rows with names and GTIDs', async (t) => {
  const database = await freshMysqlDatabase();
  t.after(() => database.drop());
  const [rows] = await database.connection.query<RowDataPacket[]>(
    'SELECT @@log_bin, @@binlog_format, @@binlog_row_image, @@binlog_row_metadata, @@gtid_mode, @@server_id > 0 AS named',
  );
  assert.deepEqual(rows, [
    {
      '@@log_bin': 1,
      '@@binlog_format': 'ROW',
      '@@binlog_row_image': 'FULL',
      '@@binlog_row_metadata': 'FULL',
      '@@gtid_mode': 'ON',
      named: 1,
    },
  ]);
});

test('a server of one’s own takes settings, answers on its socket, keeps its data when killed, and leaves nothing', async () => {
  const server = await startMysql(silent, { settings: ['gtid-mode=OFF', 'enforce-gtid-consistency=OFF'] });
  const { user, password, socketPath } = server;
  const ask = async (sql: string): Promise<unknown> => {
    const connection = await createConnection({ socketPath, user, password, rowsAsArray: true });
    try {
      return (await connection.query(sql))[0];
    } finally {
      await connection.end();
    }
  };
  try {
    assert.deepEqual(await ask('SELECT @@gtid_mode'), [['OFF']]);
    await ask('CREATE DATABASE kept');
    await server.restart('SIGKILL');
    assert.deepEqual(await ask("SHOW DATABASES LIKE 'kept'"), [['kept']]);
    await server.stop();
    await assert.rejects(ask('SELECT 1'), { code: 'ENOENT' });
  } finally {
    await server.dispose();
  }
  assert.equal(existsSync(server.data), false);
});

test('a server that does not start says why', async () => {
  await assert.rejects(
    startMysql(silent, { settings: ['no-such-setting=1'] }),
    /MySQL did not start .*no-such-setting/,
  );
});

const OWN = { PATH: process.env['PATH'], MILLRACE_CACHE: process.env['MILLRACE_CACHE'] };

/** An empty cache, and `apt-get` and `dpkg-deb` that are what the test says. */
function machine(t: TestContext, tools: Readonly<Record<string, string>>): string {
  const home = mkdtempSync(join(tmpdir(), 'millrace-packages-'));
  t.after(() => {
    for (const [name, value] of Object.entries(OWN)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(home, { recursive: true });
  });
  const bin = join(home, 'bin');
  mkdirSync(bin);
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`, { mode: 0o755 });
  }
  process.env['PATH'] = bin;
  process.env['MILLRACE_CACHE'] = join(home, 'a cache');
  return join(home, 'a cache');
}

const APT = `case "$*" in
  --version) ;;
  indextargets*) echo "contrib http://mirror.test/debian/"; echo "main http://mirror.test/debian/" ;;
  *install*) conf="\${1#-c=}"; cache=$(sed -n 's/^Dir::Cache "\\(.*\\)";$/\\1/p' "$conf")
    cp "$(dirname "$conf")/sources.list" "$cache/archives/one.deb"; touch "$cache/archives/two.deb" ;;
esac`;
const DPKG = '[ "$1" = --version ] || { mkdir -p "$3/usr/sbin" && cat "$2" >> "$3/usr/sbin/mysqld"; }';

test('a mirror is known by its path, in every form that Debian uses', async (t) => {
  const forms = {
    'http://mirror.test/debian/': 'http://mirror.test/debian',
    'https://mirror.test/pub/debian': 'https://mirror.test/pub/debian',
    'http://mirror.test/archive/debian/20260101T000000Z/': 'http://mirror.test/archive/debian/20260101T000000Z',
    'mirror+file:/etc/apt/mirrors/debian.list/': 'mirror+file:/etc/apt/mirrors/debian.list',
  };
  for (const [given, expected] of Object.entries(forms)) {
    const targets = ['contrib http://mirror.test/debian/', 'main http://mirror.test/debian-security/', `main ${given}`];
    const list = `indextargets*) printf '%s\\n' ${targets.map((each) => `'${each}'`).join(' ')} ;;`;
    machine(t, { 'apt-get': APT.replace(/indextargets.*$/m, list), 'dpkg-deb': DPKG });
    const unpacked = readFileSync(join(await mysqlRoot(silent), 'usr/sbin/mysqld'), 'utf8');
    assert.equal(/(\S+) sid main\n$/.exec(unpacked)?.[1], expected);
  }
});

test('packages come from the mirror that the machine uses; two processes at once do not disturb each other', async (t) => {
  const cache = machine(t, { 'apt-get': APT, 'dpkg-deb': DPKG });
  const said: string[] = [];
  const roots = await Promise.all([mysqlRoot((line) => said.push(line)), mysqlRoot((line) => said.push(line))]);
  assert.equal(said.length, 4, 'both downloaded');
  assert.deepEqual(
    readdirSync(cache).map((name) => join(cache, name)),
    [...new Set(roots)],
  );
  const unpacked = readFileSync(join(roots[0], 'usr/sbin/mysqld'), 'utf8');
  assert.match(unpacked, /^deb (?:\[signed-by=\S+\] )?http:\/\/mirror\.test\/debian sid main\n$/);
  await mysqlRoot(() => assert.fail('downloads again'));
});

test('what was interrupted is not taken for complete', async (t) => {
  const cache = machine(t, { 'apt-get': APT, 'dpkg-deb': `case "$2" in *two.deb) exit 1 ;; esac; ${DPKG}` });
  await assert.rejects(mysqlRoot(silent));
  assert.deepEqual(readdirSync(cache), []);
});

test('what is missing on the machine is named, and the way without it', async (t) => {
  machine(t, {});
  await assert.rejects(mysqlRoot(silent), /^MillraceError: apt-get, .* is missing .* MILLRACE_TEST_MYSQL=/);
  machine(t, { 'apt-get': APT });
  await assert.rejects(mysqlRoot(silent), /^MillraceError: dpkg-deb, .* is missing/);
  machine(t, { 'apt-get': 'true', 'dpkg-deb': DPKG });
  await assert.rejects(mysqlRoot(silent), /^MillraceError: .* no source of this machine's apt is a Debian mirror/);
  machine(t, {
    'apt-get': `case "$*" in *update*) echo "E: no route" >&2; exit 100 ;; esac; ${APT}`,
    'dpkg-deb': DPKG,
  });
  await assert.rejects(mysqlRoot(silent), /^MillraceError: apt-get could not download MySQL .*\(E: no route\)/);
});
