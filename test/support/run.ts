/**
 * `npm test`: starts every server once, runs all test files against them, stops the servers. Arguments go to the test
 * runner; file names run those files alone. The last file searches all that was printed for passwords; the folder it was
 * collected in is removed, unless MILLRACE_TEST_OUTPUT_DIR names one.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '../../src/demo/kafka-server.ts';
import { startPostgres } from '../../src/demo/postgres-server.ts';
import { type MysqlAddress, startMysql } from './mysql-server.ts';
import { OUTPUT_DIR } from './output.ts';
import { runnerArguments } from './runner.ts';

const args = process.argv.slice(2);
const files = args.filter((arg) => !arg.startsWith('-'));
const options = args.filter((arg) => arg.startsWith('-'));
const say = (line: string): void => void process.stderr.write(`${line}\n`);
process.removeAllListeners('warning');

const wanted = files.length > 0 ? files : longestFirst(globSync('test/**/*.test.ts'));
/** One of the user's own wins; and a run without its tests need not wait for it. */
const needsMysql = !process.env['MILLRACE_TEST_MYSQL'] && wanted.some((file) => file.includes('.mysql.'));
const started = await Promise.allSettled([
  startPostgres({ major: 18 }),
  startPostgres({ major: 14 }),
  startKafka(say),
  needsMysql ? startMysql(say) : null,
]);
const [pg18, pg14, kafka, mysql] = started;
const stop = (): Promise<unknown> =>
  Promise.all(started.map(async (server) => (server.status === 'fulfilled' ? server.value?.dispose() : undefined)));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop().then(() => process.exit(1)));

if (
  pg18.status === 'rejected' ||
  pg14.status === 'rejected' ||
  kafka.status === 'rejected' ||
  mysql.status === 'rejected'
) {
  for (const server of started) if (server.status === 'rejected') say(String(server.reason));
  await stop();
  process.exit(1);
}
const given = process.env[OUTPUT_DIR];
if (given !== undefined) mkdirSync(given, { recursive: true });
const output = given ?? mkdtempSync(join(tmpdir(), 'millrace-output-'));
const { host, port, socketDir, user, password } = pg18.value;
const old = pg14.value;
const child = spawn(process.execPath, runnerArguments(output, { options, files: wanted }), {
  stdio: 'inherit',
  env: {
    ...process.env,
    [OUTPUT_DIR]: output,
    MILLRACE_TEST_POSTGRES_18: JSON.stringify({ host, port, socketDir, user, password }),
    MILLRACE_TEST_POSTGRES_14: JSON.stringify({
      host: old.host,
      port: old.port,
      socketDir: old.socketDir,
      user: old.user,
      password: old.password,
    }),
    MILLRACE_TEST_KAFKA: kafka.value.bootstrap,
    ...(mysql.value === null ? {} : { MILLRACE_TEST_MYSQL: mysqlAddress(mysql.value) }),
  },
});
function mysqlAddress({ host, port, user, password }: MysqlAddress): string {
  return JSON.stringify({ host, port, user, password });
}
/** The fault suite takes longest: two files side by side end sooner when it does not come last. */
function longestFirst(all: readonly string[]): string[] {
  const isLong = (file: string): boolean => file.includes('fault');
  return [...all.filter(isLong), ...all.filter((file) => !isLong(file))];
}
const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
await stop();
if (given === undefined) rmSync(output, { recursive: true, force: true });
process.exit(code ?? 1);
