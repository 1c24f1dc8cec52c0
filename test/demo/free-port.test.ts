import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort } from '../../src/demo/free-port.ts';

test('no port is given twice, asked for one after the other or at once', async () => {
  const ports: number[] = [];
  for (let i = 0; i < 1000; i++) ports.push(await freePort());
  ports.push(...(await Promise.all(Array.from({ length: 1000 }, freePort))));
  assert.equal(new Set(ports).size, ports.length);
});
