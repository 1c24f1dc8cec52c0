/** `npm run test:scale`: the tests whose full size would make every commit wait, at that size. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RUN = fileURLToPath(new URL('../support/run.ts', import.meta.url));
const child = spawn(process.execPath, [RUN, 'test/fault/large.pg.kafka.test.ts', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, MILLRACE_TEST_SCALE: 'full' },
});
process.exitCode = await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
