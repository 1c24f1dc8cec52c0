import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../src/demo/free-port.ts';
import { type Command, millrace } from '../support/command.ts';
import { type Outbox, freshOutbox, upTo } from '../support/outbox.ts';
import { waitFor } from '../support/servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-run-'));
after(() => rmSync(folder, { recursive: true }));

function fileOf({ connector }: Outbox): string {
  const path = join(folder, `${connector.name}.json`);
  writeFileSync(path, JSON.stringify(connector));
  return path;
}

const LEASE = `SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database
  WHERE locktype = 'advisory' AND granted AND datname = current_database()`;

/** Sends SIGTERM; the process has to end with 0 within five seconds, and to call nothing an error. */
async function endsInGoodOrder(command: Command): Promise<void> {
  const at = performance.now();
  command.child.kill('SIGTERM');
  assert.equal(await command.ended, 0, command.stderr());
  assert.ok(performance.now() - at < 5000, `took ${performance.now() - at} ms`);
  assert.doesNotMatch(command.stderr(), /"level":"error"/);
}

test('a second instance on a taken port ends with 2 and fences nobody', async (t) => {
  const outbox = await freshOutbox(t);
  const args = ['run', fileOf(outbox), '--http', `127.0.0.1:${await freePort()}`];
  const first = millrace(args);
  t.after(() => first.child.kill('SIGKILL'));
  await first.says(/"msg":"running"/);
  await outbox.insert(1, 5);
  await waitFor('5 records', async () => (await outbox.numbers()).length >= 5);
  const second = millrace(args);
  t.after(() => second.child.kill('SIGKILL'));
  assert.equal(await second.ended, 2);
  assert.match(
    second.stderr(),
    /^cannot listen on 127\.0\.0\.1:\d+: another program listens there\. Nothing was started; give another address/,
  );
  await outbox.insert(6, 5);
  await waitFor('10 records', async () => (await outbox.numbers()).length >= 10);
  await endsInGoodOrder(first);
  assert.deepEqual(await outbox.numbers(), upTo(10));
  assert.doesNotMatch(first.stderr(), /"msg":"retrying"/);
});

test('SIGTERM while idle, while standing by, and while Kafka hangs or is away ends with 0 within five seconds', async (t) => {
  const outbox = await freshOutbox(t);
  const path = fileOf(outbox);
  const holder = millrace(['run', path, '--http', '[::1]:0']);
  t.after(() => holder.child.kill('SIGKILL'));
  await holder.says(/"msg":"running"/);
  const standby = millrace(['run', path, '--http', '127.0.0.1:0']);
  t.after(() => standby.child.kill('SIGKILL'));
  await standby.says(/"msg":"standby"/);
  const [, address] = await standby.says(/"http":"([^"]+)"/);
  const ready = await fetch(`http://${address}/health/ready`);
  assert.deepEqual(
    [ready.status, await ready.json()],
    [200, { status: 'ready', connectors: { [outbox.connector.name]: 'standby' } }],
  );
  await endsInGoodOrder(standby);
  await endsInGoodOrder(holder);

  for (const bootstrap of [(await silentServer(t)).address, `127.0.0.1:${await freePort()}`]) {
    const other: Outbox = {
      ...outbox,
      connector: { ...outbox.connector, config: { ...outbox.connector.config, 'kafka.bootstrap.servers': bootstrap } },
    };
    const unreachable = millrace(['run', fileOf(other), '--http', '127.0.0.1:0', '--log-level', 'debug']);
    t.after(() => unreachable.child.kill('SIGKILL'));
    await unreachable.says(/"msg":"starting"/);
    // Once the lease is held, Kafka is next.
    await waitFor('the lease', async () => {
      const { rows } = await outbox.db.client.query(LEASE);
      return rows.length > 0;
    });
    await endsInGoodOrder(unreachable);
  }
});

test('a second signal ends at once, whatever the first one still waits for', async (t) => {
  const silent = await silentServer(t);
  const outbox = await freshOutbox(t, { 'kafka.bootstrap.servers': silent.address });
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const before = silent.connections();
    const run = millrace(['run', fileOf(outbox), '--http', '127.0.0.1:0']);
    t.after(() => run.child.kill('SIGKILL'));
    await waitFor('Kafka to be asked, which does not answer', async () => silent.connections() > before);
    run.child.kill(signal);
    // Within 300 ms it would count as the same press of Ctrl-C, which npm passes on a second time.
    await delay(350);
    run.child.kill(signal);
    assert.equal(await run.ended, code);
    await waitFor('the lease to be free again', async () => (await outbox.db.client.query(LEASE)).rows.length === 0);
  }
});

/** Takes connections and never says a word, as a firewall or a frozen broker does. */
async function silentServer(t: {
  after(fn: () => void): void;
}): Promise<{ readonly address: string; readonly connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  return {
    address: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    connections: () => connections,
  };
}
