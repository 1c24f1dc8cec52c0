/** What a command that starts servers leaves behind: it is given a folder for temporary files of its own. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { waitFor } from './servers.ts';

/** For TMPDIR. */
export function ownTemp(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-temp-'));
  // PostgreSQL runs as another user when we are root.
  chmodSync(folder, 0o755);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Command lines of living processes that use the folder. */
export function processesIn(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(folder) ? [line] : [];
      } catch {
        return [];
      }
    });
}

export async function nothingLeft(folder: string): Promise<void> {
  await waitFor(`no process in ${folder}`, async () => processesIn(folder).length === 0, 10_000);
  // npm keeps a cache of its own there.
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('millrace')),
    [],
  );
}
