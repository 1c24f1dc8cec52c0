/**
 * What `millrace run` refuses, one by one, as a user meets it: the message says what, where, what was expected, and what
 * to do; `plan` and `doctor` say it too; and database and Kafka are as they were: no publication, slot, topic, claim or
 * position is left behind.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { type TestContext, after, test } from 'node:test';
import pg from 'pg';
import { plan } from '../../src/cli/plan.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { startPostgres } from '../../src/demo/postgres-server.ts';
import { millrace } from '../support/command.ts';
import { edgeFor } from '../support/edge.ts';
import { Patient } from '../support/patient.ts';
import { USER, startSecureKafka } from '../support/secure-kafka.ts';
import { stateOfServers } from '../support/server-state.ts';
import { freshDatabase, freshName, waitFor } from '../support/servers.ts';

type Over = Readonly<Record<string, unknown>>;
const SECRET = 'not-the-pa55word-4711';

interface Refusal {
  readonly kind: string;
  readonly message: RegExp;
  /** Where `doctor` says it in other words. */
  readonly diagnosis?: RegExp;
  /** It is tried again: the process goes on. */
  readonly retried?: boolean;
}

/** Runs the connector, plans it and examines it; all of them have to say it and to change nothing. */
async function refuses(
  one: Patient,
  over: Over,
  { kind, message, diagnosis = message, retried = false }: Refusal,
): Promise<void> {
  const before = await stateOfServers(one.outbox);
  const file = one.file(over);
  const run = millrace(['run', file, '--http', '127.0.0.1:0']);
  try {
    if (retried) {
      await run.says(message);
      run.child.kill('SIGTERM');
      assert.equal(await run.ended, 0);
    } else assert.equal(await run.ended, 1, run.stderr());
  } finally {
    run.child.kill('SIGKILL');
  }
  const lines = run.stderr().trim().split('\n');
  const line = lines
    .map((each) => JSON.parse(each) as { readonly level: string; readonly kind?: string; readonly msg: string })
    .find((each) => each.level !== 'info' && each.kind === kind && message.test(each.msg));
  assert.ok(line, `"kind":"${kind}" and ${String(message)} in\n${run.stderr()}`);
  assert.deepEqual(await stateOfServers(one.outbox), before, 'run has changed something');

  const edge = edgeFor([file, '--json']);
  assert.equal(await plan(edge), 1, edge.text());
  const [planned] = JSON.parse(edge.text()) as { database: Found[]; kafka: Found[] }[];
  const obstacles = [...(planned?.database ?? []), ...(planned?.kafka ?? [])].filter(
    ({ level }) => level === 'obstacle',
  );
  assert.ok(
    obstacles.some(({ text }) => message.test(text)),
    `${String(message)} in\n${edge.text()}`,
  );
  assert.deepEqual(await stateOfServers(one.outbox), before, 'plan has changed something');

  const examined = await one.examine(over);
  const broken = examined.diagnoses.filter(({ level }) => level === 'broken').map(({ text }) => text);
  assert.ok(
    broken.some((text) => diagnosis.test(text)),
    `${String(diagnosis)} in\n${broken.join('\n')}`,
  );
  for (const said of [run.stderr(), edge.text(), examined.output]) assert.ok(!said.includes(SECRET));
}

interface Found {
  readonly level: string;
  readonly text: string;
}

async function fresh(t: TestContext, of: Parameters<typeof Patient.create>[0] = {}): Promise<Patient> {
  const one = await Patient.create(of);
  t.after(() => one.dispose());
  return one;
}

async function worked(t: TestContext): Promise<Patient> {
  const one = await fresh(t);
  await one.hasWorked();
  return one;
}

test('rights that are missing, one after the other, until it starts', async (t) => {
  const one = await fresh(t);
  const { client, name: database } = one.outbox.db;
  const role = freshName('refused');
  await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${SECRET}'`);
  const over = { 'database.user': role, 'database.password': SECRET };
  const rejected = (message: RegExp, diagnosis = message): Promise<void> =>
    refuses(one, over, { kind: 'database-rejected', message, diagnosis });
  await rejected(/replication|walsender|WAL sender/i, /role ".*" may not replicate/);
  await client.query(`ALTER ROLE ${role} REPLICATION`);
  await rejected(/role ".*" may not create a publication/);
  await client.query(`GRANT CREATE ON DATABASE ${database} TO ${role}`);
  await rejected(/role ".*" does not own public\.outbox/);
  await client.query(`CREATE PUBLICATION "${one.slot}"; ALTER TABLE outbox OWNER TO ${role}`);
  await rejected(/role ".*" does not own the publication/);
  await client.query(`REASSIGN OWNED BY ${role} TO CURRENT_USER; DROP OWNED BY ${role}; DROP ROLE ${role}`);
});

test('a wrong password, and a database that is not there', async (t) => {
  const one = await fresh(t);
  await refuses(
    one,
    { 'database.password': SECRET },
    {
      kind: 'database-rejected',
      message: /password authentication failed.*28P01.*database\.password/,
      diagnosis: /the password for user .* is wrong/,
    },
  );
  await refuses(
    one,
    { 'database.dbname': 'nowhere' },
    {
      kind: 'database-rejected',
      message: /"nowhere" does not exist.*Check database\.dbname/,
      diagnosis: /there is no database "nowhere"/,
    },
  );
});

test('the slot: of unknown origin, in use by a stranger, ahead, re-created, gone', async (t) => {
  const unknown = await fresh(t);
  await unknown.outbox.db.client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [unknown.slot]);
  await refuses(
    unknown,
    {},
    { kind: 'refused', message: /slot ".*" exists, but Kafka holds no position of connector .* Set slot\.adopt=true/ },
  );

  const one = await worked(t);
  const { client, name: database } = one.outbox.db;
  const { host, port, user, password } = one.server;
  const config = {
    host,
    port,
    user,
    password,
    database,
    application_name: 'Debezium Streaming',
    replication: 'database',
  };
  const stranger = new pg.Client(config as pg.ClientConfig);
  stranger.on('error', () => {});
  await stranger.connect();
  // It asks for nothing and confirms nothing: the slot stays as it is.
  stranger
    .query(`START_REPLICATION SLOT "${one.slot}" LOGICAL 0/0 (proto_version '1', publication_names '"${one.slot}"')`)
    .catch(() => {});
  const active = async (): Promise<boolean> =>
    (await client.query('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [one.slot])).rows.length >
    0;
  await waitFor('the slot to be in use', active);
  await refuses(
    one,
    {},
    {
      kind: 'refused',
      message: /slot ".*" is in use by process \d+ with application_name "Debezium Streaming", which is not/,
      diagnosis: /in use by process \d+ with application_name "Debezium Streaming".*which is not this connector/,
    },
  );
  await client.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [
    one.slot,
  ]);
  await waitFor('the slot to be free', async () => !(await active()));

  await one.outbox.insert(100, 5);
  await client.query('SELECT pg_replication_slot_advance($1, pg_current_wal_flush_lsn())', [one.slot]);
  const ahead = {
    kind: 'refused',
    message: /slot ".*" confirms .*, beyond the stored position .* Reset the stored position/,
  } as const;
  await refuses(one, {}, ahead);
  await client.query('SELECT pg_drop_replication_slot($1)', [one.slot]);
  await refuses(
    one,
    {},
    {
      kind: 'refused',
      message: /slot ".*" does not exist any more, but Kafka holds a position .* Reset the stored position/,
    },
  );
  await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [one.slot]);
  await refuses(one, {}, ahead);
});

test('the publication: missing, gone, without inserts, not covering a table, no table at all', async (t) => {
  const one = await fresh(t);
  const { client } = one.outbox.db;
  const disabled = { 'publication.autocreate.mode': 'disabled' };
  await refuses(one, disabled, {
    kind: 'refused',
    message:
      /publication ".*" does not exist and publication\.autocreate\.mode is "disabled"\. Run: CREATE PUBLICATION/,
  });
  await refuses(
    one,
    { 'table.include.list': 'public\\.nope' },
    { kind: 'refused', message: /table\.include\.list matches no table of database/ },
  );
  await client.query(`CREATE PUBLICATION "${one.slot}" WITH (publish = 'delete')`);
  await refuses(
    one,
    {},
    { kind: 'refused', message: /publication ".*" does not publish inserts\. Run: ALTER PUBLICATION/ },
  );
  await client.query(`ALTER PUBLICATION "${one.slot}" SET (publish = 'insert')`);
  await refuses(one, disabled, {
    kind: 'refused',
    message: /publication ".*" does not cover public\.outbox: .*Run: ALTER PUBLICATION .* ADD TABLE/,
  });
  const gone = await worked(t);
  await gone.outbox.db.client.query(`DROP PUBLICATION "${gone.slot}"`);
  await refuses(
    gone,
    {},
    {
      kind: 'refused',
      message: /publication ".*" does not exist any more, but slot ".*" does: .*pg_drop_replication_slot/,
    },
  );
});

test('the position: beyond the log, of another time line, another system, and another database under our name', async (t) => {
  const one = await worked(t);
  const stored = await one.position();
  await one.store({ ...stored, lsn: 'FFFF/0' });
  await refuses(
    one,
    {},
    { kind: 'refused', message: /the stored position FFFF\/0 lies beyond the server's log, which ends at/ },
  );
  await one.store({ ...stored, timeline: 7 });
  await refuses(one, {}, { kind: 'refused', message: /on time line 7 is not in the history of this server/ });
  await one.store({ ...stored, system: '4711' });
  await refuses(
    one,
    {},
    {
      kind: 'refused',
      message: /the stored position belongs to the database system 4711, this server is \d+\. Point the connector/,
    },
  );
  await one.store(stored);
  const other = await freshDatabase(one.server);
  t.after(() => other.drop());
  await other.client.query(
    'CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text, type text, payload jsonb)',
  );
  const before = await stateOfServers({ ...one.outbox, db: other });
  await refuses(
    one,
    { 'database.dbname': other.name },
    { kind: 'refused', message: /the name ".*" belongs to database ".*" of system .*this connector reads/ },
  );
  assert.deepEqual(await stateOfServers({ ...one.outbox, db: other }), before, 'nor in the other database');
});

test('Kafka: an offsets topic that forgets, a topic that is missing, a broker that is not there', async (t) => {
  const one = await worked(t);
  const offsets = `${one.outbox.connector.name}-offsets`;
  await one.alterTopic(offsets, { 'cleanup.policy': 'delete' });
  await refuses(
    one,
    {},
    {
      kind: 'refused',
      message: /offsets topic ".*" has cleanup\.policy=delete, expected compact: .*Run: kafka-configs\.sh/,
    },
  );
  await one.alterTopic(offsets, { 'cleanup.policy': 'compact' });
  const away = { 'kafka.bootstrap.servers': `127.0.0.1:${await freePort()}` };
  await refuses(one, away, {
    kind: 'kafka-unavailable',
    message: /cannot reach Kafka at 127\.0\.0\.1:\d+/,
    diagnosis: /nothing listens at 127\.0\.0\.1:\d+/,
    retried: true,
  });
});

test('a topic that is missing while creation is off stops the connector; neither topic nor position appears', async (t) => {
  const one = await worked(t);
  const before = await one.position();
  const topics = Object.keys((await stateOfServers(one.outbox)).topics);
  await one.outbox.insert(50, 1);
  const run = millrace([
    'run',
    one.file({
      'topic.creation.enable': false,
      'transforms.o.route.topic.replacement': 'nothing.such.${routedByValue}',
    }),
    '--http',
    '127.0.0.1:0',
  ]);
  t.after(() => run.child.kill('SIGKILL'));
  assert.equal(await run.ended, 1);
  assert.match(
    run.stderr(),
    /topic \\"nothing\.such\.order\\" does not exist and topic\.creation\.enable is false\. Create it, or set topic\.creation\.enable=true/,
  );
  assert.match(run.stderr(), /"kind":"kafka-rejected"/);
  assert.deepEqual((await one.position())['lsn'], before['lsn'], 'the row is still to come');
  assert.deepEqual(Object.keys((await stateOfServers(one.outbox)).topics), topics);
});

test('Kafka: a wrong password, and a mechanism that the broker does not take', { timeout: 120_000 }, async (t) => {
  const kafka = await startSecureKafka();
  const one = await Patient.create({ brokers: kafka.bootstrap });
  t.after(async () => {
    await one.dispose();
    await kafka.dispose();
  });
  const sasl = {
    'kafka.security.protocol': 'SASL_PLAINTEXT',
    'kafka.bootstrap.servers': kafka.listeners['SASL_PLAINTEXT'],
    'kafka.sasl.username': USER,
    'kafka.sasl.password': SECRET,
  };
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    await refuses(
      one,
      { ...sasl, 'kafka.sasl.mechanism': mechanism },
      {
        kind: 'kafka-rejected',
        message: /cannot reach Kafka at .*authentication/i,
        diagnosis: /does not accept the user "connector"/,
      },
    );
  }
});

test('the server: a log that decodes nothing, a slot that is lost', { timeout: 120_000 }, async (t) => {
  const plain = await startPostgres({ settings: ['wal_level=replica'] });
  const one = await Patient.create({ server: plain });
  t.after(async () => {
    await one.dispose();
    await plain.dispose();
  });
  await refuses(
    one,
    {},
    {
      kind: 'refused',
      message:
        /wal_level is "replica" on PostgreSQL at .*, expected "logical"\. Run: ALTER SYSTEM SET wal_level = logical/,
    },
  );
  const small = await startPostgres({
    settings: ['max_slot_wal_keep_size=1MB', 'min_wal_size=32MB', 'max_wal_size=32MB', 'wal_keep_size=0'],
  });
  const lost = await Patient.create({ server: small });
  t.after(async () => {
    await lost.dispose();
    await small.dispose();
  });
  await lost.hasWorked();
  const { client } = lost.outbox.db;
  await waitFor('the slot to be lost', async () => {
    await client.query('SELECT pg_switch_wal()');
    await lost.outbox.insert(100, 1);
    await client.query('CHECKPOINT');
    const { rows } = await client.query<{ status: string }>('SELECT wal_status AS status FROM pg_replication_slots');
    return rows[0]?.status === 'lost';
  });
  await refuses(
    lost,
    {},
    { kind: 'refused', message: /slot ".*" is lost: the server removed log it needed .*pg_drop_replication_slot/ },
  );
});

const shared = await Patient.create();
after(() => shared.dispose());

for (const [what, text, message] of [
  ['malformed JSON', '{ "name": "a", "config": { "database.hostname": "x", } }', /:1:\d+: .*JSON|:1:\d+: /],
  [
    'a duplicate key',
    '{ "name": "a", "config": { "slot.name": "x", "slot.name": "y" } }',
    /slot\.name.*(twice|second|again|duplicate)/i,
  ],
  [
    'an unknown key',
    '{ "name": "a", "config": { "slot.nmae": "x" } }',
    /slot\.nmae.* is not a key of this connector; did you mean "slot\.name"\?/,
  ],
] as const) {
  test(`${what} ends every command with exit code 2 and its place in the file`, async () => {
    const before = await stateOfServers(shared.outbox);
    const file = shared.file();
    writeFileSync(file, text);
    for (const command of ['run', 'plan', 'doctor', 'validate'] as const) {
      const ended = millrace([command, file]);
      assert.equal(await ended.ended, 2, `${command}: ${ended.stderr()}${ended.stdout()}`);
      assert.match(ended.stderr() + ended.stdout(), message, command);
      assert.ok((ended.stderr() + ended.stdout()).includes(file), command);
    }
    assert.deepEqual(await stateOfServers(shared.outbox), before);
  });
}

test('two connectors with one name end every command with exit code 2', async () => {
  const before = await stateOfServers(shared.outbox);
  const files = [shared.file(), shared.file({ 'slot.name': 'another' })];
  for (const command of ['run', 'plan', 'doctor', 'validate'] as const) {
    const ended = millrace([command, ...files]);
    assert.equal(await ended.ended, 2, command);
    const said = ended.stderr() + ended.stdout();
    assert.match(said, /the name ".*" is also that of .*: they have to differ/, command);
    for (const file of files) assert.ok(said.includes(file), command);
  }
  assert.deepEqual(await stateOfServers(shared.outbox), before);
});
