/**
 * `npm test`: starts every server once, runs all test files against them, stops the servers. Arguments go to the test
 * runner; a file name runs that file alone.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';

const args = process.argv.slice(2);
const files = args.filter((arg) => !arg.startsWith('-'));
const options = args.filter((arg) => arg.startsWith('-'));
const child = spawn(
  process.execPath,
  ['--test', '--test-concurrency=2', ...options, ...(files.length > 0 ? files : globSync('test/**/*.test.ts'))],
  { stdio: 'inherit' },
);
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
