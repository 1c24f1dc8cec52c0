/** What every sink has to keep, whatever it writes to and with. A driver puts one under these tests. */
import { after, describe, test } from 'node:test';
import type { Sink } from '../../src/sink/sink.ts';
import { freshName } from '../support/servers.ts';
import { neighbourCases } from './sink/neighbours.ts';
import { ownershipCases } from './sink/ownership.ts';
import { recordCases } from './sink/records.ts';
import { IDENTITY, type SinkDriver, type SinkOptions, type SinkSuite, signal } from './sink/suite.ts';

/** Puts a sink under the contract. */
export function sinkContract(driver: SinkDriver): void {
  const left: Sink[] = [];
  after(() => Promise.all(left.map((sink) => sink.close().catch(() => {}))));
  const create = (connector: string, options?: SinkOptions): Sink => {
    const sink = driver.create(connector, options);
    left.push(sink);
    return sink;
  };
  const suite: SinkSuite = {
    driver,
    create,
    reopen: async (connector) => {
      const sink = create(connector);
      return { sink, position: (await sink.open(IDENTITY, signal)).position };
    },
    numbers: async (topic) =>
      (await driver.read(topic)).map(({ value }) => Number(String(value))).sort((a, b) => a - b),
    it: (name, run) => {
      const todo = driver.todo?.[name];
      test(name, { timeout: 120_000, ...(todo === undefined ? {} : { todo }) }, async () => {
        const connector = freshName('sink');
        const topic = `${connector}.events`;
        await driver.prepare(connector, name.includes('missing') ? [] : [topic]);
        await run(connector, topic);
      });
    },
  };
  describe(`${driver.name} keeps the sink contract`, { concurrency: 6 }, () => {
    ownershipCases(suite);
    recordCases(suite);
    neighbourCases(suite);
  });
}
