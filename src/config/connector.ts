/** A connector's JSON file to its typed, frozen configuration; every mistake is said at once. */
import { messageOf } from '../errors.ts';
import type { Field } from './field.ts';
import { readArgument } from './file-text.ts';
import { type Given, type Surroundings, readDocument } from './given.ts';
import { type Remark, adopt } from './known/adopt.ts';
import {
  CONNECTOR_FAMILIES,
  ROUTER_FAMILIES,
  judgeConnectorKey,
  judgeRouterOption,
  spelledOut,
} from './known/families.ts';
import { JavaRegexError, fromJavaRegex } from './java-regex.ts';
import { fromJavaReplacement, literalOf } from './java-replacement.ts';
import { type KafkaSecurity, kafkaSecurity } from './kafka-security.ts';
import { KEYS } from './keys.ts';
import { type Mistake, mistakesError } from './mistake.ts';
import { nearest } from './nearest.ts';
import { ROUTER_KEYS } from './router-keys.ts';
import { tableFilter } from './table-filter.ts';

type Fields = Readonly<Record<string, Field<unknown>>>;
type Values<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};
export type ConnectorValues = Values<typeof KEYS>;
export type RouterValues = Values<typeof ROUTER_KEYS>;

export interface ConnectorConfig {
  readonly name: string;
  readonly values: ConnectorValues;
  readonly router: RouterValues;
  readonly headers: readonly { readonly column: string; readonly name: string }[];
  /** A table to capture matches one of them, as schema.table; empty: every table. */
  readonly tables: readonly RegExp[];
  readonly topicRegex: RegExp;
  /** In JavaScript's replacement syntax. */
  readonly topicReplacement: string;
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
  const check = new Check(source, document.given, document.mistakes);
  // Without a readable "config", every required key would be called missing.
  if (document.name === null && ![...document.given.values()].some((value) => !value.shared)) {
    return { mistakes: check.mistakes.map(withExample), open };
  }
  const config = check.config(document.name ?? 'unnamed');
  return check.mistakes.length === 0
    ? { config, unknown: check.unknown, open }
    : { mistakes: check.mistakes.map(withExample), open };
}

/** Adds a right value for the key, or for the one that was meant. */
function withExample(mistake: Mistake): Mistake {
  const key = mistake.near ?? mistake.key ?? '';
  const field = key.startsWith('transforms.')
    ? byLength(ROUTER_KEYS).find((each) => key.endsWith(`.${each.key}`))
    : byLength(KEYS).find((each) => each.key === key);
  return field === undefined ? mistake : { ...mistake, example: field.example };
}

/** The longest key first: an alias may hold dots, so that `….table.field.event.type` also ends in `.type`. */
function byLength(fields: Fields): Field<unknown>[] {
  return Object.values(fields).sort((a, b) => b.key.length - a.key.length);
}

function configOf(checked: Checked): ConnectorConfig {
  if ('mistakes' in checked) throw mistakesError(checked.mistakes);
  return checked.config;
}

class Check {
  readonly mistakes: Mistake[];
  readonly #source: string | null;
  readonly #given: Map<string, Given>;
  /** Keys that are wrong already, or not known here: no second mistake is made of them. */
  readonly #wrong: Set<string | null>;

  constructor(source: string | null, given: ReadonlyMap<string, Given>, mistakes: readonly Mistake[]) {
    this.#source = source;
    this.#given = new Map(given);
    this.mistakes = [...mistakes];
    this.#wrong = new Set(mistakes.map((mistake) => mistake.key));
  }

  /** Keys whose values are not known here. */
  get unknown(): string[] {
    return [...this.#given].flatMap(([key, { unresolved }]) => (unresolved ? [key] : []));
  }

  /** Only to be used when there are no mistakes. */
  config(name: string): ConnectorConfig {
    const foreign = this.#foreignAliases();
    const remarks = this.#adopt('', fieldKeys(KEYS, ''), judgeConnectorKey);
    this.#passOver();
    const values = this.#fields(KEYS, '');
    const prefix = this.#routerPrefix(values.transforms);
    if (prefix !== null) remarks.push(...this.#adopt(prefix, fieldKeys(ROUTER_KEYS, prefix), judgeRouterOption));
    const router = prefix === null ? null : this.#fields(ROUTER_KEYS, prefix);
    this.#unknownKeys(prefix, values.transforms ?? null, foreign);
    this.#passOver();
    const repeated = this.#given.get('name');
    if (repeated !== undefined && !repeated.unresolved && repeated.text !== name)
      this.#note('name', 'differs from the connector\'s "name": remove it');
    const routing = this.#routing(router ?? {}, prefix ?? '');
    const defaultName = nameInDatabase(name);
    return Object.freeze({
      name,
      values: values as ConnectorValues,
      router: (router ?? {}) as RouterValues,
      ...routing,
      tables: this.#tables(values),
      topicConfigs: this.#topicConfigs(),
      security: this.#security(values),
      slotName: values.slotName ?? defaultName,
      publicationName: values.publicationName ?? defaultName,
      transactionalId: `${values.transactionalIdPrefix ?? ''}${name}`,
      remarks,
    });
  }

  /** Converters and post processors by name: the lists are refused, and what is said of them says it of their options. */
  #foreignAliases(): readonly string[] {
    const lists = ['converters', 'post.processors'].map((key) => this.#given.get(key)?.text ?? '');
    return lists.flatMap((list) => list.split(',').map((alias) => alias.trim())).filter((alias) => alias !== '');
  }

  #adopt(prefix: string, ours: readonly string[], judge: typeof judgeConnectorKey): Remark[] {
    return adopt(this.#given, {
      prefix,
      isOurs: (key) => ours.includes(key) || key.startsWith(TOPIC_CONFIG),
      judge,
      note: (key, text) => this.#note(key, text),
    });
  }

  /** Whose value is not known here is not judged. */
  #passOver(): void {
    for (const key of this.unknown) this.#wrong.add(key);
  }

  #fields<F extends Fields>(fields: F, prefix: string): Partial<Values<F>> {
    const out: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      const key = prefix + field.key;
      const given = this.#given.get(key);
      if (given === undefined) {
        // What is wrong, or not known here, must not be judged by its default.
        if (this.#wrong.has(key)) continue;
        if ('default' in field) out[name] = field.default;
        else this.#note(key, `is missing: ${field.doc}`);
        continue;
      }
      if (given.unresolved) continue;
      const parsed = field.parse(given.text);
      if ('value' in parsed) out[name] = parsed.value;
      else
        this.#note(
          key,
          `expected ${parsed.expected}, got ${field.secret || given.hidden ? 'something else' : shown(given.text)}`,
        );
    }
    return out as Partial<Values<F>>;
  }

  /** Row changes as such and other transforms come later: until then one router has to be there. */
  #routerPrefix(aliases: readonly string[] | undefined): string | null {
    if (aliases === undefined) return null;
    const [first, ...others] = aliases;
    if (first !== undefined && others.length === 0) return `transforms.${first}.`;
    if (!this.#wrong.has('transforms')) {
      this.#note(
        'transforms',
        first === undefined
          ? 'is missing: expected the alias of the outbox router (row changes without it are not supported yet)'
          : `expected one alias, that of the outbox router, got ${aliases.length}: several transforms are not supported yet, and leaving one out would change the events`,
      );
    }
    return null;
  }

  /** `aliases`: null if what names them is wrong, or not known here. */
  #unknownKeys(prefix: string | null, aliases: readonly string[] | null, foreign: readonly string[]): void {
    const known = [...fieldKeys(KEYS, ''), ...(prefix === null ? [] : fieldKeys(ROUTER_KEYS, prefix)), 'name'];
    const suggestions = [
      ...spelledOut(CONNECTOR_FAMILIES),
      ...(prefix === null ? [] : spelledOut(ROUTER_FAMILIES).map((option) => prefix + option)),
    ];
    let unknown = 0;
    for (const [key] of this.#given) {
      if (known.includes(key) || key.startsWith(TOPIC_CONFIG)) continue;
      if (foreign.some((alias) => key.startsWith(`${alias}.`))) continue;
      const alias = /^transforms\.(.*?)\./.exec(key)?.[1];
      if (alias !== undefined && aliases !== null && !aliases.includes(alias)) {
        this.#note(key, `belongs to the alias "${alias}", which "transforms" does not name`);
      } else if (prefix === null && alias !== undefined) continue;
      else {
        const near = unknown++ < MOST_SUGGESTIONS ? nearest(key, [...known, ...suggestions]) : null;
        this.#note(key, `is not a key of this connector${near === null ? '' : `; did you mean "${near}"?`}`, near);
      }
    }
  }

  #routing(
    router: Partial<RouterValues>,
    prefix: string,
  ): Pick<ConnectorConfig, 'headers' | 'topicRegex' | 'topicReplacement'> {
    const key = (field: keyof typeof ROUTER_KEYS): string => prefix + ROUTER_KEYS[field].key;
    const headers = (router.placement ?? []).flatMap((item) => this.#placement(item, key('placement')));
    const { topicRegex: regex } = router;
    const topicRegex = regex === undefined ? null : this.#java(key('topicRegex'), () => fromJavaRegex(regex));
    const topicReplacement = this.#java(
      key('topicReplacement'),
      () => topicRegex && fromJavaReplacement(router.topicReplacement ?? '', topicRegex),
    );
    if (topicReplacement && /[^A-Za-z0-9._-]/.test(literalOf(topicReplacement))) {
      this.#note(key('topicReplacement'), 'makes no legal topic names: expected A-Z a-z 0-9 . _ - and groups');
    }
    return { headers, topicRegex: topicRegex ?? /$/, topicReplacement: topicReplacement ?? '' };
  }

  #java<T>(key: string, read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof JavaRegexError)) throw error;
      const what = this.#given.get(key)?.hidden ? 'something in it' : error.message;
      this.#note(key, `cannot be read, or not with the same meaning as in Java: ${what}`);
      return null;
    }
  }

  #placement(item: string, key: string): { column: string; name: string }[] {
    const [column, where, name, ...rest] = item.split(':').map((part) => part.trim());
    if (column && where === 'header' && rest.length === 0) return [{ column, name: name || column }];
    if (where === 'envelope' || where === 'partition') {
      this.#note(key, `the placement "${where}" is not supported yet, and ignoring it would change the events`);
    } else
      this.#note(
        key,
        `expected column:header or column:header:name, got ${this.#given.get(key)?.hidden ? 'something else' : shown(item)}`,
      );
    return [];
  }

  /** As Debezium: of what is captured and what is not, one list each. */
  #tables(values: Partial<ConnectorValues>): readonly RegExp[] {
    const { tables = [], excludedTables = [], schemas = [], excludedSchemas = [] } = values;
    for (const [include, exclude, both] of [
      [KEYS.tables, KEYS.excludedTables, tables.length > 0 && excludedTables.length > 0],
      [KEYS.schemas, KEYS.excludedSchemas, schemas.length > 0 && excludedSchemas.length > 0],
    ] as const) {
      if (both) this.#note(exclude.key, `stands beside "${include.key}": give one of them, as in Debezium`);
    }
    try {
      return tableFilter({ tables, excludedTables, schemas, excludedSchemas });
    } catch (error) {
      this.#note(
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
    for (const [key, { text }] of this.#given) {
      if (!key.startsWith(TOPIC_CONFIG)) continue;
      any = true;
      if (key === KEYS.topicPartitions.key || key === KEYS.topicReplication.key) continue;
      if (/^[a-z][a-z0-9.]*$/.test(key.slice(TOPIC_CONFIG.length)))
        configs.push([key.slice(TOPIC_CONFIG.length), text]);
      else this.#note(key, 'names no setting of a topic: expected topic.creation.default.cleanup.policy and the like');
    }
    for (const { key } of any ? [KEYS.topicPartitions, KEYS.topicReplication] : []) {
      if (!this.#given.has(key) && !this.#wrong.has(key)) {
        this.#note(
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
    for (const side of ['key', 'value'] as const) this.#jsonSchemas(side);
    // What could not be parsed is said already and counts as absent here.
    const filled = { ...absentSecurity(), ...values, ...this.#referred() } as ConnectorValues;
    return kafkaSecurity(filled, (key, text) => {
      if (!this.#wrong.has(key)) this.#note(key, text);
    });
  }

  /** A text that is not known here is there all the same: what goes with it is not alone. */
  #referred(): Readonly<Record<string, string>> {
    const texts = Object.entries(KEYS).flatMap(([name, { key, form }]): [string, string][] => {
      const given = this.#given.get(key);
      return given?.unresolved && form.kind === 'text' ? [[name, given.text]] : [];
    });
    return Object.fromEntries(texts);
  }

  /** A password or certificate that is silently not used is a mistake, unless it is there for other connectors. */
  #unusedSecurity(protocol: string): void {
    for (const [key, { shared }] of this.#given) {
      const sasl = key.startsWith('kafka.sasl.') && !protocol.startsWith('SASL');
      const tls = key.startsWith('kafka.ssl.') && !protocol.endsWith('SSL');
      if (shared || !(sasl || tls)) continue;
      const need = sasl ? 'SASL_SSL or SASL_PLAINTEXT' : 'SSL or SASL_SSL';
      this.#note(
        key,
        `has no effect while kafka.security.protocol is ${protocol}: expected ${need}, or this key removed`,
      );
    }
  }

  /** Connect's JsonConverter writes schemas unless told otherwise. */
  #jsonSchemas(side: 'key' | 'value'): void {
    const converter = this.#given.get(`${side}.converter`)?.text.trim();
    if (!/^(?:org\.apache\.kafka\.connect\.json\.)?JsonConverter$/.test(converter ?? '')) return;
    const key = `${side}.converter.schemas.enable`;
    if (this.#given.has(key) || this.#wrong.has(key)) return;
    this.#note(
      key,
      "is missing: Connect's JsonConverter writes a schema into each record by default, which is not supported yet. Set it to false",
    );
  }

  #note(key: string, text: string, near: string | null = null): void {
    const given = this.#given.get(key);
    this.#wrong.add(key);
    this.mistakes.push({
      source: given === undefined ? this.#source : given.source,
      line: given?.at?.line ?? null,
      column: given?.at?.column ?? null,
      key: given?.spelled ?? key,
      text,
      ...(near === null ? {} : { near }),
    });
  }
}

function fieldKeys(fields: Fields, prefix: string): string[] {
  return Object.values(fields).map((field) => prefix + field.key);
}

function absentSecurity(): Record<string, null> {
  return Object.fromEntries(Object.keys(KEYS).map((name) => [name, null]));
}

/** Slot names are lower-case letters, digits and underscores, 63 at most. */
function nameInDatabase(connector: string): string {
  return `millrace_${connector.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')}`.slice(0, 63);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
