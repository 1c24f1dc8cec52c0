/** Keeps what the processes of a test print, so that the end of the suite can search it (`test/passwords/`). */
import type { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder that `npm test` collects all output in; without it nothing is kept. */
export const OUTPUT_DIR = 'MILLRACE_TEST_OUTPUT_DIR';

/** All that a process prints from now on. To be called where it is started, beside whoever else listens. */
export function keepOutput<T extends ChildProcess>(child: T, name: string): T {
  const of = `${name}-${child.pid ?? 'none'}`;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer | string) => void keepText(chunk, of));
  }
  return child;
}

/** What was captured in another way; gives it back. */
export function keepText<T extends string | Buffer>(text: T, name: string): T {
  const folder = process.env[OUTPUT_DIR];
  if (folder !== undefined)
    appendFileSync(join(folder, `${name.replaceAll(/[^\w.-]/g, '_')}.${process.pid}.txt`), text);
  return text;
}
