/** The package as its users get it: packed, and installed elsewhere with what it needs to run and nothing else. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keepText } from './output.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** For an npm of its own: this Node first, and not what `npm test` has told its children. */
export function npmEnvironment(node: string = process.execPath): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_(?:package|lifecycle)_|npm_config_local_prefix$|INIT_CWD$)/.test(name),
  );
  return {
    ...Object.fromEntries(own),
    PATH: [dirname(node), process.env['PATH']].join(delimiter),
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  };
}

export function npm(cwd: string, ...args: readonly string[]): string {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  return keepText(execFileSync('npm', args, { cwd, encoding: 'utf8', env: npmEnvironment(), stdio }), 'npm');
}

/** Of what `npm run build` has made. */
export function installPacked(): { readonly folder: string; readonly tarball: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-installed-'));
  const [packed] = JSON.parse(npm(ROOT, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder)) as {
    filename: string;
  }[];
  const tarball = join(folder, packed?.filename ?? '');
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  npm(folder, 'install', '--omit=dev', '--omit=optional', '--no-save', tarball);
  return { folder, tarball, remove: () => rmSync(folder, { recursive: true }) };
}
