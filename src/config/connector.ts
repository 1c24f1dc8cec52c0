/** A connector's JSON file to its typed, frozen configuration; every mistake is said at once. */
import { readFileSync } from 'node:fs';
import { MillraceError, messageOf } from '../errors.ts';
import { type Field, type Raw, nearest } from './field.ts';
import { KEYS, ROUTER_KEYS, ROUTER_LATER } from './keys.ts';
import { resolveReferences } from './secrets.ts';

type Values<F extends Readonly<Record<string, Field<unknown>>>> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};
export type ConnectorValues = Values<typeof KEYS>;
export type RouterValues = Values<typeof ROUTER_KEYS>;

export interface ConnectorConfig {
  readonly name: string;
  readonly values: ConnectorValues;
  readonly router: RouterValues;
  readonly headers: readonly { readonly column: string; readonly name: string }[];
  readonly topicRegex: RegExp;
  /** In JavaScript's replacement syntax. */
  readonly topicReplacement: string;
  readonly topicConfigs: Readonly<Record<string, string>>;
}

const TOPIC_CONFIG = 'topic.creation.default.';

/** Reads and checks a file; `defaults` (flags, environment) hold where the file is silent. */
export function readConnectorFile(path: string, defaults: Readonly<Record<string, string>> = {}): ConnectorConfig {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    throw new MillraceError('config', `cannot read ${path}: ${messageOf(error)}`);
  }
  try {
    return parseConnector(JSON.parse(source), defaults);
  } catch (error) {
    throw new MillraceError('config', `${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Checks a parsed connector. Throws one `config` error that lists every mistake, a line each. */
export function parseConnector(json: unknown, defaults: Readonly<Record<string, string>> = {}): ConnectorConfig {
  const { name, config } = isObject(json) ? json : {};
  if (typeof name !== 'string' || !/^[A-Za-z0-9._-]{1,200}$/.test(name) || !isObject(config)) {
    throw new MillraceError(
      'config',
      'expected {"name": "…", "config": {"key": "value", …}} with a name of A-Z a-z 0-9 . _ -',
    );
  }
  const mistakes: string[] = [];
  const given = new Map<string, Raw>(Object.entries(defaults));
  for (const [key, value] of Object.entries(config)) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      mistakes.push(`"${key}": expected a string, number or boolean, got ${value === null ? 'null' : typeof value}`);
      continue;
    }
    const resolved = typeof value === 'string' ? resolveReferences(value) : { value };
    if ('problem' in resolved) mistakes.push(`"${key}": ${resolved.problem}`);
    else given.set(key, resolved.value);
  }
  const values = parseFields(KEYS, given, '', mistakes);
  const alias = Array.isArray(values.transforms) ? values.transforms[0] : undefined;
  const prefix = `transforms.${alias ?? ''}.`;
  const router = parseFields(ROUTER_KEYS, given, prefix, alias === undefined ? [] : mistakes);
  if (values.transforms?.length !== 1) {
    mistakes.push(
      '"transforms": expected exactly one alias, that of the outbox router: row changes as such come later',
    );
  }
  for (const key of given.keys()) unknownKey(key, prefix, mistakes);
  if (mistakes.length === 0) return finish(name, values, router, given, prefix, mistakes);
  throw invalid(name, mistakes);
}

function finish(
  name: string,
  values: ConnectorValues,
  router: RouterValues,
  given: ReadonlyMap<string, Raw>,
  prefix: string,
  mistakes: string[],
): ConnectorConfig {
  const headers = router.placement.flatMap((item) =>
    placement(item, `${prefix}table.fields.additional.placement`, mistakes),
  );
  const topicRegex = javaRegex(router.topicRegex, `${prefix}route.topic.regex`, mistakes);
  // Java's ${name} is JavaScript's $<name>; $1 is the same in both.
  const topicReplacement = router.topicReplacement.replaceAll(/\$\{(\w+)\}/g, '$<$1>');
  const topicConfigs: Record<string, string> = {};
  for (const [key, value] of given)
    if (isTopicConfig(key)) topicConfigs[key.slice(TOPIC_CONFIG.length)] = String(value);
  if (mistakes.length > 0) throw invalid(name, mistakes);
  return Object.freeze({ name, values, router, headers, topicRegex, topicReplacement, topicConfigs });
}

function invalid(name: string, mistakes: readonly string[]): MillraceError {
  return new MillraceError(
    'config',
    `connector "${name}" is not valid:\n${mistakes.map((text) => `  - ${text}`).join('\n')}`,
  );
}

function parseFields<F extends Readonly<Record<string, Field<unknown>>>>(
  fields: F,
  given: ReadonlyMap<string, Raw>,
  prefix: string,
  mistakes: string[],
): Values<F> {
  const out: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const key = prefix + field.key;
    const raw = given.get(key);
    if (raw === undefined) {
      if ('default' in field) out[name] = field.default;
      else mistakes.push(`"${key}" is missing: ${field.doc}`);
      continue;
    }
    const parsed = field.parse(raw);
    if ('value' in parsed) out[name] = parsed.value;
    else
      mistakes.push(
        `"${key}": expected ${parsed.expected}, got ${field.secret ? 'something else' : JSON.stringify(raw)}`,
      );
  }
  return out as Values<F>;
}

function unknownKey(key: string, prefix: string, mistakes: string[]): void {
  const known = [...Object.values(KEYS).map((f) => f.key), ...Object.values(ROUTER_KEYS).map((f) => prefix + f.key)];
  if (known.includes(key) || isTopicConfig(key)) return;
  if (ROUTER_LATER.some((option) => key === prefix + option)) {
    mistakes.push(`"${key}" is not supported yet; ignoring it would change the events. Remove it`);
    return;
  }
  const near = nearest(key, known);
  mistakes.push(`"${key}" is not a key of this connector${near === null ? '' : `; did you mean "${near}"?`}`);
}

function isTopicConfig(key: string): boolean {
  return key.startsWith(TOPIC_CONFIG) && key !== KEYS.topicPartitions.key && key !== KEYS.topicReplication.key;
}

function placement(item: string, key: string, mistakes: string[]): { column: string; name: string }[] {
  const [column, where, name, ...rest] = item.split(':').map((part) => part.trim());
  if (column && where === 'header' && rest.length === 0) return [{ column, name: name || column }];
  if (where === 'envelope' || where === 'partition')
    mistakes.push(`"${key}": placement "${where}" is not supported yet`);
  else mistakes.push(`"${key}": expected column:header or column:header:name, got ${JSON.stringify(item)}`);
  return [];
}

function javaRegex(source: string, key: string, mistakes: string[]): RegExp {
  try {
    return new RegExp(`^(?:${source})$`, 'u');
  } catch {
    mistakes.push(`"${key}": expected a regular expression, got ${JSON.stringify(source)}`);
    return /$/;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
