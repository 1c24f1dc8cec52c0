/**
 * MySQL, and other servers, from Debian's packages, unpacked into a folder of the user's: nothing is installed, no root is needed, and the
 * machine's own lists, keys and packages stay as they are. Downloaded once per user.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MillraceError, messageOf } from '../../src/errors.ts';
import { removeAtExit } from '../../src/demo/server-process.ts';

const run = promisify(execFile);
/** MySQL itself is in Debian's unstable suite alone. */
const SUITE = 'sid';
const PACKAGE = 'mysql-server-core';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
export const OWN_MYSQL =
  'or set MILLRACE_TEST_MYSQL={"host":"…","port":3306,"user":"…","password":"…"} to use a MySQL of your own';

/**
 * The root folder of the unpacked packages, complete or not there at all; `usr/sbin/mysqld` is in it, and its C library,
 * which may be newer than the machine's. `say` hears of the download.
 */
export function mysqlRoot(say: (line: string) => void): Promise<string> {
  return debianRoot({ name: 'MySQL', folder: 'mysql', packages: [PACKAGE], size: '60 MB', own: OWN_MYSQL }, say);
}

/** A server to unpack. */
interface Unpacked {
  readonly name: string;
  /** The beginning of its folder's name in the cache. */
  readonly folder: string;
  readonly packages: readonly string[];
  /** How much there is to download. */
  readonly size: string;
  /** What to do where it cannot be had, after a comma. */
  readonly own: string;
}

/** The root folder of the packages and all they need, complete or not there at all. */
export async function debianRoot(server: Unpacked, say: (line: string) => void): Promise<string> {
  const cache = process.env['MILLRACE_CACHE'] ?? join(homedir(), '.cache', 'millrace');
  const folder = join(cache, `${server.folder}-debian-${SUITE}-${process.arch}`);
  if (existsSync(folder)) return folder;
  for (const tool of ['apt-get', 'dpkg-deb']) await requireTool(tool, server);
  const mirror = await debianMirror(server);
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'download-'));
  removeAtExit(work);
  try {
    say(`downloading ${server.name} (about ${server.size}, once)`);
    const packages = await download(work, mirror, server);
    say(`unpacking ${server.name} (${packages.length} packages)`);
    const root = join(work, 'root');
    mkdirSync(root);
    for (const file of packages) await run('dpkg-deb', ['--extract', file, root]);
    for (const unused of ['doc', 'man', 'locale'])
      rmSync(join(root, 'usr/share', unused), { recursive: true, force: true });
    renameSync(root, folder);
  } catch (error) {
    // Another process may have been faster; its folder is as good.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

/** The package and everything it needs, as .deb files: with lists of our own, and as if nothing were installed. */
async function download(work: string, mirror: string, server: Unpacked): Promise<string[]> {
  const archives = join(work, 'cache/archives');
  for (const needed of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(work, needed), { recursive: true });
  writeFileSync(join(work, 'status'), '');
  const signedBy = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  writeFileSync(join(work, 'sources.list'), `deb ${signedBy}${mirror} ${SUITE} main\n`);
  // https://manpages.debian.org/apt.conf.5: read after the machine's own files, whose hooks are not for us.
  writeFileSync(
    join(work, 'apt.conf'),
    `#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::State "${join(work, 'state')}";
Dir::State::status "${join(work, 'status')}";
Dir::Cache "${join(work, 'cache')}";
Dir::Etc::sourcelist "${join(work, 'sources.list')}";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
`,
  );
  const apt = async (...args: readonly string[]): Promise<void> => {
    try {
      // -c names a file of settings beside the machine's own; -qq leaves errors alone to be said.
      await run('apt-get', [`-c=${join(work, 'apt.conf')}`, '-qq', ...args]);
    } catch (error) {
      throw new MillraceError(
        'config',
        `apt-get could not download ${server.name} from Debian's suite "${SUITE}" (${lastLine(error)}): check its network with "apt-get update", ${server.own}`,
        { cause: error },
      );
    }
  };
  await apt('update');
  await apt('install', '--yes', '--download-only', ...server.packages);
  return readdirSync(archives).flatMap((name) => (name.endsWith('.deb') ? [join(archives, name)] : []));
}

/** Where this machine gets Debian's packages from, whatever form its sources are written in. */
async function debianMirror(server: Unpacked): Promise<string> {
  // https://manpages.debian.org/apt-get.8, indextargets: what is configured, known without a network.
  const { stdout } = await run('apt-get', [
    'indextargets',
    '--format',
    '$(COMPONENT) $(REPO_URI)',
    'Created-By: Packages',
  ]);
  const mirror = stdout
    .split('\n')
    // A mirror's folder, a snapshot below it, or the list of mirrors that cloud images have; not debian-security.
    .map((line) => /^main (\S+?\/debian(?:\.list|\/\S+?)?)\/?$/.exec(line)?.[1])
    .find((uri) => uri !== undefined);
  if (mirror !== undefined) return mirror;
  throw new MillraceError(
    'config',
    `the ${server.name} of the tests comes from Debian's packages, and no source of this machine's apt is a Debian mirror (.../debian, component main): add one, ${server.own}`,
  );
}

async function requireTool(tool: string, server: Unpacked): Promise<void> {
  try {
    await run(tool, ['--version']);
  } catch (error) {
    throw new MillraceError(
      'config',
      `${tool}, which brings the ${server.name} of the tests from Debian's packages once, is missing on this machine: use Debian, ${server.own}`,
      { cause: error },
    );
  }
}

function lastLine(error: unknown): string {
  const said = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : '';
  return said.trim().split('\n').at(-1)?.slice(0, 200) || messageOf(error).split('\n')[0] || 'no reason given';
}
