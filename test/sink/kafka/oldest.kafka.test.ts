/** Exactly once on the oldest Kafka that we say works. Everything else is tested on the newest. */
import assert from 'node:assert/strict';
import { Records } from '../../../src/change/records.ts';
import { after, test } from 'node:test';
import { startKafka } from '../../../src/demo/kafka-server.ts';
import { MillraceError } from '../../../src/errors.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createKafkaSink } from '../../../src/sink/kafka/sink.ts';
import type { Sink } from '../../../src/sink/sink.ts';
import { IDENTITY, numbered, several, signal, upTo } from '../../contract/sink/suite.ts';
import { readWire, textOf } from '../../support/kafka-wire.ts';
import { freshName, quiet, waitFor } from '../../support/servers.ts';
import { sinkSettings } from '../../support/sink-settings.ts';

const VERSION = '3.6.2';
const server = await startKafka((line) => process.stderr.write(`${line}\n`), { version: VERSION });
after(() => server.dispose());

test(`on Kafka ${VERSION} commits are exactly once over a take-over, a death and a fenced owner`, async (t) => {
  const name = freshName('oldest');
  const topic = `${name}.events`;
  const open = async (): Promise<{ sink: Sink; position: unknown }> =>
    waitFor('a new topic to be known', async () => {
      const sink = createKafkaSink(sinkSettings(name, { bootstrapServers: [server.bootstrap] }), {
        log: quiet,
        clock: systemClock,
      });
      try {
        return { sink, position: (await sink.open(IDENTITY, signal)).position };
      } catch (error) {
        await sink.close();
        if (error instanceof MillraceError && error.kind === 'kafka-unavailable') return null;
        throw error;
      }
    });
  const first = await open();
  t.after(() => first.sink.close());
  await first.sink.commit(Records.of(several(topic, 1, 100)), { lsn: '0/1' }, true);
  await first.sink.commit(Records.of(several(topic, 101, 100)), { lsn: '0/2' }, false);
  const second = await open();
  t.after(() => second.sink.close());
  assert.deepEqual([first.position, second.position], [null, { lsn: '0/1' }]);
  await assert.rejects(
    first.sink.commit(Records.of([numbered(topic, 666)]), { lsn: '0/3' }, true),
    (error) => error instanceof MillraceError && error.kind === 'fenced',
  );
  await second.sink.commit(Records.of(several(topic, 101, 50)), { lsn: '0/2' }, true);
  await second.sink.close();
  const third = await open();
  t.after(() => third.sink.close());
  assert.deepEqual(third.position, { lsn: '0/2' });
  await waitFor('all records', async () => (await readWire(server.bootstrap, topic)).length >= 150);
  const seen = (await readWire(server.bootstrap, topic)).map((record) => Number(textOf(record)));
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    upTo(150),
  );
});
