/** What every source has to keep, whatever database it reads. A driver puts one under these tests. */
import { describe, test } from 'node:test';
import { acknowledgeCases } from './source/acknowledge.ts';
import { leaseCases } from './source/lease.ts';
import { streamCases } from './source/stream.ts';
import type { SourceDriver, SourceSuite } from './source/suite.ts';

/** Puts a source under the contract. */
export function sourceContract(driver: SourceDriver): void {
  const suite: SourceSuite = {
    it: (name, run) => {
      const todo = driver.todo?.[name];
      test(name, { timeout: 120_000, ...(todo === undefined ? {} : { todo }) }, async (t) => {
        const world = await driver.setup();
        t.after(() => world.drop());
        await run(world);
      });
    },
  };
  describe(`${driver.name} keeps the source contract`, { concurrency: 4 }, () => {
    leaseCases(suite);
    streamCases(suite);
    acknowledgeCases(suite);
  });
}
