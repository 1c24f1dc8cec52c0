import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Log, MetricsRegistry, MillraceError, type RunOptions, run } from '../../src/millrace.ts';
import { freshOutbox, upTo } from '../support/outbox.ts';
import { waitFor } from '../support/servers.ts';

/** A log that keeps its lines. */
function listening(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const note = (message: string, fields?: object): void =>
    void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  return { lines, debug: () => {}, info: note, warn: note, error: note };
}

test('several connectors deliver in this process until the signal is aborted, with health and metrics when asked', async (t) => {
  const [one, two] = [await freshOutbox(t), await freshOutbox(t)];
  const [stop, log, metrics] = [new AbortController(), listening(), new MetricsRegistry()];
  const configurations = [one, two].map(({ connector: { name, config } }) => ({
    name,
    config: { ...(config as Record<string, string | number>), 'database.password': '${env:SECRET}' },
  }));
  const env = { SECRET: String(one.connector.config['database.password']) };
  const states: string[] = [];
  const options: RunOptions = {
    signal: stop.signal,
    log,
    metrics,
    env,
    http: '127.0.0.1:0',
    onState: (connector, state) => states.push(`${connector} ${state}`),
  };
  const running = run(configurations, options);
  t.after(() => stop.abort());
  await Promise.race([running, waitFor('both to run', async () => states.length >= 4)]);
  const address = /"http":"([^"]+)"/.exec(log.lines.join('\n'))?.[1] ?? '';
  assert.equal((await fetch(`http://${address}/health/ready`)).status, 200);
  await Promise.all([one.insert(1, 3), two.insert(1, 4)]);
  await waitFor('7 records', async () => (await one.numbers()).length >= 3 && (await two.numbers()).length >= 4);
  stop.abort();
  await running;
  assert.deepEqual([await one.numbers(), await two.numbers()], [upTo(3), upTo(4)]);
  assert.match(await metrics.text(), new RegExp(`millrace_records_total\\{connector="${one.connector.name}"\\} 3`));
  const each = (name: string): string[] => ['starting', 'running', 'stopped'].map((state) => `${name} ${state}`);
  assert.deepEqual(states.toSorted(), [...each(one.connector.name), ...each(two.connector.name)].toSorted());
  await assert.rejects(fetch(`http://${address}/health/live`), 'the server is closed');
});

test('a connector that fails rejects with its error, and the name if there are several; the others run on', async (t) => {
  const [good, bad] = [await freshOutbox(t), await freshOutbox(t, { 'slot.name': 'library_refused' })];
  await bad.db.client.query("SELECT pg_create_logical_replication_slot('library_refused', 'pgoutput')");
  const [one, two] = [good, bad].map(({ connector: { name, config } }) => ({
    name,
    config: config as Record<string, string>,
  }));
  assert.ok(one && two);
  await assert.rejects(
    run(two, { log: 'silent' }),
    (error) => error instanceof MillraceError && error.kind === 'refused' && /slot\.adopt=true/.test(error.message),
  );
  const stop = new AbortController();
  t.after(() => stop.abort());
  const states: string[] = [];
  const onState = (connector: string, state: string): void => void states.push(`${connector} ${state}`);
  const running = run([one, two], { signal: stop.signal, log: 'silent', onState });
  running.catch(() => {});
  for (const state of [`${one.name} running`, `${two.name} failed`]) {
    await waitFor(state, async () => states.includes(state));
  }
  await good.insert(1, 2);
  await waitFor('the records of the other', async () => (await good.numbers()).length >= 2);
  stop.abort();
  await assert.rejects(
    running,
    (error) =>
      error instanceof MillraceError &&
      error.message.startsWith(`connector "${two.name}": `) &&
      error.kind === 'refused',
  );
});
