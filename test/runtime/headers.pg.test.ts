import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OutRecord } from '../../src/change/message.ts';
import { parseConnector } from '../../src/config/connector.ts';
import { createSource } from '../../src/runtime/assemble.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { runConnector } from '../../src/runtime/worker.ts';
import type { Sink } from '../../src/sink/sink.ts';
import { opened } from '../support/postgres-source.ts';
import { noMetrics, noProgress } from '../support/silent.ts';
import { freshDatabase, freshName, postgres, quiet, waitFor } from '../support/servers.ts';

for (const major of [18, 14] as const) {
  test(`PostgreSQL ${major}: additional placement writes typed columns as Debezium does, and keeps text as it is`, async (t) => {
    const server = await postgres(major);
    const db = await freshDatabase(server);
    await db.client.query(`CREATE TABLE public.outbox (id bigint PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload jsonb,
      created timestamptz, amount numeric(10,2), ratio float8, urgent bool, note text)`);
    const config = parseConnector({
      name: freshName('headers'),
      config: {
        'connector.class': 'postgres',
        'database.hostname': server.host,
        'database.port': server.port,
        'database.user': server.user,
        'database.password': server.password,
        'database.dbname': db.name,
        'table.include.list': 'public\\.outbox',
        transforms: 'outbox',
        'transforms.outbox.type': 'outbox',
        'transforms.outbox.table.fields.additional.placement':
          'created:header,amount:header,ratio:header,urgent:header:isUrgent,note:header',
        'kafka.bootstrap.servers': 'nowhere:9092',
      },
    });
    const records: OutRecord[] = [];
    const sink: Sink = {
      open: async () => opened(),
      commit: async (some) => {
        for (let i = 0; i < some.length; i++) records.push(some.at(i));
      },
      close: async () => {},
    };
    const controller = new AbortController();
    const context = {
      log: quiet,
      metrics: noMetrics,
      progress: noProgress,
      clock: systemClock,
      createSource,
      createSink: () => sink,
    };
    const running = new Promise<void>((started) => {
      const onState = (state: string): void => {
        if (state === 'running') started();
      };
      const run = runConnector(config, { ...context, onState }, controller.signal);
      t.after(async () => {
        controller.abort(new Error('the test ends'));
        await run.catch(() => {});
        await db.drop();
      });
    });
    await running;
    await db.client.query(`INSERT INTO outbox VALUES (5, 'order', 'o1', 'Created', '{}', '2024-02-29 03:02:03.12+02', 12.5, 1e7, true, 'grün'),
      (6, 'order', 'o1', 'Created', '{}', NULL, NULL, NULL, NULL, NULL)`);
    await waitFor('two records', async () => records.length >= 2);
    const headers = records.map((record) =>
      Object.fromEntries(record.headers.map(({ name, value }) => [name, value === null ? null : value.toString()])),
    );
    assert.deepEqual(headers, [
      {
        id: '5',
        created: '2024-02-29T01:02:03.120000Z',
        amount: '12.50',
        ratio: '1.0E7',
        isUrgent: 'true',
        note: 'grün',
      },
      { id: '6', created: null, amount: null, ratio: null, isUrgent: null, note: null },
    ]);
  });
}
