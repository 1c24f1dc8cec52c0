/** Modules of the user's own, found in the folders that whoever runs Millrace allows, and nowhere else. */
import { realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve, sep } from 'node:path';

/** A module that is there, and what its factory is to be given. */
export interface ModuleReference {
  /** What it is for: `transforms.upper`. */
  readonly name: string;
  /** As the connector's file calls it. */
  readonly path: string;
  /** Where it is, links resolved. */
  readonly file: string;
  readonly options: Readonly<Record<string, string>>;
}

/** The key, which holds for all connectors and is not taken from a connector's own file. */
export const PLUGIN_PATH = 'plugin.path';
const EXTENSION = /\.[cm]?[jt]s$/;

/** Whether a `type` or a converter names a module and not a class. */
export function isModulePath(text: string): boolean {
  return EXTENSION.test(text.trim());
}

/** The comma-separated folders of `plugin.path`. */
export function foldersOf(text: string): string[] {
  return text
    .split(',')
    .map((folder) => folder.trim())
    .filter((folder) => folder !== '');
}

/**
 * Finds a module by its path relative to one of the folders, the first that has it, or by an absolute path inside of
 * one. A link that leads out of the folder is not followed.
 */
export function findModule(
  path: string,
  folders: readonly string[],
): { readonly file: string } | { readonly problem: string } {
  if (folders.length === 0) {
    return {
      problem: `names a module, and modules are loaded only from folders that are allowed: give them with --${PLUGIN_PATH} or MILLRACE_PLUGIN_PATH`,
    };
  }
  let outside = false;
  for (const folder of folders) {
    const root = real(resolve(folder));
    const file = real(isAbsolute(path) ? path : join(resolve(folder), path));
    if (file === null) continue;
    if (root === null || !file.startsWith(root.endsWith(sep) ? root : root + sep)) outside = true;
    else if (statSync(file).isFile()) return { file };
  }
  const where = folders.map((folder) => JSON.stringify(folder)).join(', ');
  return {
    problem: outside
      ? `leads out of the folders of ${PLUGIN_PATH} (${where}): modules are loaded only from inside of them`
      : `names no file in the folders of ${PLUGIN_PATH} (${where})`,
  };
}

function real(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
