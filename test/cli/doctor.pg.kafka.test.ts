/**
 * `millrace doctor` on real servers: each cause is made on purpose, has to be the first thing that is said, and nothing
 * may have changed in database or Kafka.
 */
import assert from 'node:assert/strict';
import { type TestContext, after, before, test } from 'node:test';
import pg from 'pg';
import { freePort } from '../../src/demo/free-port.ts';
import { edgeFor } from '../support/edge.ts';
import { doctor } from '../../src/cli/doctor.ts';
import { Patient, type Examined } from '../support/patient.ts';
import { startMillrace } from '../support/process.ts';
import { freshName, waitFor } from '../support/servers.ts';
import { startProxy } from '../support/tcp-proxy.ts';

let patient: Patient;
before(async () => {
  patient = await Patient.create();
});
after(() => patient.dispose());

/** Brought to work once: publication, slot, topics and position are there, and no instance runs. */
async function worked(t: TestContext): Promise<Patient> {
  const one = await Patient.create();
  t.after(() => one.dispose());
  await one.hasWorked();
  return one;
}

const first = ({ diagnoses }: Examined): string =>
  `${diagnoses[0]?.level} ${diagnoses[0]?.area}: ${diagnoses[0]?.text}`;
const said = ({ diagnoses }: Examined, pattern: RegExp): Examined['diagnoses'][number] => {
  const found = diagnoses.find(({ level, area, text }) => pattern.test(`${level} ${area}: ${text}`));
  assert.ok(
    found,
    `${String(pattern)} in\n${diagnoses.map(({ level, area, text }) => `${level} ${area}: ${text}`).join('\n')}`,
  );
  return found;
};

test('beside a running connector nothing is wrong, and what is fine can be listed', async (t) => {
  const one = await worked(t);
  const run = await startMillrace(one.outbox.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  // On a machine that is busy with other tests a look may come just while the position stands still.
  const examined = await waitFor('nothing to be wrong', async () => {
    const each = await one.examine({}, { watchSeconds: 2, moving: true });
    return each.diagnoses.every(({ level }) => level === 'ok') && each;
  });
  assert.equal(examined.code, 0);
  const areas = new Set(examined.diagnoses.map(({ area }) => area));
  assert.deepEqual(
    [...areas].sort(),
    [
      'database',
      'kafka',
      'server',
      'rights',
      'position',
      'slot',
      'publication',
      'table',
      'topic',
      'transaction',
      'lease',
      'clock',
    ].sort(),
  );
  said(examined, /^ok lease: the lease is held by process \d+ \("millrace\/.* from 127\.0\.0\.1, since 20/);
  const words = await waitFor('nothing to be said', async () => {
    const edge = edgeFor([one.file(), '--watch-seconds', '0']);
    assert.equal(await doctor(edge), 0, edge.text());
    return edge.text().includes('nothing is wrong') && edge.text();
  });
  assert.match(words, /^connector ".*": nothing is wrong\n {2}fine {5}\d+ findings about .* \(--all lists them\)\n$/);
  const colours = edgeFor([one.file(), '--watch-seconds', '0', '--all'], { terminal: true });
  assert.equal(await doctor(colours), 0);
  assert.ok(colours.text().includes('\u001b[32mok'));
});

test('a frozen instance, and one that was never started, are told apart', async (t) => {
  const never = await patient.examine();
  assert.match(first(never), /^broken lease: no instance of the connector runs/);
  said(never, /^warning position: no position is stored: the connector has never got as far/);
  const one = await worked(t);
  const run = await startMillrace(one.outbox.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  run.child.kill('SIGSTOP');
  await one.outbox.insert(1000, 10);
  // The server ends the session after 15 s; from 12 s on it counts as frozen, later its walsender gives it away.
  const frozen = await waitFor('the instance to count as frozen', async () => {
    const examined = await one.examine({}, { watchSeconds: 0, moving: true });
    return /frozen/.test(first(examined)) && examined;
  });
  assert.equal(frozen.code, 1);
  run.child.kill('SIGCONT');
});

const PLAIN_TEXT_PASSWORD = 'wrong-pa55word-0815';
for (const [what, over, expected, remedy] of [
  [
    'a wrong password',
    { 'database.password': PLAIN_TEXT_PASSWORD },
    /^broken database: .*the password for user "postgres" is wrong/,
    /database\.password/,
  ],
  [
    'no password',
    { 'database.password': undefined },
    /^broken database: .*asks for a password, and none is configured/,
    /database\.password/,
  ],
  [
    'a database that is not there',
    { 'database.dbname': 'nowhere' },
    /^broken database: .*there is no database "nowhere"/,
    /database\.dbname/,
  ],
  [
    'TLS that the server has not',
    { 'database.sslmode': 'require' },
    /^broken database: .*database\.sslmode=require wants TLS, and the server has none/,
    /ssl = on/,
  ],
  [
    'a host that nobody knows',
    { 'database.hostname': 'database.invalid' },
    /^broken database: .*the name "database\.invalid" is not known/,
    /getent hosts/,
  ],
  [
    'no socket',
    { 'database.hostname': '/nowhere' },
    /^broken database: .*there is no socket \/nowhere/,
    /unix_socket_directories/,
  ],
  [
    'Kafka with TLS',
    { 'kafka.security.protocol': 'SSL' },
    /^broken kafka: .*is a port without TLS, and the configuration wants TLS/,
    /PLAINTEXT/,
  ],
  [
    'Kafka with SASL',
    {
      'kafka.security.protocol': 'SASL_PLAINTEXT',
      'kafka.sasl.username': 'u',
      'kafka.sasl.password': PLAIN_TEXT_PASSWORD,
    },
    /^broken kafka: .*does not use SASL on that port/,
    /security\.protocol/,
  ],
  [
    'a broker that nobody knows',
    { 'kafka.bootstrap.servers': 'broker.invalid:9092' },
    /^broken kafka: .*the name "broker\.invalid" is not known/,
    /getent/,
  ],
] as const) {
  test(`${what} is named, and the other server is looked at all the same`, async () => {
    const examined = await patient.examine(over);
    assert.equal(examined.code, 1);
    assert.match(first(examined), expected);
    assert.match(examined.diagnoses[0]?.remedy ?? '', remedy);
    const other = expected.source.includes('database:') ? /^ok kafka: reached/ : /^ok database: reached/;
    said(examined, other);
    assert.ok(!examined.output.includes(PLAIN_TEXT_PASSWORD));
  });
}

test('nobody listening, silence and a closed door are told apart, and take no longer than 20 s together', {
  timeout: 60_000,
}, async (t) => {
  const nobody = await patient.examine({
    'database.port': await freePort(),
    'kafka.bootstrap.servers': `127.0.0.1:${await freePort()}`,
  });
  assert.match(first(nobody), /^broken database: .*nothing listens at 127\.0\.0\.1:\d+: the connection is refused/);
  said(nobody, /^broken kafka: .*nothing listens at/);
  const server = patient.server;
  const [database, broker] = [await startProxy(server), await startProxy(server)];
  t.after(() => Promise.all([database.close(), broker.close()]));
  database.freeze();
  broker.freeze();
  const startedAt = Date.now();
  const silent = await patient.examine({
    'database.port': database.port,
    'kafka.bootstrap.servers': `127.0.0.1:${broker.port}`,
  });
  assert.ok(Date.now() - startedAt < 20_000, `${Date.now() - startedAt} ms`);
  said(silent, /^broken kafka: .*takes the connection and says nothing/);
  said(silent, /^broken database: .*takes the connection and then says nothing/);
  const stranger = await patient.examine({ 'kafka.bootstrap.servers': `127.0.0.1:${server.port}` });
  assert.match(first(stranger), /^broken kafka: .*(ends it at the first request|says nothing)/);
});

test('one bootstrap server of two that is away is a warning', async () => {
  const { bootstrap } = patient.outbox;
  const examined = await patient.examine({ 'kafka.bootstrap.servers': `127.0.0.1:${await freePort()},${bootstrap}` });
  said(examined, /^warning kafka: bootstrap server: nothing listens/);
  said(examined, /^ok kafka: reached Kafka/);
});

test('rights that are missing in the database, each with its statement', async (t) => {
  const role = freshName('doctor');
  const { client } = patient.outbox.db;
  await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'pa55word-x'`);
  t.after(() => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
  const over = { 'database.user': role, 'database.password': 'pa55word-x' };
  const unable = await patient.examine(over);
  assert.match(first(unable), /^broken rights: .*role ".*" may not replicate/);
  assert.equal(unable.diagnoses[0]?.remedy, `ALTER ROLE "${role}" REPLICATION`);
  assert.equal(
    said(unable, /^broken rights: .*may not create a publication/).remedy,
    `GRANT CREATE ON DATABASE "${patient.outbox.db.name}" TO "${role}"`,
  );
  assert.equal(
    said(unable, /^broken rights: .*does not own public\.outbox/).remedy,
    `ALTER TABLE public.outbox OWNER TO "${role}"`,
  );
  await client.query(`ALTER ROLE ${role} NOLOGIN`);
  assert.match(first(await patient.examine(over)), /not permitted to log in/);
});

test('a slot in use by somebody else: who he is', async (t) => {
  const one = await worked(t);
  const server = one.server;
  const stranger = new pg.Client({
    ...server,
    database: one.outbox.db.name,
    replication: 'database',
    application_name: 'Debezium Streaming',
  } as pg.ClientConfig);
  stranger.on('error', () => {});
  await stranger.connect();
  t.after(() => stranger.end().catch(() => {}));
  void stranger
    .query(`START_REPLICATION SLOT "${one.slot}" LOGICAL 0/0 (proto_version '1', publication_names '"${one.slot}"')`)
    .catch(() => {});
  await waitFor(
    'the slot to be in use',
    async () =>
      (await one.outbox.db.client.query('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [one.slot]))
        .rows.length > 0,
  );
  const examined = await one.examine();
  assert.match(
    first(examined),
    /^broken slot: slot ".*" is in use by process \d+ with application_name "Debezium Streaming", role postgres from 127\.0\.0\.1, since 20.*, which is not this connector/,
  );
  (stranger as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
});

test('a slot that is gone, re-created, or ahead of what Kafka holds', async (t) => {
  const one = await worked(t);
  const { client } = one.outbox.db;
  await client.query("SELECT pg_logical_emit_message(true, 'x', 'y')");
  await client.query('SELECT pg_replication_slot_advance($1, pg_current_wal_flush_lsn())', [one.slot]);
  assert.match(first(await one.examine()), /^broken slot: slot ".*" confirms .*, beyond the stored position/);
  await client.query('SELECT pg_drop_replication_slot($1)', [one.slot]);
  assert.match(first(await one.examine()), /^broken slot: slot ".*" does not exist any more/);
  await client.query("SELECT pg_create_logical_replication_slot($1, 'test_decoding')", [one.slot]);
  assert.match(first(await one.examine()), /^broken slot: .*plugin test_decoding/);
});

test('the publication: gone, without a table, without inserts, with a filter, without a column', async (t) => {
  const one = await worked(t);
  const { client } = one.outbox.db;
  const publication = `"${one.slot}"`;
  await client.query(`ALTER PUBLICATION ${publication} SET TABLE outbox WHERE (aggregatetype = 'none')`);
  const filtered = await one.examine();
  assert.equal(
    said(filtered, /^warning publication: .*row filter for public\.outbox: .*none/).remedy,
    `ALTER PUBLICATION ${publication} SET TABLE public.outbox`,
  );
  await client.query(`ALTER PUBLICATION ${publication} SET TABLE outbox (id, aggregatetype, aggregateid)`);
  assert.match(
    first(await one.examine()),
    /^broken publication: .*column list for public\.outbox without payload, type/,
  );
  await client.query(
    `ALTER PUBLICATION ${publication} SET TABLE outbox; ALTER PUBLICATION ${publication} SET (publish = 'delete')`,
  );
  assert.match(first(await one.examine()), /^broken publication: .*does not publish inserts/);
  await client.query(
    `ALTER PUBLICATION ${publication} SET (publish = 'insert'); ALTER PUBLICATION ${publication} DROP TABLE outbox`,
  );
  assert.match(
    first(await one.examine({ 'publication.autocreate.mode': 'disabled' })),
    /^broken publication: .*does not cover public\.outbox/,
  );
  said(await one.examine(), /^warning publication: .*the next start adds them/);
  await client.query(`DROP PUBLICATION ${publication}`);
  assert.match(first(await one.examine()), /^broken publication: .*does not exist any more/);
});

test('the outbox table: gone, unlogged, a view, without a column, with a rule or a disabled trigger', async (t) => {
  const one = await Patient.create();
  t.after(() => one.dispose());
  const { client } = one.outbox.db;
  await client.query(`
    CREATE TABLE orders (n int);
    CREATE FUNCTION announce() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO outbox VALUES (gen_random_uuid(), 'order', '1', 'Created', '{}'); RETURN NEW; END $$;
    CREATE TRIGGER announce AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION announce();
    ALTER TABLE orders DISABLE TRIGGER announce;
    CREATE RULE away AS ON INSERT TO outbox DO INSTEAD NOTHING;
    ALTER TABLE outbox ALTER aggregatetype DROP NOT NULL`);
  const odd = await one.examine();
  assert.equal(
    said(odd, /^warning table: trigger announce on orders, .* is disabled/).remedy,
    'ALTER TABLE orders ENABLE TRIGGER announce',
  );
  said(odd, /^warning table: rule "away" on public\.outbox/);
  said(odd, /^warning table: column "aggregatetype" of public\.outbox may be NULL/);
  await client.query('DROP RULE away ON outbox; ALTER TABLE outbox RENAME payload TO content');
  assert.match(
    first(await one.examine()),
    /^broken table: public\.outbox has no column "payload" \(table\.field\.event\.payload\); it has id, /,
  );
  await client.query('ALTER TABLE outbox RENAME content TO payload; ALTER TABLE outbox SET UNLOGGED');
  const unlogged = await one.examine();
  assert.match(
    first(unlogged),
    /^broken table: public\.outbox, .* is an unlogged table: its rows are never written to the log/,
  );
  assert.equal(unlogged.diagnoses[0]?.remedy, 'ALTER TABLE public.outbox SET LOGGED');
  await client.query('DROP TABLE outbox; CREATE VIEW outbox AS SELECT * FROM orders');
  assert.match(first(await one.examine()), /^broken table: public\.outbox, .* is a view/);
  await client.query('DROP VIEW outbox');
  assert.match(first(await one.examine()), /^broken publication: table\.include\.list matches no table/);
});

test('a transaction that was left open holds the log, and the creation of a slot', async (t) => {
  const one = await Patient.create();
  t.after(() => one.dispose());
  const server = one.server;
  const open = new pg.Client({ ...server, database: one.outbox.db.name, application_name: 'forgotten-job' });
  open.on('error', () => {});
  await open.connect();
  await open.query("BEGIN; INSERT INTO outbox VALUES (gen_random_uuid(), 'order', '1', 'Created', '{}')");
  const examined = await waitFor('the transaction to be old', async () => {
    const each = await one.examine({}, { watchSeconds: 0 });
    return /forgotten-job/.test(first(each)) && each;
  });
  assert.match(
    first(examined),
    /^broken slot: the transaction of process \d+ \("forgotten-job", role postgres, idle in transaction\) is open since 20.* and has written/,
  );
  assert.match(examined.diagnoses[0]?.remedy ?? '', /^SELECT pg_terminate_backend\(\d+\)$/);
  await open.end();
});

test('the lease number in use by another program', async (t) => {
  const { leaseLock } = await import('../../src/source/postgres/lease.ts');
  const { classId, objectId } = leaseLock(patient.outbox.connector.name);
  const server = patient.server;
  const other = new pg.Client({ ...server, database: patient.outbox.db.name, application_name: 'billing' });
  await other.connect();
  t.after(() => other.end());
  await other.query('SELECT pg_advisory_lock($1, $2)', [classId, objectId | 0]);
  assert.match(
    first(await patient.examine()),
    /^broken lease: advisory lock .* is held by process \d+ \("billing".*which is not Millrace/,
  );
});

test('a position of another system, beyond the log, or that stands still', async (t) => {
  const one = await worked(t);
  await one.outbox.insert(1000, 10);
  const stopped = await one.examine({}, { watchSeconds: 1 });
  assert.match(first(stopped), /^broken lease: no instance of the connector runs/);
  said(
    stopped,
    /^warning position: stored position .* by claim 1 of host .* behind the end of the log .* did not move within 1 s/,
  );
  const stored = await one.position();
  await one.store({ ...stored, lsn: 'FFFF/0' });
  assert.match(
    first(await one.examine()),
    /^broken position: the stored position FFFF\/0 lies beyond the server's log/,
  );
  await one.store({ ...stored, timeline: 7 });
  assert.match(first(await one.examine()), /^broken position: .* on time line 7 is not in the history/);
  await one.store({ ...stored, system: '4711' });
  assert.match(first(await one.examine()), /^broken position: the stored position belongs to the database system 4711/);
});

test('topics: a policy that deletes positions, sizes, creation off', async (t) => {
  const one = await worked(t);
  const name = one.outbox.connector.name;
  await one.alterTopic(one.outbox.topic, { 'max.message.bytes': '1000' });
  const small = await one.examine();
  assert.equal(
    said(small, /^warning topic: topic ".*" takes records of 1000 bytes at most/)
      .remedy?.split(' ')
      .at(-1),
    'max.message.bytes=1000000',
  );
  await one.alterTopic(one.outbox.topic, { 'min.insync.replicas': '2' });
  assert.match(
    first(await one.examine()),
    /^broken topic: topic ".*order" takes no records in partition 0, 1, 2: min\.insync\.replicas=2, and 1 of 1 replicas are in sync/,
  );
  await one.alterTopic(one.outbox.topic, { 'min.insync.replicas': '1' });
  await one.alterTopic(`${name}-offsets`, { 'cleanup.policy': 'delete' });
  const deleting = await one.examine();
  assert.match(first(deleting), /^broken topic: offsets topic ".*" has cleanup\.policy=delete, expected compact/);
  assert.match(deleting.diagnoses[0]?.remedy ?? '', /^kafka-configs\.sh --alter .* cleanup\.policy=compact$/);
  const off = await one.examine({
    'topic.creation.enable': false,
    'transforms.o.route.topic.replacement': 'nothing.such.${routedByValue}',
  });
  said(off, /^broken topic: no topic such as "nothing\.such\.example" exists, and topic\.creation\.enable is false/);
  const long = await one.examine({ 'kafka.transaction.timeout.ms': 3_600_000 });
  said(long, /^broken transaction: kafka\.transaction\.timeout\.ms is 3600000, and the brokers take 900000/);
});

test("somebody else's open transaction on our topics is named, with how to end it", async (t) => {
  const one = await worked(t);
  const release = await one.openTransaction('shop-relay', one.outbox.topic);
  t.after(release);
  const examined = await one.examine();
  const found = said(
    examined,
    /^warning transaction: an open transaction of "shop-relay" \(producer id \d+\) ends what committed readers see of topic ".*order" partition 0/,
  );
  assert.match(found.remedy ?? '', /forceTerminateTransaction --transactional-id shop-relay/);
});

test('mistakes of configuration and of usage', async () => {
  const wrong = await patient.examine({ 'slot.nam': 'x' });
  assert.equal(wrong.code, 2);
  assert.match(first(wrong), /^broken configuration: .*slot\.nam.*did you mean "slot\.name"/);
  for (const args of [[], ['--watch-seconds', 'soon', 'x.json'], ['--wach-seconds', '1', 'x.json']]) {
    await assert.rejects(
      doctor(edgeFor(args)),
      (error) => error instanceof Error && 'kind' in error && error.kind === 'config',
    );
  }
  const help = edgeFor(['--help']);
  assert.equal(await doctor(help), 0);
  assert.match(help.text(), /millrace doctor connectors\/postgres-outbox\.json[^]*Exit codes: 0 nothing keeps/);
});
