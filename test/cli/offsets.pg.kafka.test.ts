/** `millrace offsets` on real servers: what it shows, what it refuses, and what the next start makes of it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, after, test } from 'node:test';
import { offsets } from '../../src/cli/offsets.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { MillraceError } from '../../src/errors.ts';
import { millrace } from '../support/command.ts';
import { type TestEdge, edgeFor } from '../support/edge.ts';
import { type Outbox, freshOutbox, upTo } from '../support/outbox.ts';
import { keepOutput } from '../support/output.ts';
import { startMillrace } from '../support/process.ts';
import { committed, freshDatabase, postgres, waitFor } from '../support/servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-offsets-'));
after(() => rmSync(folder, { recursive: true }));

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const ESCAPE = '\u001b';

type Connector = Outbox['connector'];

function fileOf(connector: Connector): string {
  const path = join(folder, `${connector.name}.json`);
  writeFileSync(path, JSON.stringify(connector));
  return path;
}

async function command(
  args: readonly string[],
  options: { answer?: string; terminal?: boolean } = {},
): Promise<TestEdge & { code: number }> {
  const edge = edgeFor(args, options);
  return { ...edge, code: await offsets(edge) };
}

const refusal =
  (pattern: RegExp, kind = 'refused') =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MillraceError, String(error));
    assert.match(error.message, pattern);
    assert.equal(error.kind, kind);
    return true;
  };

interface View {
  readonly position: { readonly lsn: string; readonly ordinal: number; readonly system: string } | null;
  readonly writtenAt: string | null;
  readonly claim: { readonly number: number; readonly intent: string; readonly version: string } | null;
  readonly database: {
    readonly reachable: boolean;
    readonly problem?: string;
    readonly lagBytes: number | null;
    readonly slot: { readonly confirmedLsn: string; readonly activePid: number | null } | null;
    readonly leaseHolder: string | null;
  };
}

async function view(path: string): Promise<View> {
  const { text } = await command(['show', path, '--json']);
  const [first] = JSON.parse(text()) as View[];
  assert.ok(first);
  return first;
}

/** Runs the connector until so many records are there, then stops it in good order. */
async function deliver(t: TestContext, outbox: Outbox, records: number): Promise<void> {
  const run = await startMillrace(outbox.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  await waitFor(`${records} records`, async () => (await delivered(outbox)).length >= records);
  run.child.kill('SIGTERM');
  await run.exited;
}

/** What a run without new rows does: it is running, and ends. */
async function startAndStop(t: TestContext, outbox: Outbox): Promise<void> {
  await deliver(t, outbox, 0);
}

/** Repeats included, where `outbox.numbers` takes them for a failure. */
async function delivered(outbox: Outbox): Promise<number[]> {
  const records = await committed(outbox.bootstrap, outbox.topic).catch(() => []);
  return records.map(({ value }) => (JSON.parse(String(value)) as { n: number }).n).sort((a, b) => a - b);
}

const slotOf = ({ connector }: Outbox): string => `millrace_${connector.name}`;

async function endOfLog({ db }: Outbox): Promise<string> {
  const { rows } = await db.client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return rows[0]?.lsn ?? '';
}

test('show: before the first start, while running, afterwards, and without a database', async (t) => {
  const outbox = await freshOutbox(t);
  const path = fileOf(outbox.connector);
  const before = await command(['show', path]);
  assert.equal(before.code, 0);
  assert.match(
    before.text(),
    /position +none: topic ".*-offsets" does not exist yet\n.*\n +slot +"millrace_outbox_\w+" does not exist\n +lease +free/,
  );
  assert.ok(!before.text().includes(ESCAPE));

  const run = await startMillrace(outbox.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  await outbox.insert(1, 5);
  await waitFor('5 records', async () => (await outbox.numbers()).length >= 5);
  const running = await command(['show', path], { terminal: true });
  assert.ok(running.text().startsWith(`${ESCAPE}[1mconnector`));
  const plain = (await command(['show', path])).text();
  for (const expected of [
    /position +[0-9A-F]+\/[0-9A-F]+, ordinal 0 \(between transactions\), last commit \d{4}-\d\d-\d\dT[\d:.]+Z/,
    /written +\d{4}-\d\d-\d\dT[\d:.]+Z, \d+ s ago/,
    /by +claim 1: host \S+, Millrace \d+\.\d+\.\d+, transactional\.id millrace-outbox_/,
    /for +database test_\w+, system \d+, time line 1, slot millrace_outbox_/,
    /lag +\d+ bytes: the server's log ends at/,
    /slot +millrace_outbox_\w+, confirmed [0-9A-F/]+, wal_status reserved, in use by process \d+/,
    /lease +held by process \d+ with application_name "millrace\/outbox_/,
  ]) {
    assert.match(plain, expected);
  }
  run.child.kill('SIGTERM');
  await run.exited;
  const ended = await view(path);
  assert.ok(ended.position && ended.claim && ended.writtenAt && ended.database.slot);
  assert.deepEqual([ended.claim.number, ended.database.leaseHolder, ended.database.slot.activePid], [1, null, null]);
  assert.ok(Number(ended.database.lagBytes) >= 0);

  const away = { ...outbox.connector, config: { ...outbox.connector.config, 'database.port': await freePort() } };
  const unreachable = await command(['show', fileOf(away)]);
  assert.equal(unreachable.code, 0);
  assert.match(unreachable.text(), /position +[0-9A-F]+\/[^]*database +cannot connect to PostgreSQL/);
});

test('set and reset refuse while an instance runs, and while a standby has taken over', async (t) => {
  const outbox = await freshOutbox(t);
  const path = fileOf(outbox.connector);
  const run = await startMillrace(outbox.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  await outbox.insert(1, 3);
  await waitFor('3 records', async () => (await outbox.numbers()).length >= 3);
  const held =
    /^connector ".*" is running: its lease is held by process \d+ with application_name "millrace\/.*". Stop every instance/;
  await assert.rejects(command(['reset', path, '--yes']), refusal(held));
  await assert.rejects(command(['set', path, '--lsn', await endOfLog(outbox), '--yes']), refusal(held));
  const apart = millrace(['offsets', 'reset', path, '--yes']);
  assert.equal(await apart.ended, 1);
  assert.match(apart.stderr(), held);
  await outbox.insert(4, 3);
  await waitFor('6 records', async () => (await outbox.numbers()).length >= 6);
  assert.deepEqual(await outbox.numbers(), upTo(6), 'nothing was disturbed');
  run.child.kill('SIGTERM');
  await run.exited;
  assert.equal((await view(path)).claim?.number, 1, 'nobody fenced it');
});

test('a lease that is taken between the question and the answer is respected', async (t) => {
  const outbox = await freshOutbox(t);
  const path = fileOf(outbox.connector);
  await outbox.insert(1, 1);
  await startAndStop(t, outbox);
  const edge = edgeFor(['reset', path], { answer: 'y' });
  const late: TestEdge = {
    ...edge,
    ask: async () => {
      const run = await startMillrace(outbox.connector);
      t.after(() => run.child.kill('SIGKILL'));
      await run.reaches('running');
      return 'y';
    },
  };
  await assert.rejects(offsets(late), refusal(/is running: its lease is held by/));
  assert.notEqual((await view(path)).position, null);

  const passing = await freshOutbox(t);
  const other = fileOf(passing.connector);
  await startAndStop(t, passing);
  const overtaken: TestEdge = {
    ...edgeFor(['reset', other], { answer: 'y' }),
    ask: async () => {
      await startAndStop(t, passing);
      return 'y';
    },
  };
  await assert.rejects(offsets(overtaken), refusal(/has moved since it was shown.*Nothing was changed/));
  assert.notEqual((await view(other)).position, null);
});

test('reset with the slot: the start goes on at what the slot has confirmed, as foretold', async (t) => {
  const outbox = await freshOutbox(t);
  const path = fileOf(outbox.connector);
  await startAndStop(t, outbox);
  await outbox.insert(1, 4);
  await deliver(t, outbox, 4);
  const stood = await view(path);
  const refused = await command(['reset', path], { answer: 'no' });
  assert.equal(refused.code, 1);
  assert.match(refused.text(), /Do it\? \[y\/N\] no\nNothing was changed\.\n$/);
  await assert.rejects(command(['reset', path]), refusal(/nobody can be asked here\. Give --yes/, 'config'));
  assert.deepEqual((await view(path)).position, stood.position);

  const done = await command(['reset', path], { answer: 'y' });
  assert.equal(done.code, 0, done.text());
  assert.match(
    done.text(),
    new RegExp(`Slot "${slotOf(outbox)}" exists: the next start goes on at ${stood.database.slot?.confirmedLsn}`),
  );
  const reset = await view(path);
  assert.deepEqual([reset.position, reset.claim?.intent], [null, slotOf(outbox)]);
  await assert.rejects(command(['reset', path, '--yes']), refusal(/holds no position .* nothing to reset/));

  await outbox.insert(5, 4);
  await deliver(t, outbox, 8);
  const numbers = await delivered(outbox);
  assert.deepEqual([...new Set(numbers)], upTo(8), 'nothing is missing');
  if (/Nothing is repeated/.test(done.text())) assert.deepEqual(numbers, upTo(8));
});

test('reset without the slot: the start makes a new one and skips what was committed in between, as foretold', async (t) => {
  const outbox = await freshOutbox(t);
  const path = fileOf(outbox.connector);
  await startAndStop(t, outbox);
  await outbox.insert(1, 4);
  await deliver(t, outbox, 4);
  await outbox.db.client.query('SELECT pg_drop_replication_slot($1)', [slotOf(outbox)]);
  await outbox.insert(100, 5);
  const stood = await view(path);
  assert.equal(stood.database.slot, null);
  await assert.rejects(
    command(['set', path, '--lsn', await endOfLog(outbox), '--yes']),
    refusal(/does not exist: a position without a slot/),
  );
  const done = millrace(['offsets', 'reset', path, '--yes']);
  assert.equal(await done.ended, 0, done.stderr());
  assert.match(
    done.stdout(),
    /does not exist: the next start creates it[^]*committed between [0-9A-F/]+ and that start is skipped[^]*done/,
  );
  const run = await startMillrace(outbox.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  await outbox.insert(5, 4);
  await waitFor('8 records', async () => (await outbox.numbers()).length >= 8);
  run.child.kill('SIGTERM');
  await run.exited;
  assert.deepEqual(await outbox.numbers(), upTo(8));
});

test('set ahead skips, and what the server cannot give is refused', async (t) => {
  const outbox = await freshOutbox(t);
  const path = fileOf(outbox.connector);
  await startAndStop(t, outbox);
  await outbox.insert(1, 4);
  await deliver(t, outbox, 4);
  const { position } = await view(path);
  await outbox.insert(100, 5);
  const behind = await endOfLog(outbox);
  await outbox.insert(5, 2);
  await assert.rejects(
    command(['set', path, '--lsn', 'FFFFFF/0', '--yes']),
    refusal(/lies beyond the server's log, which ends at/),
  );
  await assert.rejects(
    command(['set', path, '--lsn', '0/1', '--yes']),
    refusal(/lies before .*, which slot ".*" has confirmed/),
  );
  await assert.rejects(command(['set', path, '--lsn', '12', '--yes']), refusal(/^--lsn: "12" is not an LSN/, 'config'));
  const same = await command(['set', path, '--lsn', String(position?.lsn), '--yes']);
  assert.match(same.text(), /Nothing is repeated and nothing skipped/);
  const skipped = new RegExp(
    `SKIPPED: what was committed between ${position?.lsn} and ${behind} \\(\\d+ bytes of log\\) is never sent`,
  );
  const done = await command(['set', path, '--lsn', behind, '--yes']);
  assert.match(done.text(), skipped);
  await command(['set', path, '--lsn', String(position?.lsn), '--yes']);
  const again = JSON.parse((await command(['set', path, '--lsn', behind, '--yes', '--json'])).text()) as {
    connector: string;
    change: object;
    says: string[];
  };
  assert.deepEqual([again.connector, again.change], [outbox.connector.name, { lsn: behind }]);
  assert.match(again.says.join('\n'), skipped);
  assert.deepEqual((await view(path)).position?.lsn, behind);
  await deliver(t, outbox, 6);
  assert.deepEqual(await outbox.numbers(), upTo(6));
});

test('set back to where the slot still is repeats what lies between', async (t) => {
  const outbox = await freshOutbox(t);
  const path = fileOf(outbox.connector);
  await startAndStop(t, outbox);
  const start = await view(path);
  await outbox.insert(1, 4);
  // Ends after the commit and before it is acknowledged: the slot stays where it was.
  const killed = await startMillrace(outbox.connector, { MILLRACE_FAILPOINT: 'before-ack' });
  assert.equal((await killed.exited).signal, 'SIGKILL');
  assert.deepEqual(await delivered(outbox), upTo(4));
  const back = String(start.database.slot?.confirmedLsn);
  await waitFor('the lease to be free', async () => (await view(path)).database.leaseHolder === null);
  const done = await command(['set', path, '--lsn', back, '--yes']);
  assert.match(done.text(), new RegExp(`REPEATED, though delivered before: what was committed between ${back} and `));
  await deliver(t, outbox, 8);
  assert.deepEqual(await delivered(outbox), [1, 1, 2, 2, 3, 3, 4, 4]);
});

test('reset gives a name to another database, but never a slot of unknown origin', async (t) => {
  const outbox = await freshOutbox(t);
  await startAndStop(t, outbox);
  const server = await postgres(14);
  const other = await freshDatabase(server);
  t.after(() => other.drop());
  await other.client.query(
    'CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload jsonb)',
  );
  const slot = slotOf(outbox);
  await other.client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  const moved = {
    ...outbox.connector,
    config: {
      ...outbox.connector.config,
      'database.hostname': server.host,
      'database.port': server.port,
      'database.user': server.user,
      'database.password': server.password,
      'database.dbname': other.name,
    },
  };
  const path = fileOf(moved);
  await assert.rejects(
    command(['set', path, '--lsn', '0/1', '--yes']),
    refusal(/no claim of connector ".*" announced it/),
  );
  const done = await command(['reset', path, '--yes']);
  assert.match(
    done.text(),
    /The next start will refuse slot ".*", which no claim of this connector in this database announced/,
  );
  assert.equal((await view(path)).claim?.intent, '');
  for (const attempt of ['first', 'second']) {
    const run = await startMillrace(moved);
    t.after(() => run.child.kill('SIGKILL'));
    assert.equal((await run.exited).code, 1, `the ${attempt} start: ${run.log()}`);
    assert.match(run.log(), /exists, but Kafka holds no position/);
  }
});

test('on a terminal it asks: no and Ctrl-C change nothing, yes does it', async (t) => {
  const outbox = await freshOutbox(t);
  const path = fileOf(outbox.connector);
  await startAndStop(t, outbox);
  for (const [answer, code, stored] of [
    ['n\r', 1, true],
    ['\u0003', 1, true],
    ['yes\r', 0, false],
  ] as const) {
    const line = `${process.execPath} ${MAIN} offsets reset ${path}`;
    const child = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    keepOutput(child, 'terminal');
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await waitFor('the question', async () => text.includes('Do it? [y/N]'));
    child.stdin.write(answer);
    assert.equal(await ended, code, text);
    assert.match(text, stored ? /Nothing was changed/ : /the position is taken back/);
    assert.equal((await view(path)).position !== null, stored);
  }
});

test('mistakes of usage are said before anything is opened', async () => {
  const path = fileOf({
    name: 'nowhere',
    config: {
      'connector.class': 'postgres',
      'database.hostname': 'localhost',
      'database.user': 'u',
      'database.dbname': 'd',
      transforms: 'o',
      'transforms.o.type': 'outbox',
      'kafka.bootstrap.servers': '127.0.0.1:1',
    },
  });
  for (const [args, expected] of [
    [[], /^show, set or reset\?/],
    [['rest', path], /^there is no "offsets rest"; did you mean "reset"\?/],
    [['show'], /^which connector\?/],
    [['set', path], /^set needs --lsn LSN/],
    [['reset', path, '--lsn', '0/1'], /^--lsn goes with set/],
    [['set', path, '--lsn', '0/1', '--json'], /^set --json asks nobody: it needs --yes/],
    [['show', path, '--yes'], /^--yes goes with set and reset/],
    [['show', path, '--connector', 'x'], /^--connector: there is no connector "x" in these files, only nowhere/],
  ] as const) {
    await assert.rejects(command(args), refusal(expected, 'config'));
  }
  assert.match((await command(['--help'])).text(), /Exit codes: 0 done, 1 refused/);
});
