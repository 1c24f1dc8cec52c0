/** Several connectors for one process: files and folders, what holds for all of them, and that they get along. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { type ConnectorConfig, checkConnectorFile } from './connector.ts';
import type { SharedValue, Surroundings } from './given.ts';
import { KAFKA_KEYS, SHARED_KEYS } from './kafka-keys.ts';
import { KEYS } from './keys.ts';
import { type Mistake, formatMistake, mistakesError } from './mistake.ts';
import { nearest } from './nearest.ts';
import { PLUGIN_PATH } from './plugin-path.ts';
import type { Env } from './references.ts';

/** The keys that may be given for all connectors. */
export const SHARED: readonly string[] = [
  ...[...Object.values(KAFKA_KEYS), ...Object.values(SHARED_KEYS)].map((field) => field.key),
  PLUGIN_PATH,
];

/** `kafka.client.id` as `MILLRACE_KAFKA_CLIENT_ID`. */
export function variableFor(key: string): string {
  return `MILLRACE_${key.toUpperCase().replaceAll('.', '_')}`;
}

/** What the flags and, where they are silent, the environment say for all connectors. */
export function sharedValues(flags: Readonly<Record<string, unknown>>, env: Env): SharedValue[] {
  return SHARED.flatMap((key): SharedValue[] => {
    const flag = flags[key];
    if (typeof flag === 'string') return [{ key, text: flag, source: `--${key}` }];
    const text = env[variableFor(key)];
    return text === undefined ? [] : [{ key, text, source: `environment variable ${variableFor(key)}` }];
  });
}

/** What Kubernetes sets for a service of such a name (MILLRACE_KAFKA_SERVICE_HOST, MILLRACE_KAFKA_PORT_9092_TCP …). */
const KUBERNETES = /_SERVICE_HOST$|_SERVICE_PORT(?:_\w+)?$|_PORT$|_PORT_\d+_(?:TCP|UDP)/;

/** Variables that look like those of `sharedValues` and are none: nobody else would notice the typing error. */
export function strayVariables(env: Env): { readonly name: string; readonly near: string | null }[] {
  const known = SHARED.map(variableFor);
  return Object.keys(env)
    .filter((name) => /^MILLRACE_(?:KAFKA|OFFSETS|TRANSACTION|PLUGIN)_/.test(name))
    .filter((name) => !known.includes(name) && !KUBERNETES.test(name))
    .map((name) => ({ name, near: nearest(name, known) }));
}

export interface Found {
  readonly path: string;
  readonly config: ConnectorConfig;
  /** Keys that have no value in it. */
  readonly unknown?: readonly string[];
}

export interface CheckedFiles {
  /** Every file that was looked at, those of folders included. */
  readonly paths: readonly string[];
  /** The connectors that are right in themselves. */
  readonly found: readonly Found[];
  readonly mistakes: readonly Mistake[];
  /** References that were left open: their keys have not been checked. */
  readonly open: readonly Mistake[];
}

interface Outside extends Surroundings {
  readonly shared: readonly SharedValue[];
  readonly env: Env;
}

/** Reads files, all `.json` files of folders, and standard input for `-`. Throws one `config` error that lists every mistake in all of them. */
export function readConnectors(paths: readonly string[], outside: Outside): ConnectorConfig[] {
  const { found, mistakes } = checkConnectors(paths, outside);
  if (mistakes.length > 0) throw mistakesError(mistakes);
  return found.map(({ config }) => config);
}

/** The same without throwing. */
export function checkConnectors(paths: readonly string[], outside: Outside): CheckedFiles {
  const mistakes: Mistake[] = [];
  const open: Mistake[] = [];
  const found: Found[] = [];
  const looked: string[] = [];
  for (const path of new Set(paths)) {
    const listed = files(path);
    if ('problem' in listed) mistakes.push(listed.problem);
    else looked.push(...listed.paths);
  }
  const unique = [...new Set(looked)];
  for (const path of unique) {
    const checked = checkConnectorFile(path, outside);
    open.push(...checked.open);
    if ('config' in checked) found.push({ path, config: checked.config, unknown: checked.unknown });
    else mistakes.push(...checked.mistakes);
  }
  mistakes.push(...clashes(found));
  return { paths: unique, found, mistakes: once(mistakes), open: once(open) };
}

/** A wrong flag is wrong for every file, and said once. */
function once(mistakes: readonly Mistake[]): Mistake[] {
  return [...new Map(mistakes.map((mistake) => [formatMistake(mistake), mistake])).values()];
}

function files(path: string): { readonly paths: readonly string[] } | { readonly problem: Mistake } {
  const wrong = (text: string): { readonly problem: Mistake } => ({
    problem: { source: path, line: null, column: null, key: null, text },
  });
  try {
    // A path that leads nowhere is read like a file, which says so.
    if (path === '-' || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) return { paths: [path] };
    const names = readdirSync(path).filter((name) => name.endsWith('.json'));
    if (names.length === 0) return wrong('is a folder that holds no .json file');
    return { paths: names.sort().map((name) => join(path, name)) };
  } catch (error) {
    return wrong(`cannot be read: ${messageOf(error)}`);
  }
}

/** Two connectors must share neither a name, nor a slot, nor a producer: each would fence or starve the other. */
export function clashes(found: readonly Found[]): Mistake[] {
  const owners = new Map<string, string>();
  const mistakes: Mistake[] = [];
  for (const { path, config, unknown = [] } of found) {
    const { values, name, slotName, transactionalId } = config;
    const claims = [
      { what: `name "${name}"`, key: 'name', id: () => ['name', name], of: [] },
      {
        what: `slot "${slotName}"`,
        key: 'slot.name',
        id: () => ['slot', values.hostname, values.port, slotName],
        of: [KEYS.hostname, KEYS.port, KEYS.slotName],
      },
      {
        what: `transactional.id "${transactionalId}"`,
        key: 'kafka.transactional.id.prefix',
        id: () => ['producer', ...values.bootstrap.toSorted(), transactionalId],
        of: [KEYS.bootstrap, KEYS.transactionalIdPrefix],
      },
    ];
    for (const { what, key, id, of } of claims) {
      if (of.some((part) => unknown.includes(part.key))) continue;
      const claim = JSON.stringify(id());
      const owner = owners.get(claim);
      owners.set(claim, owner ?? path);
      if (owner === undefined) continue;
      mistakes.push({
        source: path,
        line: null,
        column: null,
        key,
        text: `the ${what} is also that of ${owner}: they have to differ`,
      });
      break;
    }
  }
  return mistakes;
}
