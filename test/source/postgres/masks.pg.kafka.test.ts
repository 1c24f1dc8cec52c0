import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMillrace } from '../../support/process.ts';
import { committed, freshDatabase, freshName, kafka, postgres, waitFor } from '../../support/servers.ts';

const SALT = 'MZd7xQvKpL';

test('columns of an outbox are masked before they are routed, and what cannot be masked is said in the log', async (t) => {
  const [server, bootstrap] = [await postgres(18), await kafka()];
  const db = await freshDatabase(server);
  t.after(() => db.drop());
  await db.client.query(
    `CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype varchar(255) NOT NULL, aggregateid varchar(20) NOT NULL,
       type varchar(255) NOT NULL, payload text, who text)`,
  );
  const name = freshName('masks');
  const run = await startMillrace({
    name,
    config: {
      'connector.class': 'postgres',
      'database.hostname': server.host,
      'database.port': server.port,
      'database.user': server.user,
      'database.password': server.password,
      'database.dbname': db.name,
      'snapshot.mode': 'no_data',
      'kafka.bootstrap.servers': bootstrap,
      'offsets.topic': `${name}-offsets`,
      'topic.creation.default.replication.factor': 1,
      'topic.creation.default.partitions': 1,
      'table.include.list': 'public.outbox',
      transforms: 'o',
      'transforms.o.type': 'outbox',
      'transforms.o.route.topic.replacement': `${name}-\${routedByValue}`,
      'transforms.o.table.fields.additional.placement': 'who:header',
      [`column.mask.hash.v2.SHA-256.with.salt.${SALT}`]: 'public.outbox.aggregateid',
      'column.truncate.to.6.chars': 'public.outbox.payload',
      'column.mask.with.3.chars': 'public.outbox.(who|id)',
    },
  });
  t.after(() => run.child.kill('SIGKILL'));
  await run.reaches('running');
  await db.client.query(
    "INSERT INTO outbox VALUES ('11111111-2222-3333-4444-555555555555', 'order', 'secret-1', 'Created', 'secret text', NULL)",
  );
  const records = await waitFor('the event', async () => {
    if (run.child.exitCode !== null) throw new Error(run.log());
    const found = await committed(bootstrap, `${name}-order`).catch(() => []);
    return found.length > 0 ? found : null;
  });
  const [record] = records;
  assert.equal(String(record?.key), '6335bdda91543a2a347a');
  assert.equal(String(record?.value), 'secret');
  assert.equal(String(record?.headers['who']), '***');
  assert.equal(String(record?.headers['id']), '11111111-2222-3333-4444-555555555555');
  assert.match(run.log(), /to be masked is no text.*"column":"id"|"column":"id".*to be masked is no text/);
  assert.ok(!run.log().includes(SALT));
  run.child.kill('SIGTERM');
  assert.equal((await run.exited).code, 0, run.log());
});
