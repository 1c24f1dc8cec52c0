/** Several connectors for one process: files and folders, what holds for all of them, and that they get along. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MillraceError, messageOf } from '../errors.ts';
import { type ConnectorConfig, checkConnectorFile } from './connector.ts';
import type { SharedValue } from './given.ts';
import { KAFKA_KEYS, SHARED_KEYS } from './kafka-keys.ts';
import { type Mistake, formatMistake, mistakesError } from './mistake.ts';
import { nearest } from './nearest.ts';
import type { Env } from './references.ts';

/** The keys that may be given for all connectors. */
export const SHARED: readonly string[] = [...Object.values(KAFKA_KEYS), ...Object.values(SHARED_KEYS)].map(
  (field) => field.key,
);

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
    .filter((name) => /^MILLRACE_(?:KAFKA|OFFSETS|TRANSACTION)_/.test(name))
    .filter((name) => !known.includes(name) && !KUBERNETES.test(name))
    .map((name) => ({ name, near: nearest(name, known) }));
}

/** Reads files and all `.json` files of folders. Throws one `config` error that lists every mistake in all of them. */
export function readConnectors(
  paths: readonly string[],
  surroundings: { readonly shared: readonly SharedValue[]; readonly env: Env },
): ConnectorConfig[] {
  const mistakes: Mistake[] = [];
  const found: { readonly path: string; readonly config: ConnectorConfig }[] = [];
  for (const path of new Set(paths.flatMap(files))) {
    const checked = checkConnectorFile(path, surroundings);
    if ('config' in checked) found.push({ path, config: checked.config });
    else mistakes.push(...checked.mistakes);
  }
  mistakes.push(...clashes(found));
  // A wrong flag is wrong for every file, and said once.
  const once = new Map(mistakes.map((mistake) => [formatMistake(mistake), mistake]));
  if (once.size > 0) throw mistakesError([...once.values()]);
  return found.map(({ config }) => config);
}

function files(path: string): string[] {
  let names: string[];
  try {
    if (!statSync(path).isDirectory()) return [path];
    names = readdirSync(path);
  } catch (error) {
    throw new MillraceError('config', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  const found = names.filter((name) => name.endsWith('.json')).sort();
  if (found.length === 0) throw new MillraceError('config', `folder ${path} holds no .json file`);
  return found.map((name) => join(path, name));
}

/** Two connectors must share neither a name, nor a slot, nor a producer: each would fence or starve the other. */
export function clashes(found: readonly { readonly path: string; readonly config: ConnectorConfig }[]): Mistake[] {
  const owners = new Map<string, string>();
  const mistakes: Mistake[] = [];
  for (const { path, config } of found) {
    const { values, name, slotName, transactionalId } = config;
    const claims = [
      { what: `name "${name}"`, key: 'name', id: ['name', name] },
      { what: `slot "${slotName}"`, key: 'slot.name', id: ['slot', values.hostname, values.port, slotName] },
      {
        what: `transactional.id "${transactionalId}"`,
        key: 'kafka.transactional.id.prefix',
        id: ['producer', ...values.bootstrap.toSorted(), transactionalId],
      },
    ];
    for (const { what, key, id } of claims) {
      const owner = owners.get(JSON.stringify(id));
      owners.set(JSON.stringify(id), owner ?? path);
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
