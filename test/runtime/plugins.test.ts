import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MillraceError } from '../../src/errors.ts';
import { loadPlugins } from '../../src/runtime/chain.ts';
import { connectorConfig } from '../support/connector-config.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-plugins-')));
after(() => rmSync(folder, { recursive: true }));
const shared = [{ key: 'plugin.path', text: folder, source: '--plugin.path' }];
const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const withTransform = (file: string, over = {}): ReturnType<typeof connectorConfig> =>
  connectorConfig('c', { transforms: 'o,m', 'transforms.m.type': file, ...over }, { shared });

test('every kind of module is loaded, and its factory gets options and context', async () => {
  const body = '(options, context) => ({ apply: (record) => record, options, context })';
  write('t.ts', `interface A { a: string }\nconst factory = ${body};\nexport default factory as unknown as A;`);
  write('m.mjs', `const later = await Promise.resolve(${body});\nexport default later;`);
  write('c.cjs', `module.exports = ${body};`);
  write('compiled.cjs', `Object.defineProperty(exports, '__esModule', { value: true });\nexports.default = ${body};`);
  for (const file of ['t.ts', 'm.mjs', 'c.cjs', 'compiled.cjs']) {
    const plugins = await loadPlugins(withTransform(file, { 'transforms.m.field': 'x' }));
    const { name, instance } = plugins.transforms.get('m') ?? assert.fail(file);
    assert.equal(name, `transforms.m (${file})`);
    const { options, context } = instance as unknown as { options: unknown; context: { name: string } };
    assert.deepEqual([options, context.name], [{ field: 'x' }, 'transforms.m']);
  }
});

test('a module that cannot be used is named, with what is wrong', async () => {
  const cases = {
    'syntax.ts': ['export default (', /cannot be loaded: SyntaxError/],
    'enum.ts': ['enum A { B }\nexport default () => A.B', /cannot be loaded: SyntaxError.*enum/],
    'imports.ts': ["import 'no-such-package-at-all';", /cannot be loaded: Error: Cannot find package/],
    'throws.ts': ["throw new Error('at load')", /cannot be loaded: Error: at load/],
    'none.ts': ['export const factory = () => {}', /expected a function as default export, got none/],
    'object.ts': ['export default {}', /expected a function as default export, got a object/],
    'factory.ts': [
      "export default () => { throw new RangeError('option x') }",
      /its factory threw RangeError: option x/,
    ],
    'fail.ts': ["export default (o, c) => c.fail('needs the option x')", /: needs the option x$/],
    'promise.ts': ['export default async () => ({ apply: (r) => r })', /its factory gave a promise/],
    'empty.ts': ['export default () => ({})', /its factory gave no object with apply\(\)/],
    'nothing.ts': ['export default () => {}', /its factory gave no object with apply\(\)/],
  } as const;
  for (const [file, [text, expected]] of Object.entries(cases)) {
    write(file, text);
    await assert.rejects(loadPlugins(withTransform(file)), (error) => {
      assert.ok(error instanceof MillraceError && error.kind === 'config', file);
      assert.match(error.message, expected);
      assert.ok(error.message.startsWith(`transforms.m (${file}): `), error.message);
      return true;
    });
  }
});

test('what is loaded before a faulty one is closed, and so is everything at the end', async () => {
  write(
    'closing.ts',
    'export default ({ tag }) => ({ apply: (r) => r, test: () => true, toBytes: () => null, close: () => (globalThis.closed ??= []).push(tag) })',
  );
  const closed = (): string[] => ((globalThis as { closed?: string[] }).closed ??= []).splice(0).sort();
  const over = {
    'transforms.m.tag': 't',
    predicates: 'p',
    'predicates.p.type': 'closing.ts',
    'predicates.p.tag': 'p',
    'value.converter': 'closing.ts',
    'value.converter.tag': 'v',
  };
  const plugins = await loadPlugins(withTransform('closing.ts', over));
  assert.deepEqual(closed(), []);
  plugins.close();
  plugins.close();
  assert.deepEqual(closed(), ['p', 't', 'v']);
  write('late.ts', 'export default 5');
  await assert.rejects(loadPlugins(withTransform('closing.ts', { ...over, 'value.converter': 'late.ts' })));
  assert.deepEqual(closed(), ['p', 't']);
});
