/** A connector's JSON file to its typed, frozen configuration; every mistake is said at once. */
import { messageOf } from '../errors.ts';
import { isMappingKey } from './column-mappings.ts';
import { type ColumnFilter, columnFilter } from './columns.ts';
import { CONNECT_OPTIONS } from './connect-transforms/described.ts';
import type { Field } from './field.ts';
import { readArgument } from './file-text.ts';
import { type Surroundings, readDocument } from './given.ts';
import type { Remark } from './known/adopt.ts';
import { CONNECTOR_FAMILIES, ROUTER_FAMILIES, judgeConnectorKey, spelledOut } from './known/families.ts';
import { type KafkaSecurity, kafkaSecurity } from './kafka-security.ts';
import { KeyReader, type Fields, type Values, fieldKeys } from './key-reader.ts';
import { KEYS } from './keys.ts';
import { type Mistake, mistakesError } from './mistake.ts';
import { type MessageFilter, messageFilter } from './message-filter.ts';
import { nearest } from './nearest.ts';
import { type ModuleReference, PLUGIN_PATH, foldersOf, isModulePath } from './plugin-path.ts';
import { type IdentityRule, readIdentities } from './replica-identity.ts';
import { ROUTER_KEYS } from './router-keys.ts';
import { tableFilter } from './table-filter.ts';
import { HAS_HEADER_KEY_KEYS, PREDICATE_KEYS, STEP_KEYS, TOPIC_NAME_MATCHES_KEYS } from './transform-keys.ts';
import { type Chain, type PredicateConfig, type TransformConfig, moduleIn, readChain } from './transforms.ts';
import { shownKey } from './shown-key.ts';

export type ConnectorValues = Values<typeof KEYS>;

/** A converter that is there already, with what JsonConverter alone has. */
export type ConverterSettings =
  | { readonly kind: 'raw' | 'string' | 'bytes' }
  | {
      readonly kind: 'json';
      readonly schemas: boolean;
      readonly nullAsDefault: boolean;
      /** Of the source block; without `replace.null.with.default=false` its `snapshot` is written. */
      readonly sourceDefaults: boolean;
    };

export interface ConnectorConfig {
  readonly name: string;
  readonly values: ConnectorValues;
  /** In the order in which they are applied. */
  readonly transforms: readonly TransformConfig[];
  readonly predicates: ReadonlyMap<string, PredicateConfig>;
  /** Converters of the user's own; null: what `key.converter` and `value.converter` say. */
  readonly converters: { readonly key: ModuleReference | null; readonly value: ModuleReference | null };
  readonly serialization: { readonly key: ConverterSettings; readonly value: ConverterSettings };
  readonly columns: ColumnFilter;
  /** `replica.identity.autoset.values`. */
  readonly identities: readonly IdentityRule[];
  readonly messages: MessageFilter;
  /** `skipped.operations` is given: a publication that is created leaves them out, too. */
  readonly publishesLess: boolean;
  /** A table to capture matches one of them, as schema.table; empty: every table. */
  readonly tables: readonly RegExp[];
  /** `topic.creation.default.*` beyond partitions and replication: settings of created topics. */
  readonly topicConfigs: Readonly<Record<string, string>>;
  readonly security: KafkaSecurity;
  /** As given, or made from the connector's name. */
  readonly slotName: string;
  readonly publicationName: string;
  readonly transactionalId: string;
  /** Keys of Debezium's that are accepted without effect, or read as keys of ours. */
  readonly remarks: readonly Remark[];
}

export type Checked = (
  | {
      readonly config: ConnectorConfig;
      /** Keys of ours that have no value in it, because theirs is not known here: it is to be run only without any. */
      readonly unknown: readonly string[];
    }
  | { readonly mistakes: readonly Mistake[] }
) & {
  /** References that were left open: their keys have not been checked. */
  readonly open: readonly Mistake[];
};

const TOPIC_CONFIG = 'topic.creation.default.';
/** Nobody reads more of them, and each takes a comparison with a thousand keys. */
const MOST_SUGGESTIONS = 100;

/** Reads and checks a file; `-` is standard input. Throws one `config` error that lists every mistake. */
export function readConnectorFile(path: string, surroundings: Surroundings = {}): ConnectorConfig {
  return configOf(checkConnectorFile(path, surroundings));
}

/** Checks a connector that is an object already. Throws one `config` error that lists every mistake. */
export function parseConnector(json: unknown, surroundings: Surroundings = {}): ConnectorConfig {
  return configOf(checkConnector(JSON.stringify(json) ?? 'null', null, surroundings));
}

/** The same without throwing. */
export function checkConnectorFile(path: string, surroundings: Surroundings = {}): Checked {
  let text: string;
  try {
    text = readArgument(path);
  } catch (error) {
    const text = `cannot be read: ${messageOf(error)}`;
    return { mistakes: [{ source: path, line: null, column: null, key: null, text }], open: [] };
  }
  return checkConnector(text, path, surroundings);
}

/** Checks a connector's JSON text; `source` is what mistakes call it. */
export function checkConnector(text: string, source: string | null, surroundings: Surroundings = {}): Checked {
  const document = readDocument(text, source, surroundings);
  const { open } = document;
  const reader = new KeyReader(source, document.given, document.mistakes);
  const folders = (surroundings.shared ?? []).find(({ key }) => key === PLUGIN_PATH)?.text ?? '';
  const check = new Check(reader, foldersOf(folders));
  // Without a readable "config", every required key would be called missing.
  if (document.name === null && ![...document.given.values()].some((value) => !value.shared)) {
    return { mistakes: reader.mistakes.map(withExample), open };
  }
  const config = check.config(document.name ?? 'unnamed');
  return reader.mistakes.length === 0
    ? { config, unknown: reader.unknown.map(shownKey), open }
    : { mistakes: reader.mistakes.map(withExample), open };
}

/** Adds a right value for the key, or for the one that was meant. */
function withExample(mistake: Mistake): Mistake {
  const key = mistake.near ?? mistake.key ?? '';
  const field = key.startsWith('transforms.')
    ? byLength({ ...ROUTER_KEYS, ...STEP_KEYS, ...OF_TRANSFORMS }).find((each) => key.endsWith(`.${each.key}`))
    : key.startsWith('predicates.')
      ? byLength({ ...PREDICATE_KEYS, ...TOPIC_NAME_MATCHES_KEYS, ...HAS_HEADER_KEY_KEYS }).find((each) =>
          key.endsWith(`.${each.key}`),
        )
      : byLength(KEYS).find((each) => each.key === key);
  return field === undefined ? mistake : { ...mistake, example: field.example };
}

/** One of those transforms of Connect's that have the option. */
const OF_TRANSFORMS: Fields = Object.fromEntries(
  Array.from(CONNECT_OPTIONS.values()).flatMap(([field]) => (field === undefined ? [] : [[field.key, field]])),
);

/** The longest key first: an alias may hold dots, so that `….table.field.event.type` also ends in `.type`. */
function byLength(fields: Fields): Field<unknown>[] {
  return Object.values(fields).sort((a, b) => b.key.length - a.key.length);
}

function configOf(checked: Checked): ConnectorConfig {
  if ('mistakes' in checked) throw mistakesError(checked.mistakes);
  return checked.config;
}

const LISTS = ['transforms', 'predicates'] as const;

class Check {
  readonly #reader: KeyReader;
  /** Of `plugin.path`. */
  readonly #folders: readonly string[];

  constructor(reader: KeyReader, folders: readonly string[]) {
    this.#reader = reader;
    this.#folders = folders;
  }

  /** Only to be used when there are no mistakes. */
  config(name: string): ConnectorConfig {
    const reader = this.#reader;
    const aliases = this.#foreignAliases();
    const converters = { key: this.#converter('key'), value: this.#converter('value') };
    const ours = fieldKeys(KEYS, '');
    const isRouted = routesEverything(reader.given);
    // What stands behind an alias is for the chain to judge.
    const behindAlias = (key: string): boolean => key.startsWith('transforms.') || key.startsWith('predicates.');
    const remarks = reader.adopt(
      '',
      (key) => ours.includes(key) || key.startsWith(TOPIC_CONFIG) || isMappingKey(key) || behindAlias(key),
      (key, value) => judgeConnectorKey(key, { ...value, routed: isRouted }),
    );
    reader.passOver();
    const values = reader.fields(KEYS, '');
    const { transforms = [], predicates = [] } = values;
    const chain = readChain(reader, { transforms, predicates }, this.#folders);
    const routes = chain.transforms.some(({ transform }) => transform.kind === 'outbox');
    if (routes && values.skipped?.includes('c') === true)
      reader.note(KEYS.skipped.key, 'leaves out what the outbox router lives on: remove c');
    if (transforms.length === 0 && values.transforms !== undefined) this.#rowsAreStructs(values);
    if (values.heartbeatMessage != null && values.heartbeatMs === 0)
      reader.note(KEYS.heartbeatMessage.key, `has no effect without "${KEYS.heartbeatMs.key}" above 0: give it, too`);
    this.#unknownKeys(values, chain, aliases);
    reader.passOver();
    const repeated = reader.given.get('name');
    if (repeated !== undefined && !repeated.unresolved && repeated.text !== name)
      reader.note('name', 'differs from the connector\'s "name": remove it');
    const defaultName = nameInDatabase(name);
    return Object.freeze({
      name,
      values: values as ConnectorValues,
      transforms: chain.transforms,
      predicates: chain.predicates,
      converters,
      serialization: { key: this.#serialization('key', values), value: this.#serialization('value', values) },
      columns: columnFilter(reader, values),
      identities: values.replicaIdentities == null ? [] : readIdentities(reader, values.replicaIdentities),
      messages: messageFilter(reader, values),
      publishesLess: reader.given.has(KEYS.skipped.key),
      tables: this.#tables(values),
      topicConfigs: this.#topicConfigs(),
      security: this.#security(values),
      slotName: values.slotName ?? defaultName,
      publicationName: values.publicationName ?? defaultName,
      transactionalId: `${values.transactionalIdPrefix ?? ''}${name}`,
      remarks: [...remarks, ...chain.remarks],
    });
  }

  /** Without transforms the first row would stop the connector. */
  #rowsAreStructs({ keyConverter, valueConverter }: Partial<ConnectorValues>): void {
    for (const [{ key }, kind] of [
      [KEYS.keyConverter, keyConverter],
      [KEYS.valueConverter, valueConverter],
    ] as const) {
      if (kind !== 'string' && kind !== 'bytes') continue;
      this.#reader.note(key, `cannot write row changes, which are structs: expected json or raw, got ${kind}`);
    }
  }

  /** Converters and post processors by name: the lists are refused, and what is said of them says it of their options. */
  #foreignAliases(): readonly string[] {
    const lists = ['converters', 'post.processors'].map((key) => this.#reader.given.get(key)?.text ?? '');
    return lists.flatMap((list) => list.split(',').map((alias) => alias.trim())).filter((alias) => alias !== '');
  }

  /** A converter by module path; its options are nobody else's. */
  #converter(side: 'key' | 'value'): ModuleReference | null {
    const reader = this.#reader;
    const key = `${side}.converter`;
    const path = reader.given.get(key)?.text ?? '';
    if (!isModulePath(path)) return null;
    const module = moduleIn(reader, `${key}.`, key, path, [], this.#folders);
    // Nobody else reads these: the default takes the place of what the module does.
    for (const each of reader.given.keys())
      if ((each === key && module !== null) || each.startsWith(`${key}.`)) reader.given.delete(each);
    return module === null ? null : { ...module, name: key };
  }

  #unknownKeys(values: Partial<ConnectorValues>, chain: Chain, foreign: readonly string[]): void {
    const known = [...fieldKeys(KEYS, ''), ...chain.keys, 'name'];
    const suggestions = [
      ...spelledOut(CONNECTOR_FAMILIES),
      ...chain.routers.flatMap((prefix) => spelledOut(ROUTER_FAMILIES).map((option) => prefix + option)),
    ];
    let unknown = 0;
    for (const [key] of this.#reader.given) {
      if (known.includes(key) || key.startsWith(TOPIC_CONFIG) || isMappingKey(key)) continue;
      if (foreign.some((alias) => key.startsWith(`${alias}.`))) continue;
      if (chain.foreign.some((prefix) => key.startsWith(prefix))) continue;
      // Where the list is wrong, or not known here, nothing can be said of what stands behind it.
      if (LISTS.some((list) => values[list] === undefined && key.startsWith(`${list}.`))) continue;
      const stray = this.#stray(key, values);
      if (stray !== null) {
        this.#reader.note(key, stray);
        continue;
      }
      const near = unknown++ < MOST_SUGGESTIONS ? nearest(key, [...known, ...suggestions]) : null;
      this.#reader.note(key, `is not a key of this connector${near === null ? '' : `; did you mean "${near}"?`}`, near);
    }
  }

  /** What a key says that stands behind an alias which its list does not name. */
  #stray(key: string, values: Partial<ConnectorValues>): string | null {
    for (const list of LISTS) {
      const alias = key.startsWith(`${list}.`) ? /^(.*?)\./.exec(key.slice(list.length + 1))?.[1] : undefined;
      // Where the list is wrong, or not known here, nothing can be said.
      if (
        alias === undefined ||
        values[list] === undefined ||
        values[list].some((each) => key.startsWith(`${list}.${each}.`))
      )
        continue;
      return `belongs to the alias "${alias}", which "${list}" does not name`;
    }
    return null;
  }

  /** As Debezium: of what is captured and what is not, one list each. */
  #tables(values: Partial<ConnectorValues>): readonly RegExp[] {
    const { tables = [], excludedTables = [], schemas = [], excludedSchemas = [] } = values;
    for (const [include, exclude, both] of [
      [KEYS.tables, KEYS.excludedTables, tables.length > 0 && excludedTables.length > 0],
      [KEYS.schemas, KEYS.excludedSchemas, schemas.length > 0 && excludedSchemas.length > 0],
    ] as const) {
      if (both) this.#reader.note(exclude.key, `stands beside "${include.key}": give one of them, as in Debezium`);
    }
    try {
      return tableFilter({ tables, excludedTables, schemas, excludedSchemas });
    } catch (error) {
      this.#reader.note(
        KEYS.tables.key,
        `cannot be combined with the other lists (${messageOf(error)}): write all of it into this one`,
      );
      return [];
    }
  }

  /** As Connect: who sets anything about created topics sets their partitions and replication, too. */
  #topicConfigs(): Readonly<Record<string, string>> {
    const configs: [string, string][] = [];
    let any = false;
    for (const [key, { text }] of this.#reader.given) {
      if (!key.startsWith(TOPIC_CONFIG)) continue;
      any = true;
      if (key === KEYS.topicPartitions.key || key === KEYS.topicReplication.key) continue;
      if (/^[a-z][a-z0-9.]*$/.test(key.slice(TOPIC_CONFIG.length)))
        configs.push([key.slice(TOPIC_CONFIG.length), text]);
      else
        this.#reader.note(
          key,
          'names no setting of a topic: expected topic.creation.default.cleanup.policy and the like',
        );
    }
    for (const { key } of any ? [KEYS.topicPartitions, KEYS.topicReplication] : []) {
      if (!this.#reader.given.has(key) && !this.#reader.isWrong(key)) {
        this.#reader.note(
          key,
          'is missing: with any topic.creation.default.* it has to be given, as in Kafka Connect (-1: the broker decides)',
        );
      }
    }
    return Object.fromEntries(configs);
  }

  #security(values: Partial<ConnectorValues>): KafkaSecurity {
    const none: KafkaSecurity = { sasl: null, tls: null };
    if (values.securityProtocol === undefined || values.saslMechanism === undefined) return none;
    this.#unusedSecurity(values.securityProtocol);
    // What could not be parsed is said already and counts as absent here.
    const filled = { ...absentSecurity(), ...values, ...this.#referred() } as ConnectorValues;
    return kafkaSecurity(filled, (key, text) => {
      if (!this.#reader.isWrong(key)) this.#reader.note(key, text);
    });
  }

  /** A text that is not known here is there all the same: what goes with it is not alone. */
  #referred(): Readonly<Record<string, string>> {
    const texts = Object.entries(KEYS).flatMap(([name, { key, form }]): [string, string][] => {
      const given = this.#reader.given.get(key);
      return given?.unresolved && form.kind === 'text' ? [[name, given.text]] : [];
    });
    return Object.fromEntries(texts);
  }

  /** A password or certificate that is silently not used is a mistake, unless it is there for other connectors. */
  #unusedSecurity(protocol: string): void {
    for (const [key, { shared }] of this.#reader.given) {
      const sasl = key.startsWith('kafka.sasl.') && !protocol.startsWith('SASL');
      const tls = key.startsWith('kafka.ssl.') && !protocol.endsWith('SSL');
      if (shared || !(sasl || tls)) continue;
      const need = sasl ? 'SASL_SSL or SASL_PLAINTEXT' : 'SSL or SASL_SSL';
      this.#reader.note(
        key,
        `has no effect while kafka.security.protocol is ${protocol}: expected ${need}, or this key removed`,
      );
    }
  }

  /** Connect's JsonConverter writes schemas, and defaults for nulls, unless told otherwise; `json` alone does neither. */
  #serialization(side: 'key' | 'value', values: Partial<ConnectorValues>): ConverterSettings {
    const kind = (side === 'key' ? values.keyConverter : values.valueConverter) ?? 'raw';
    if (kind !== 'json') return { kind };
    const isClass = this.#reader.given.get(`${side}.converter`)?.text.trim().toLowerCase() !== 'json';
    const given = (option: string, value: boolean | undefined): boolean =>
      this.#reader.given.has(`${side}.converter.${option}`) ? (value ?? false) : isClass;
    const [schemas, nulls] =
      side === 'key' ? [values.keySchemas, values.keyNulls] : [values.valueSchemas, values.valueNulls];
    return {
      kind,
      schemas: given('schemas.enable', schemas),
      nullAsDefault: given('replace.null.with.default', nulls),
      sourceDefaults: isClass ? (nulls ?? true) : true,
    };
  }
}

/** Whether an outbox router sees every record; true where that is not known here, since nothing can be refused then. */
function routesEverything(given: KeyReader['given']): boolean {
  const list = given.get('transforms');
  if (list?.unresolved) return true;
  return (list?.text ?? '').split(',').some((each) => {
    const prefix = `transforms.${each.trim()}.`;
    const type = given.get(`${prefix}type`);
    if (type === undefined || given.has(`${prefix}predicate`)) return false;
    return type.unresolved === true || (!isModulePath(type.text) && 'value' in ROUTER_KEYS.type.parse(type.text));
  });
}

function absentSecurity(): Record<string, null> {
  return Object.fromEntries(Object.keys(KEYS).map((name) => [name, null]));
}

/** Slot names are lower-case letters, digits and underscores, 63 at most. */
function nameInDatabase(connector: string): string {
  return `millrace_${connector.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')}`.slice(0, 63);
}
