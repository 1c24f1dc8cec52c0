import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';

const SOURCE = readFileSync(new URL('../../src/bin.cts', import.meta.url), 'utf8').replace(/^#!.*\n/, '');

interface Outcome {
  readonly said: string;
  readonly exitCode: number | undefined;
  readonly loaded: string[];
}

function startedWith(node: string): Outcome {
  const loaded: string[] = [];
  let said = '';
  const process: { readonly [name: string]: unknown; exitCode?: number } = {
    versions: { node },
    execPath: '/opt/node/bin/node',
    stderr: { write: (text: string) => (said += text) },
  };
  const load = (path: string): void => void loaded.push(path);
  assert.match(SOURCE, /\bimport\('\.\/main\.ts'\)/);
  runInNewContext(SOURCE.replace('import(', 'load('), { process, load });
  return { said, exitCode: process.exitCode, loaded };
}

test('Node 10 to 23 is told in one sentence that it is too old, and nothing else is loaded', () => {
  for (let major = 10; major < 24; major++) {
    const { said, exitCode, loaded } = startedWith(`${major}.4.1`);
    assert.equal(
      said,
      `millrace needs Node 24 or newer and was started with Node ${major}.4.1 (/opt/node/bin/node): install a newer one from https://nodejs.org\n`,
    );
    assert.deepEqual([exitCode, loaded], [2, []]);
  }
});

test('Node 24 and newer goes on', () => {
  for (const node of ['24.0.0', '25.1.0', '100.0.0', '26.0.0-nightly20260101']) {
    assert.deepEqual(startedWith(node), { said: '', exitCode: undefined, loaded: ['./main.ts'] });
  }
});

/** Of ES2018 and later; Node 10 to 22 were tried by hand with the built file. */
test('what Node 10 cannot parse is not written there', () => {
  const code = SOURCE.replaceAll(/\/\*[^]*?\*\/|'[^']*'|`[^`]*`/g, '');
  assert.doesNotMatch(
    code,
    /\?\.|\?\?|\|\|=|&&=|\*\*=|#\w|\bawait\b|\bstatic\b|catch\s*\{|\d_\d|\b\d+n\b|^\s*(?:import|export)\s+[^(]/m,
  );
  assert.match(code, /\bimport\(/);
});
