/** Kafka's own jars from Maven Central, downloaded once per user. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MillraceError } from '../errors.ts';
import { removeAtExit, spawnServer } from './server-process.ts';

/** What Maven fetches into an empty repository: jars, their poms, and the plugins that do the copying. */
const ABOUT_FILES = 540;
const pom = (
  version: string,
): string => `<project><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`;
const OWN_KAFKA = 'or set MILLRACE_KAFKA=host:port to use a Kafka of your own';

/** The folder with the jars of a version; complete or not there at all. `say` hears how a download goes. */
export async function kafkaJars(version: string, say: (line: string) => void): Promise<string> {
  const cache = process.env['MILLRACE_CACHE'] ?? join(homedir(), '.cache', 'millrace');
  const folder = join(cache, `kafka-${version}`);
  await requireTool('java', ['-version'], `Java 17 or newer is missing on this machine: install it, ${OWN_KAFKA}`);
  if (existsSync(folder)) return folder;
  await requireTool(
    'mvn',
    ['-v'],
    `Maven, which downloads Kafka once, is missing on this machine: install it, ${OWN_KAFKA}`,
  );
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'download-'));
  removeAtExit(work);
  const libs = join(work, 'libs');
  try {
    writeFileSync(join(work, 'pom.xml'), pom(version));
    say(`downloading Kafka ${version} (about 54 MB, once)`);
    await download(work, libs, say);
    renameSync(libs, folder);
  } catch (error) {
    // Another process may have been faster; its folder is as good.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

async function download(work: string, libs: string, say: (line: string) => void): Promise<void> {
  const maven = spawnServer('mvn', ['-B', 'dependency:copy-dependencies', `-DoutputDirectory=${libs}`], {
    cwd: work,
    stdio: ['ignore', 'pipe', 'ignore'],
    lastSignal: 'SIGTERM',
  });
  const progress = new DownloadProgress();
  let saidAt = performance.now();
  maven.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    progress.hear(chunk);
    if (performance.now() - saidAt < 1000) return;
    saidAt = performance.now();
    say(progress.line);
  });
  const code = await new Promise<number | null>((resolve) => {
    maven.once('close', (exit) => resolve(exit));
    maven.once('error', () => resolve(null));
  });
  if (code === 0) return;
  throw new MillraceError(
    'config',
    `Maven could not download Kafka (${progress.problem ?? `exit code ${String(code)}`}): check its network and settings with "mvn -v", ${OWN_KAFKA}`,
  );
}

/** How far Maven is, from what it prints. */
export class DownloadProgress {
  #rest = '';
  #files = 0;
  #kilobytes = 0;
  /** The first thing Maven called an error. */
  problem: string | null = null;

  hear(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const size = /^(?:\[INFO\] )?Downloaded from .*\(([\d.]+) (B|kB|MB)/.exec(line);
      if (size) {
        this.#files++;
        this.#kilobytes += Number(size[1]) * (size[2] === 'MB' ? 1000 : size[2] === 'B' ? 0.001 : 1);
      }
      const error = /^\[ERROR\] (.*)/.exec(line)?.[1];
      if (error) this.problem ??= error.slice(0, 200);
    }
  }

  get line(): string {
    // Everything may be in its local repository already.
    if (this.#files === 0) return 'downloading Kafka: Maven is looking what it has';
    // Of an estimate, so the last percent is kept for the end.
    const percent = Math.min(99, Math.floor((this.#files / ABOUT_FILES) * 100));
    return `downloading Kafka: ${percent} % (${this.#files} files, ${(this.#kilobytes / 1000).toFixed(1)} MB)`;
  }
}

async function requireTool(command: string, args: readonly string[], missing: string): Promise<void> {
  try {
    await promisify(execFile)(command, [...args]);
  } catch (error) {
    throw new MillraceError('config', missing, { cause: error });
  }
}
