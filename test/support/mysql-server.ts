/** A real MySQL for the tests: Debian's mysqld, a throw-away data folder, binary log and GTIDs on. */
import { type ChildProcess, execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { freePort } from '../../src/demo/free-port.ts';
import { removeAtExit, spawnServer } from '../../src/demo/server-process.ts';
import { MillraceError } from '../../src/errors.ts';
import { OWN_MYSQL, mysqlRoot } from './mysql-packages.ts';

/** What a client needs. */
export interface MysqlAddress {
  readonly host: string;
  readonly port: number;
  /** May do everything. */
  readonly user: string;
  readonly password: string;
}
export interface MysqlServer extends MysqlAddress {
  /** The Unix socket. */
  readonly socketPath: string;
  /** The data folder: certificates (ca.pem, …) and the binary log. */
  readonly data: string;
  /** A shutdown as an operator would. */
  stop(): Promise<void>;
  /** Stops (or kills) the server and starts it again on the same data and port. */
  restart(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Stops the server and removes its data. */
  dispose(): Promise<void>;
}
export interface MysqlOptions {
  /** `name=value`, as after `--`, beside or instead of ours. */
  readonly settings?: readonly string[];
}

const USER = 'root';
const PASSWORD = 'demo-only';
/** By Node's name of a processor: Debian's folder of libraries, and the loader in it. */
const LOADERS: Readonly<Record<string, readonly [string, string]>> = {
  x64: ['x86_64-linux-gnu', 'ld-linux-x86-64.so.2'],
  arm64: ['aarch64-linux-gnu', 'ld-linux-aarch64.so.1'],
};

/** Starts a server on a free port and a socket; resolves when it answers. `say` hears of the first download. */
export async function startMysql(
  say: (line: string) => void = () => {},
  options: MysqlOptions = {},
): Promise<MysqlServer> {
  const program = mysqld(await mysqlRoot(say));
  // A socket's path has at most 107 bytes.
  const home = mkdtempSync(join(tmpdir(), 'millrace-mysql-'));
  removeAtExit(home);
  const [data, log, socketPath] = [join(home, 'data'), join(home, 'error.log'), join(home, 'mysql.sock')];
  const port = await freePort();
  const common = [`--datadir=${data}`, `--log-error=${log}`, '--innodb-buffer-pool-size=64M'];
  await initialize(program, home, common, log);
  const settings = [
    ...common,
    `--socket=${socketPath}`,
    `--pid-file=${join(home, 'mysql.pid')}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    '--mysqlx=OFF',
    '--max-connections=200',
    '--server-id=1',
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--binlog-row-metadata=FULL',
    ...(options.settings ?? []).map((setting) => `--${setting}`),
  ];
  const launch = (): ChildProcess =>
    spawnServer(program.command, [...program.args, ...settings], { cwd: home, stdio: 'ignore', lastSignal: 'SIGKILL' });
  let child = launch();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  };
  const address = { host: '127.0.0.1', port, user: USER, password: PASSWORD };
  await ready(address, child, log);
  return {
    ...address,
    socketPath,
    data,
    stop: () => end('SIGTERM'),
    restart: async (signal = 'SIGTERM') => {
      await end(signal);
      child = launch();
      await ready(address, child, log);
    },
    dispose: async () => {
      await end('SIGKILL');
      rmSync(home, { recursive: true, force: true });
    },
  };
}

interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

/** Runs with the loader and the libraries it came with, whatever the machine's are. */
function mysqld(root: string): Program {
  const [libraries, loader] = LOADERS[process.arch] ?? ['', ''];
  const folder = join(root, 'usr/lib', libraries);
  if (libraries === '' || !existsSync(join(folder, loader))) {
    throw new MillraceError(
      'config',
      `no MySQL for Linux on ${process.arch} in ${root}: remove that folder to download it again, ${OWN_MYSQL}`,
    );
  }
  const asRoot = process.getuid?.() === 0 ? ['--user=root'] : [];
  return {
    command: join(folder, loader),
    args: [
      '--library-path',
      folder,
      join(root, 'usr/sbin/mysqld'),
      '--no-defaults',
      ...asRoot,
      `--basedir=${join(root, 'usr')}`,
      `--lc-messages-dir=${join(root, 'usr/share/mysql')}`,
      '--secure-file-priv=NULL',
    ],
  };
}

async function initialize(program: Program, home: string, common: readonly string[], log: string): Promise<void> {
  const accounts = join(home, 'accounts.sql');
  // One statement a line. With --skip-name-resolve the peers of TCP have no names: root@localhost is the socket's.
  writeFileSync(
    accounts,
    `ALTER USER root@localhost IDENTIFIED BY '${PASSWORD}';
CREATE USER root@'%' IDENTIFIED BY '${PASSWORD}';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
`,
  );
  try {
    // Not synchronously: other servers start meanwhile.
    await promisify(execFile)(program.command, [
      ...program.args,
      ...common,
      '--initialize-insecure',
      `--init-file=${accounts}`,
    ]);
  } catch (error) {
    throw new MillraceError('internal', `MySQL could not make its data folder: ${lastError(log)}`, { cause: error });
  }
}

async function ready(address: MysqlAddress, child: ChildProcess, log: string): Promise<void> {
  for (const until = Date.now() + 60_000; Date.now() < until; ) {
    try {
      const connection = await createConnection(address);
      await connection.end();
      return;
    } catch {
      if (child.exitCode !== null || child.signalCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new MillraceError(
    'internal',
    `MySQL did not start on port ${address.port} (exit code ${child.exitCode}): ${lastError(log)}`,
  );
}

/** Its last words; the very last is only that it ends. */
function lastError(log: string): string {
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  const errors = lines.flatMap((line) => /\[ERROR\] (?:\[[^\]]*\] )*(.*)/.exec(line)?.[1] ?? []);
  return errors.filter((line) => line !== 'Aborting').at(-1) ?? 'it said nothing';
}
