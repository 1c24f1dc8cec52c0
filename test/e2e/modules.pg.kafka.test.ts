/** The modules of docs/plugins.md, as a user writes them, and faulty ones. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { millrace } from '../support/command.ts';
import { type Outbox, freshOutbox } from '../support/outbox.ts';
import { committed, waitFor } from '../support/servers.ts';

const DOCUMENT = readFileSync(new URL('../../docs/plugins.md', import.meta.url), 'utf8');

function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-modules-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}
function fileOf(folder: string, { connector }: Outbox): string {
  const path = join(folder, 'connector.json');
  writeFileSync(path, JSON.stringify(connector));
  return path;
}
/** Modules and configuration as the document has them. */
function documented(folder: string): Readonly<Record<string, string>> {
  for (const [, name, text] of DOCUMENT.matchAll(/^```ts (\S+)\n([^]*?)^```$/gm))
    writeFileSync(join(folder, name ?? ''), text ?? '');
  const config = JSON.parse(/^```json\n([^]*?)^```$/m.exec(DOCUMENT)?.[1] ?? '') as Record<string, string>;
  return config;
}

const valuesOf = async (at: Outbox, topic: string): Promise<string[]> =>
  (await committed(at.bootstrap, topic).catch(() => [])).map(({ value }) => value?.toString('hex') ?? 'null');

test('the example of docs/plugins.md: a chain of modules, a predicate and a converter', async (t) => {
  const folder = tempFolder(t);
  const config = documented(folder);
  const at = await freshOutbox(t, {
    ...config,
    'transforms.o.type': undefined,
    'transforms.o.route.topic.replacement': undefined,
    'transforms.o.table.fields.additional.placement': undefined,
  });
  const { name } = at.connector;
  const replaced = { ...at.connector.config, 'transforms.outbox.route.topic.replacement': `${name}.\${routedByValue}` };
  await at.db.client.query('ALTER TABLE outbox ADD COLUMN tenant text, ALTER payload TYPE text');
  const file = fileOf(folder, { ...at, connector: { name, config: replaced } });
  const args = [file, '--plugin.path', folder];
  const validate = millrace(['validate', ...args]);
  assert.equal(await validate.ended, 0, validate.stderr());
  const run = millrace(['run', ...args, '--http', '127.0.0.1:0']);
  t.after(() => run.child.kill('SIGKILL'));
  await run.says(/"msg":"running"/);
  const row = (key: string, tenant: string | null, payload: string): Promise<unknown> =>
    at.db.client.query(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, tenant) VALUES (gen_random_uuid(), 'order', $1, 'Created', $2, $3)",
      [key, payload, tenant],
    );
  await row('1', 'acme', '{"n":1}');
  await row('test', 'acme', '{"n":2}');
  await row('2', 'zeta', 'x'.repeat(2001));
  await row('3', 'zeta', '{"n":3}');
  await waitFor('three events', async () => (await valuesOf(at, `${name}.order.zeta`)).length > 0);
  const framed = (text: string): string => `0000000007${Buffer.from(text).toString('hex')}`;
  assert.deepEqual(await valuesOf(at, `${name}.order.acme`), [framed('{"n":1}')]);
  assert.deepEqual(await valuesOf(at, `${name}.order.zeta`), [framed('{"n":3}')]);
  assert.deepEqual(await valuesOf(at, `${name}.order`), [framed('x'.repeat(2001))], 'the predicate left it alone');
  const [record] = await committed(at.bootstrap, `${name}.order.acme`);
  assert.deepEqual(Object.keys(record?.headers ?? {}), ['id', 'tenant', 'routed']);
  assert.deepEqual([String(record?.headers['tenant']), String(record?.headers['routed'])], ['acme', 'true']);
  // A row that the transform refuses: what came before it stays, and a mended module goes on exactly there.
  await row('4', 'acme', '{"n":4}');
  await row('5', null, '{"n":5}');
  await row('6', 'acme', '{"n":6}');
  assert.equal(await run.ended, 1);
  const log = run.stderr();
  assert.match(
    log,
    /transforms\.tenant \(tenant-topic\.ts\): a record of \S+ has no header \\"tenant\\"\. It is in source transaction \d+/,
  );
  assert.match(log, /"kind":"data"/);
  assert.deepEqual((await valuesOf(at, `${name}.order.acme`)).length, 2);
  const mended = readFileSync(join(folder, 'tenant-topic.ts'), 'utf8').replace(
    /return context\.fail\(.*$/m,
    'return record;',
  );
  writeFileSync(join(folder, 'tenant-topic.ts'), mended);
  const again = millrace(['run', ...args, '--http', '127.0.0.1:0']);
  t.after(() => again.child.kill('SIGKILL'));
  await waitFor('the rest', async () => (await valuesOf(at, `${name}.order.acme`)).length === 3);
  again.child.kill('SIGTERM');
  assert.equal(await again.ended, 0);
  assert.deepEqual(await valuesOf(at, `${name}.order.acme`), ['{"n":1}', '{"n":4}', '{"n":6}'].map(framed));
  assert.ok((await valuesOf(at, `${name}.order`)).includes(framed('{"n":5}')));
});

test('a module that cannot be loaded stops the connector before it takes anything, and plan says so', async (t) => {
  const folder = tempFolder(t);
  writeFileSync(join(folder, 'broken.ts'), 'export default 5;');
  const at = await freshOutbox(t, { transforms: 'o,broken', 'transforms.broken.type': 'broken.ts' });
  const file = fileOf(folder, at);
  const env = { MILLRACE_PLUGIN_PATH: folder };
  const said = /transforms\.broken \(broken\.ts\): expected a function as default export, got a number/;
  const plan = millrace(['plan', file], { env });
  assert.equal(await plan.ended, 1);
  assert.match(plan.stdout(), said);
  const run = millrace(['run', file, '--http', '127.0.0.1:0'], { env });
  assert.equal(await run.ended, 1);
  assert.match(run.stderr(), said);
  assert.match(run.stderr(), /"kind":"config"/);
  const { rows } = await at.db.client.query(
    'SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_replication_slots WHERE database = current_database()) AS made',
  );
  assert.deepEqual(rows, [{ made: '0' }]);
  const without = millrace(['validate', file]);
  assert.equal(await without.ended, 2);
  assert.match(without.stdout() + without.stderr(), /give them with --plugin\.path or MILLRACE_PLUGIN_PATH/);
});
