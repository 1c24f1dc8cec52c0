/** Folders of jars from Maven Central in the user's cache, downloaded once. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '../errors.ts';
import { requireTool } from './java.ts';
import { removeAtExit, spawnServer } from './server-process.ts';

export interface MavenArtifact {
  readonly group: string;
  readonly artifact: string;
  readonly version: string;
  /** An archive that brings what it needs: taken alone, without what its pom names. */
  readonly archive?: { readonly type: string; readonly classifier: string };
}

export interface MavenFolder {
  /** Its name in the cache; versions belong into it. */
  readonly folder: string;
  /** For messages. */
  readonly name: string;
  readonly megabytes: number;
  /** How many files a download into an empty repository fetches, for the percentage. */
  readonly aboutFiles: number;
  readonly artifacts: readonly MavenArtifact[];
  /** How to do without, for errors: "or …". */
  readonly wayRound: string;
  /** Works on the downloaded files before the folder gets its name. */
  readonly finish?: (libs: string) => Promise<void>;
}

/**
 * The folder in the cache (`MILLRACE_CACHE`, else ~/.cache/millrace) with the artifacts and all that they need; complete
 * or not there at all. `say` hears how a download goes. Throws `config` without Maven or when the download fails.
 */
export async function mavenFolder(wanted: MavenFolder, say: (line: string) => void): Promise<string> {
  const cache = process.env['MILLRACE_CACHE'] ?? join(homedir(), '.cache', 'millrace');
  const folder = join(cache, wanted.folder);
  if (existsSync(folder)) return folder;
  const product = wanted.name.split(' ')[0] ?? wanted.name;
  await requireTool(
    'mvn',
    ['-v'],
    `Maven, which downloads ${product} once, is missing on this machine: install it, ${wanted.wayRound}`,
  );
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'download-'));
  removeAtExit(work);
  const libs = join(work, 'libs');
  try {
    writeFileSync(join(work, 'pom.xml'), pom(wanted.artifacts));
    say(`downloading ${wanted.name} (about ${wanted.megabytes} MB, once)`);
    await download(work, libs, { ...wanted, product }, say);
    await wanted.finish?.(libs);
    renameSync(libs, folder);
  } catch (error) {
    // Another process may have been faster; its folder is as good.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

function pom(artifacts: readonly MavenArtifact[]): string {
  const alone = '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>';
  const dependencies = artifacts.map(({ group, artifact, version, archive }) => {
    const kind = archive && `<type>${archive.type}</type><classifier>${archive.classifier}</classifier>${alone}`;
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${kind ?? ''}</dependency>`;
  });
  return `<project><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId><artifactId>jars</artifactId><version>1</version>
<dependencies>
${dependencies.join('\n')}
</dependencies></project>`;
}

async function download(
  work: string,
  libs: string,
  wanted: MavenFolder & { readonly product: string },
  say: (line: string) => void,
): Promise<void> {
  const maven = spawnServer('mvn', ['-B', 'dependency:copy-dependencies', `-DoutputDirectory=${libs}`], {
    cwd: work,
    stdio: ['ignore', 'pipe', 'ignore'],
    lastSignal: 'SIGTERM',
  });
  const progress = new DownloadProgress(wanted.product, wanted.aboutFiles);
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
    `Maven could not download ${wanted.product} (${progress.problem ?? `exit code ${String(code)}`}): check its network and settings with "mvn -v", ${wanted.wayRound}`,
  );
}

/** How far Maven is, from what it prints. */
export class DownloadProgress {
  readonly #product: string;
  readonly #aboutFiles: number;
  #rest = '';
  #files = 0;
  #kilobytes = 0;
  /** The first thing Maven called an error. */
  problem: string | null = null;

  constructor(product: string, aboutFiles: number) {
    this.#product = product;
    this.#aboutFiles = aboutFiles;
  }

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
    if (this.#files === 0) return `downloading ${this.#product}: Maven is looking what it has`;
    // Of an estimate, so the last percent is kept for the end.
    const percent = Math.min(99, Math.floor((this.#files / this.#aboutFiles) * 100));
    return `downloading ${this.#product}: ${percent} % (${this.#files} files, ${(this.#kilobytes / 1000).toFixed(1)} MB)`;
  }
}
