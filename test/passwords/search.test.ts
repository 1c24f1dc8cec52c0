/** The last file of `npm test`: when all others have ended, searches everything that was printed for their passwords. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { leaksIn } from '../support/leaks.ts';
import { OUTPUT_DIR } from '../support/output.ts';
import type { ReportLine } from '../support/output-reporter.ts';

/** What `output-reporter.ts` writes. */
const REPORT = 'runner.jsonl';
const OWN = fileURLToPath(import.meta.url);
const LOOK_EVERY_MS = 250;
/** The runner tells of a file at once, and of what it printed when it is its turn: then nothing more comes. */
const QUIET_LOOKS = 4;

const folder = process.env[OUTPUT_DIR];

test('no password of the tests is in anything that the suite has printed', {
  skip: folder === undefined && 'there is nothing to search: npm test collects it',
}, async (t) => {
  if (folder === undefined) return;
  await othersEnded(join(folder, REPORT));
  const files = readdirSync(folder);
  const leaks = leaksIn(folder, givenPasswords());
  t.diagnostic(`searched ${files.length} outputs`);
  const said = leaks.map(({ file, line, what, context }) => `${what} in ${file}:${line}: ${context}`);
  // Not as a comparison: that would print what was found.
  if (said.length > 0) assert.fail(`${said.length} times:\n${said.slice(0, 50).join('\n')}`);
});

/** Of the servers that the tests use: the user may have given one. */
function givenPasswords(): string[] {
  return Object.entries(process.env).flatMap(([name, value = '']) => {
    if (!/^MILLRACE_TEST_(?:POSTGRES|MYSQL)/.test(name)) return [];
    const { password } = JSON.parse(value) as { password?: string };
    return password === undefined ? [] : [password];
  });
}

async function othersEnded(report: string): Promise<void> {
  let [length, quiet] = [-1, 0];
  for (;;) {
    const text = existsSync(report) ? readFileSync(report, 'utf8') : '';
    const isOver = text !== '' && running(text).size === 0;
    quiet = isOver && text.length === length ? quiet + 1 : 0;
    length = text.length;
    if (quiet >= QUIET_LOOKS) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** The files that have been announced and have not ended. */
function running(report: string): ReadonlySet<string> {
  const files = new Set<string>();
  for (const line of report.split('\n').slice(0, -1)) {
    const { type, name, file } = JSON.parse(line) as ReportLine;
    if (file === '' || file === OWN || !file.endsWith(name.replace(/^\.\//, ''))) continue;
    if (type === 'test:enqueue') files.add(file);
    if (type === 'test:complete') files.delete(file);
  }
  return files;
}
