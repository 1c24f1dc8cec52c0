/** `millrace plan` on real servers: it finds what a start would find, makes nothing, and its statements remove the obstacles. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { plan } from '../../src/cli/plan.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { MillraceError } from '../../src/errors.ts';
import { edgeFor } from '../support/edge.ts';
import { type Outbox, freshOutbox } from '../support/outbox.ts';
import { startMillrace } from '../support/process.ts';
import { committed, freshName, waitFor } from '../support/servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-plan-'));
after(() => rmSync(folder, { recursive: true }));

interface Found {
  readonly level: string;
  readonly text: string;
  readonly statement: string | null;
}
interface Planned {
  readonly code: number;
  readonly couldRun: boolean;
  readonly database: readonly Found[];
  readonly kafka: readonly Found[];
  readonly obstacles: readonly Found[];
}

function fileOf({ connector }: Pick<Outbox, 'connector'>, over: Readonly<Record<string, unknown>> = {}): string {
  const path = join(folder, `${freshName('c')}.json`);
  writeFileSync(path, JSON.stringify({ name: connector.name, config: { ...connector.config, ...over } }));
  return path;
}

async function planned(path: string): Promise<Planned> {
  const edge = edgeFor([path, '--json']);
  const code = await plan(edge);
  const [first] = JSON.parse(edge.text()) as Omit<Planned, 'code' | 'obstacles'>[];
  assert.ok(first);
  const obstacles = [...first.database, ...first.kafka].filter(({ level }) => level === 'obstacle');
  assert.equal(code, obstacles.length === 0 ? 0 : 1);
  assert.equal(first.couldRun, obstacles.length === 0);
  return { ...first, code, obstacles };
}

/** Everything that a start would make. */
async function made({ db, bootstrap, connector }: Outbox): Promise<unknown> {
  const { rows } = await db.client.query(
    `SELECT (SELECT array_agg(pubname::text) FROM pg_publication) AS publications,
            (SELECT array_agg(slot_name::text) FROM pg_replication_slots WHERE database = current_database()) AS slots`,
  );
  const records = await committed(bootstrap, `${connector.name}-offsets`).catch((error: unknown) => String(error));
  return [rows, records];
}

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: before a first start it says what would be made, and makes nothing`, async (t) => {
    const outbox = await freshOutbox(
      t,
      { 'topic.creation.default.partitions': 3, 'topic.creation.default.replication.factor': 1 },
      { major },
    );
    const path = fileOf(outbox);
    const before = await made(outbox);
    const { code, database, kafka } = await planned(path);
    assert.equal(code, 0);
    const name = `millrace_${outbox.connector.name}`;
    const create = [...database, ...kafka].filter(({ level }) => level === 'create');
    assert.deepEqual(
      create.map(({ statement }) => statement),
      [
        `CREATE PUBLICATION "${name}" FOR TABLE "public"."outbox" WITH (publish_via_partition_root = true)`,
        `CREATE_REPLICATION_SLOT "${name}" LOGICAL pgoutput NOEXPORT_SNAPSHOT`,
        `kafka-topics.sh --create --topic ${outbox.connector.name}-offsets --partitions 16 --replication-factor 1 ` +
          '--config cleanup.policy=compact --config compression.type=producer --config segment.bytes=16777216 --config segment.ms=600000 ' +
          '--config max.compaction.lag.ms=600000 --config min.cleanable.dirty.ratio=0.1 --config unclean.leader.election.enable=false',
        'kafka-topics.sh --create --topic TOPIC --partitions 3 --replication-factor 1',
      ],
    );
    assert.deepEqual(await made(outbox), before, 'nothing was made');

    const words = edgeFor([path]);
    assert.equal(await plan(words), 0);
    assert.match(
      words.text(),
      /^connector ".*": could run\n {2}database\n {4}ok {7}reached PostgreSQL at [^]*captured: public\.outbox\n[^]*the database holds \d+ .B\n[^]* {2}Kafka\n/,
    );
    assert.ok(!words.text().includes('\u001b'));
  });
}

test('skipped.operations is in the publication that would be made, and missing operations of one that is there are a warning', async (t) => {
  const outbox = await freshOutbox(t, { transforms: '', 'skipped.operations': 'd,t' });
  const { config } = outbox.connector;
  const rest = Object.fromEntries(Object.entries(config).filter(([key]) => !key.startsWith('transforms.')));
  const { name } = outbox.connector;
  const plain = { db: outbox.db, bootstrap: outbox.bootstrap, connector: { name, config: rest } };
  const first = await planned(fileOf(plain));
  assert.deepEqual(first.obstacles, []);
  const statement = first.database.find(({ text }) => text.includes('would be created'))?.statement ?? '';
  assert.match(statement, /WITH \(publish_via_partition_root = true, publish = 'insert, update'\)$/);
  await outbox.db.client.query(statement);
  const second = await planned(fileOf(plain, { 'skipped.operations': 'none' }));
  const warning = second.database.find(({ level, text }) => level === 'warning' && text.includes('never sent'));
  assert.match(warning?.text ?? '', /does not publish delete and truncate/);
  assert.equal(
    warning?.statement,
    `ALTER PUBLICATION "millrace_${name}" SET (publish = 'insert, update, delete, truncate')`,
  );
});

test('beside a running connector it finds everything there and disturbs nothing', async (t) => {
  const outbox = await freshOutbox(t);
  const path = fileOf(outbox);
  const run = await startMillrace(outbox.connector);
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  const { code, database, kafka } = await planned(path);
  assert.equal(code, 0);
  const text = [...database, ...kafka].map((finding) => `${finding.level} ${finding.text}`).join('\n');
  for (const expected of [
    /^warning the lease is held by process \d+/m,
    /^ok publication ".*" covers them/m,
    /^ok slot ".*" has confirmed [0-9A-F]+\//m,
    /^ok offsets topic ".*" has 16 partitions and holds a position/m,
  ]) {
    assert.match(text, expected);
  }
  assert.doesNotMatch(text, /would be created$/m);
  await outbox.insert(1, 3);
  await waitFor('3 records', async () => (await outbox.numbers()).length >= 3);
  run.child.kill('SIGTERM');
  await run.exited;
  assert.doesNotMatch(run.log(), /"msg":"retrying"/);
});

test('a role without rights: each that is missing is an obstacle, and its statement removes it', async (t) => {
  const outbox = await freshOutbox(t);
  const role = freshName('role');
  await outbox.db.client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'pa55word'`);
  const path = fileOf(outbox, { 'database.user': role, 'database.password': 'pa55word' });
  const statements: string[] = [];
  for (;;) {
    const { obstacles } = await planned(path);
    if (obstacles.length === 0) break;
    assert.ok(statements.length < 10, statements.join('\n'));
    for (const { statement, text } of obstacles) {
      assert.ok(statement !== null, text);
      statements.push(statement);
      await outbox.db.client.query(statement);
    }
  }
  assert.deepEqual(statements, [
    `ALTER ROLE "${role}" REPLICATION`,
    `GRANT CREATE ON DATABASE "${outbox.db.name}" TO "${role}"`,
    `ALTER TABLE public.outbox OWNER TO "${role}"`,
  ]);
  const { name, config } = outbox.connector;
  const run = await startMillrace({
    name,
    config: { ...config, 'database.user': role, 'database.password': 'pa55word' },
  });
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  run.child.kill('SIGTERM');
  await run.exited;
  // The role outlives the database; its rights in it do not.
  await outbox.db.client.query(`REASSIGN OWNED BY ${role} TO CURRENT_USER; DROP OWNED BY ${role}; DROP ROLE ${role}`);
});

test('what run refuses is an obstacle here, several at once', async (t) => {
  const outbox = await freshOutbox(t);
  const { client } = outbox.db;
  const name = `millrace_${outbox.connector.name}`;
  await client.query(`CREATE PUBLICATION "${name}" FOR TABLE outbox WITH (publish = 'delete')`);
  await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [name]);
  const stranger = await planned(fileOf(outbox));
  assert.deepEqual(
    stranger.obstacles.map(({ text, statement }) => [/^\S+ \S+/.exec(text)?.[0], statement]),
    [
      [`publication "${name}"`, `ALTER PUBLICATION "${name}" SET (publish = 'insert, update, delete')`],
      [`slot "${name}"`, null],
    ],
  );
  await client.query(stranger.obstacles[0]?.statement ?? '');
  assert.equal((await planned(fileOf(outbox, { 'slot.adopt': true }))).code, 0);

  const nothing = await planned(fileOf(outbox, { 'slot.adopt': true, 'table.include.list': 'public\\.nope' }));
  assert.match(nothing.obstacles.map(({ text }) => text).join(), /table\.include\.list matches no table/);
  const long = await planned(fileOf(outbox, { 'slot.adopt': true, 'kafka.transaction.timeout.ms': 3_600_000 }));
  assert.match(
    long.obstacles.map(({ text }) => text).join(),
    /^kafka\.transaction\.timeout\.ms is 3600000, and the brokers take 900000 at most/,
  );
  const wide = await planned(
    fileOf(outbox, {
      'slot.name': 'fresh_slot',
      'topic.creation.default.partitions': 1,
      'topic.creation.default.replication.factor': 3,
    }),
  );
  assert.match(wide.obstacles.map(({ text }) => text).join(), /cannot use offsets topic .*replication/i);
});

test('servers that cannot be reached or do not let us in are obstacles, and the other side is looked at all the same', async (t) => {
  const outbox = await freshOutbox(t);
  const noKafka = await planned(fileOf(outbox, { 'kafka.bootstrap.servers': `127.0.0.1:${await freePort()}` }));
  assert.deepEqual(
    noKafka.obstacles.map(({ text }) => text.startsWith('cannot reach Kafka at 127')),
    [true],
  );
  assert.ok(noKafka.database.some(({ level }) => level === 'create'));
  const noDatabase = await planned(fileOf(outbox, { 'database.password': 'pa55word-wrong' }));
  assert.equal(noDatabase.obstacles.length, 1);
  assert.match(noDatabase.obstacles[0]?.text ?? '', /cannot connect to PostgreSQL at/);
  assert.ok(noDatabase.kafka.some(({ level }) => level === 'create'));
  assert.ok(!JSON.stringify(noDatabase).includes('pa55word-wrong'));
  await assert.rejects(plan(edgeFor([])), (error) => error instanceof MillraceError && error.kind === 'config');
  const help = edgeFor(['--help']);
  assert.equal(await plan(help), 0);
  assert.match(help.text(), /Exit codes: 0 every connector could run, 1 one could not/);
});

test('a captured table without the columns of the router is an obstacle, and one that may be NULL a warning', async (t) => {
  const outbox = await freshOutbox(t, { 'table.include.list': 'public\\.(outbox|customers)' });
  await outbox.db.client.query(
    'CREATE TABLE customers (id int PRIMARY KEY); ALTER TABLE outbox ALTER aggregatetype DROP NOT NULL',
  );
  const { obstacles, database } = await planned(fileOf(outbox));
  assert.match(
    obstacles.map(({ text }) => text).join('\n'),
    /^public\.customers has no column "aggregateid" \(table\.field\.event\.key\); it has id: the first row stops the connector/m,
  );
  const warning = database.find(
    ({ level, text }) => level === 'warning' && /column "aggregatetype" of public\.outbox/.test(text),
  );
  assert.match(warning?.statement ?? '', /^ALTER TABLE public\.outbox ALTER COLUMN "aggregatetype" SET NOT NULL$/);
});
