import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { MillraceError } from '../errors.ts';

/** What Java calls itself, such as `17.0.15`. Throws `config` when it is missing; `wayRound` ends the sentence. */
export async function requireJava(wayRound: string): Promise<string> {
  const { stderr } = await requireTool(
    'java',
    ['-version'],
    `Java 17 or newer is missing on this machine: install it, ${wayRound}`,
  );
  return /version "([^"]+)"/.exec(stderr)?.[1] ?? 'unknown';
}

/** Runs a command to see that it is there. Throws `config` with the sentence given. */
export async function requireTool(
  command: string,
  args: readonly string[],
  missing: string,
): Promise<{ readonly stderr: string }> {
  try {
    return await promisify(execFile)(command, [...args]);
  } catch (error) {
    throw new MillraceError('config', missing, { cause: error });
  }
}
