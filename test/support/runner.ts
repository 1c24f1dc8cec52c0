/** How the test runner is called: what is on the screen goes to a file as well, and the search of it comes last. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const SEARCH = 'test/passwords/search.test.ts';
const REPORTER = fileURLToPath(new URL('output-reporter.ts', import.meta.url));

/** Arguments for Node; `output` is the folder that everything printed is collected in. */
export function runnerArguments(
  output: string,
  { options = [], files }: { readonly options?: readonly string[]; readonly files: readonly string[] },
): string[] {
  return [
    '--disable-warning=TimeoutNegativeWarning',
    '--test',
    '--test-concurrency=2',
    // kafkajs leaves a timer behind now and then; every file has closed what it opened.
    '--test-force-exit',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${REPORTER}`,
    `--test-reporter-destination=${join(output, 'runner.jsonl')}`,
    ...options,
    ...files.filter((file) => file !== SEARCH),
    SEARCH,
  ];
}
