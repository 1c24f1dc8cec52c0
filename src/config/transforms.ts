/** `transforms` and `predicates`: a chain of any length, each link with its own options. */
import { type ConnectTransform, changesValue, connectKeys, readConnectTransform } from './connect-transforms/read.ts';
import { CONNECT_CLASSES, CONNECT_TYPES, type ConnectType, connectType } from './connect-transforms/types.ts';
import { fromJavaRegex } from './java-regex.ts';
import { fromJavaReplacement, literalOf } from './java-replacement.ts';
import { type KeyReader, type Values, fieldKeys, shown } from './key-reader.ts';
import { judgeNewRecordStateOption, judgeRouterOption } from './known/families.ts';
import type { Remark } from './known/adopt.ts';
import { nearest } from './nearest.ts';
import { type ModuleReference, findModule, isModulePath } from './plugin-path.ts';
import { ROUTER_KEYS } from './router-keys.ts';
import { HAS_HEADER_KEY_KEYS, PREDICATE_KEYS, STEP_KEYS, TOPIC_NAME_MATCHES_KEYS } from './transform-keys.ts';

export type RouterValues = Values<typeof ROUTER_KEYS>;

export interface RouterConfig {
  readonly kind: 'outbox';
  readonly values: RouterValues;
  readonly headers: readonly { readonly column: string; readonly name: string }[];
  readonly topicRegex: RegExp;
  /** In JavaScript's replacement syntax. */
  readonly topicReplacement: string;
}
export interface ModuleConfig {
  readonly kind: 'module';
  readonly module: ModuleReference;
}
/** One of Connect's or Debezium's own, by its class name. */
export interface ConnectConfig {
  readonly kind: 'connect';
  /** As the file names it: `MaskField$Value`. */
  readonly type: string;
  readonly transform: ConnectTransform;
}
export interface TransformConfig {
  readonly alias: string;
  readonly transform: RouterConfig | ConnectConfig | ModuleConfig;
  readonly predicate: { readonly name: string; readonly negate: boolean } | null;
}
export type PredicateConfig =
  | { readonly kind: 'topic'; readonly pattern: RegExp }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'tombstone' }
  | ModuleConfig;

export interface Chain {
  readonly transforms: readonly TransformConfig[];
  readonly predicates: ReadonlyMap<string, PredicateConfig>;
  readonly remarks: readonly Remark[];
  /** Keys that the chain has understood. */
  readonly keys: readonly string[];
  /** A prefix whose keys nobody judges: its type is wrong already, or a module knows them. */
  readonly foreign: readonly string[];
  /** For suggestions: the prefixes of routers. */
  readonly routers: readonly string[];
}

/** Reads the chain; every mistake is noted. */
export function readChain(
  reader: KeyReader,
  lists: { readonly transforms: readonly string[]; readonly predicates: readonly string[] },
  folders: readonly string[],
): Chain {
  return new ChainReader(reader, folders).read(lists.transforms, lists.predicates);
}

const TYPES = ['outbox', ...CONNECT_TYPES, ...Object.keys(CONNECT_CLASSES)];

class ChainReader {
  readonly #reader: KeyReader;
  readonly #folders: readonly string[];
  readonly #remarks: Remark[] = [];
  readonly #keys: string[] = [];
  readonly #foreign: string[] = [];
  readonly #routers: string[] = [];

  constructor(reader: KeyReader, folders: readonly string[]) {
    this.#reader = reader;
    this.#folders = folders;
  }

  read(aliases: readonly string[], names: readonly string[]): Chain {
    const predicates = new Map<string, PredicateConfig>();
    for (const name of this.#once('predicates', names)) {
      const predicate = this.#predicate(name);
      if (predicate !== null) predicates.set(name, predicate);
    }
    const transforms: TransformConfig[] = [];
    for (const alias of this.#once('transforms', aliases)) {
      const transform = this.#transform(alias);
      const predicate = this.#choosing(alias, names);
      if (transform !== null) transforms.push({ alias, transform, predicate });
    }
    this.#beforeRouter(transforms);
    const { remarks, keys, foreign, routers } = {
      remarks: this.#remarks,
      keys: this.#keys,
      foreign: this.#foreign,
      routers: this.#routers,
    };
    return { transforms, predicates, remarks, keys, foreign, routers };
  }

  /** A router finds no row where something has made a new value of it: it would let all of them pass. */
  #beforeRouter(transforms: readonly TransformConfig[]): void {
    const router = transforms.findLastIndex(({ transform }) => transform.kind === 'outbox');
    for (const { alias, transform, predicate } of transforms.slice(0, Math.max(router, 0))) {
      if (transform.kind !== 'connect' || predicate !== null || !changesValue(transform.transform)) continue;
      const name = transforms[router]?.alias ?? '';
      this.#reader.note(
        `transforms.${alias}.type`,
        `changes the value before the outbox router "${name}", which takes rows: put it behind "${name}", or give it a predicate that leaves outbox rows alone`,
      );
    }
  }

  #once(key: string, aliases: readonly string[]): readonly string[] {
    const twice = aliases.find((alias, index) => aliases.indexOf(alias) !== index);
    if (twice !== undefined) this.#reader.note(key, `names ${shown(twice)} twice: an alias has one set of options`);
    return [...new Set(aliases)];
  }

  #transform(alias: string): TransformConfig['transform'] | null {
    const prefix = `transforms.${alias}.`;
    const type = this.#reader.given.get(`${prefix}type`)?.text ?? '';
    if (isModulePath(type)) return this.#module(prefix, type, fieldKeys(STEP_KEYS, prefix));
    const isOpen = this.#reader.given.get(`${prefix}type`)?.unresolved === true;
    // Of a type that is not known here the usual one is the best guess.
    if (isOpen) return this.#router(prefix);
    const known = this.#misspelled(prefix) ? undefined : this.#reader.fields({ type: ROUTER_KEYS.type }, prefix).type;
    if (known === undefined) {
      this.#foreign.push(prefix);
      return null;
    }
    const connect = connectType(known);
    return connect === undefined ? this.#router(prefix) : this.#connect(prefix, known, connect);
  }

  /** Whether a type is nearly one that is there; then it is noted which. */
  #misspelled(prefix: string): boolean {
    const given = this.#reader.given.get(`${prefix}type`);
    if (given === undefined || given.hidden || 'value' in ROUTER_KEYS.type.parse(given.text)) return false;
    const sided = connectType(`${given.text.trim().replace(/^.*\./, '')}$Value`);
    const near =
      sided === undefined ? nearest(given.text.trim(), TYPES) : `${sided.name}$Value" for values, "${sided.name}$Key`;
    if (near === null) return false;
    const keys = sided === undefined ? '' : ' for keys';
    this.#reader.note(
      `${prefix}type`,
      `is none of the transforms: ${shown(given.text)}; did you mean "${near}"${keys}?`,
    );
    return true;
  }

  #connect(prefix: string, type: string, connect: ConnectType): ConnectConfig | null {
    const reader = this.#reader;
    const ours = [`${prefix}type`, ...connectKeys(connect, prefix)];
    this.#keys.push(...ours);
    if (connect.name === 'ExtractNewRecordState') {
      const isOurs = (key: string): boolean => ours.includes(key) || fieldKeys(STEP_KEYS, prefix).includes(key);
      this.#remarks.push(
        ...reader.adopt(prefix, isOurs, (key, value) => judgeNewRecordStateOption(key, { ...value, routed: false })),
      );
    }
    const transform = readConnectTransform(reader, prefix, connect);
    return transform === null ? null : { kind: 'connect', type, transform };
  }

  #router(prefix: string): RouterConfig {
    const reader = this.#reader;
    const ours = [...fieldKeys(ROUTER_KEYS, prefix), ...fieldKeys(STEP_KEYS, prefix)];
    this.#routers.push(prefix);
    this.#keys.push(...ours);
    this.#remarks.push(
      ...reader.adopt(
        prefix,
        (key) => ours.includes(key),
        (option, value) => judgeRouterOption(option, { ...value, routed: true }),
      ),
    );
    const values = reader.fields(ROUTER_KEYS, prefix);
    const key = (field: keyof typeof ROUTER_KEYS): string => prefix + ROUTER_KEYS[field].key;
    const headers = (values.placement ?? []).flatMap((item) => this.#placement(item, key('placement')));
    const { topicRegex: pattern } = values;
    const topicRegex = pattern === undefined ? null : reader.java(key('topicRegex'), () => fromJavaRegex(pattern));
    const topicReplacement = reader.java(
      key('topicReplacement'),
      () => topicRegex && fromJavaReplacement(values.topicReplacement ?? '', topicRegex),
    );
    if (topicReplacement && /[^A-Za-z0-9._-]/.test(literalOf(topicReplacement))) {
      reader.note(key('topicReplacement'), 'makes no legal topic names: expected A-Z a-z 0-9 . _ - and groups');
    }
    // Only used when nothing is noted.
    return {
      kind: 'outbox',
      values: values as RouterValues,
      headers,
      topicRegex: topicRegex ?? /$/,
      topicReplacement: topicReplacement ?? '',
    };
  }

  #placement(item: string, key: string): { column: string; name: string }[] {
    const [column, where, name, ...rest] = item.split(':').map((part) => part.trim());
    if (column && where === 'header' && rest.length === 0) return [{ column, name: name || column }];
    if (where === 'envelope' || where === 'partition') {
      this.#reader.note(key, `the placement "${where}" is not supported yet, and ignoring it would change the events`);
    } else {
      const got = this.#reader.given.get(key)?.hidden ? 'something else' : shown(item);
      this.#reader.note(key, `expected column:header or column:header:name, got ${got}`);
    }
    return [];
  }

  /** Which predicate a transform asks, as Connect checks it. */
  #choosing(alias: string, names: readonly string[]): TransformConfig['predicate'] {
    const prefix = `transforms.${alias}.`;
    const { predicate = null, negate = false } = this.#reader.fields(STEP_KEYS, prefix);
    this.#keys.push(...fieldKeys(STEP_KEYS, prefix));
    if (predicate === null) {
      if (this.#reader.given.has(`${prefix}negate`) && !this.#reader.isWrong(`${prefix}negate`))
        this.#reader.note(`${prefix}negate`, `stands without "${prefix}predicate", which it would turn around`);
      return null;
    }
    if (!names.includes(predicate)) {
      const some = names.length === 0 ? 'which is empty' : `which has ${names.map(shown).join(', ')}`;
      this.#reader.note(`${prefix}predicate`, `names ${shown(predicate)}, which is not in "predicates" (${some})`);
    }
    return { name: predicate, negate };
  }

  #predicate(name: string): PredicateConfig | null {
    const prefix = `predicates.${name}.`;
    const reader = this.#reader;
    const text = reader.given.get(`${prefix}type`)?.text ?? '';
    if (isModulePath(text)) return this.#module(prefix, text, []);
    const { type } = reader.fields(PREDICATE_KEYS, prefix) as {
      type: Values<typeof PREDICATE_KEYS>['type'] | undefined;
    };
    this.#keys.push(`${prefix}type`);
    switch (type) {
      case 'TopicNameMatches': {
        const key = `${prefix}pattern`;
        this.#keys.push(key);
        const { pattern } = reader.fields(TOPIC_NAME_MATCHES_KEYS, prefix);
        const regex = pattern === undefined ? null : reader.java(key, () => fromJavaRegex(pattern));
        // The whole topic has to match, as with Java's Matcher.matches().
        return regex === null ? null : { kind: 'topic', pattern: new RegExp(`^(?:${regex.source})$`, regex.flags) };
      }
      case 'HasHeaderKey': {
        this.#keys.push(`${prefix}name`);
        const { name: header } = reader.fields(HAS_HEADER_KEY_KEYS, prefix);
        return header === undefined ? null : { kind: 'header', name: header };
      }
      case 'RecordIsTombstone':
        return { kind: 'tombstone' };
      case undefined:
        this.#foreign.push(prefix);
        return null;
    }
  }

  #module(prefix: string, path: string, ours: readonly string[]): ModuleConfig | null {
    this.#foreign.push(prefix);
    const module = moduleIn(this.#reader, prefix, `${prefix}type`, path, ours, this.#folders);
    return module === null ? null : { kind: 'module', module };
  }
}

/** The module that `key` names, with what else stands behind the prefix as its options; null when it is noted as wrong. */
export function moduleIn(
  reader: KeyReader,
  prefix: string,
  key: string,
  path: string,
  ours: readonly string[],
  folders: readonly string[],
): ModuleReference | null {
  const found = findModule(path.trim(), folders);
  if ('problem' in found) {
    reader.note(key, found.problem);
    return null;
  }
  const options = Array.from(reader.given)
    .filter(([each]) => each.startsWith(prefix) && each !== key && !ours.includes(each))
    .map(([each, { text }]) => [each.slice(prefix.length), text] as const);
  return { name: prefix.slice(0, -1), path: path.trim(), file: found.file, options: Object.fromEntries(options) };
}
