/** Makes the chain of transforms and the serializer of a configuration, the user's own modules among them. */
import type { Row } from '../change/change.ts';
import type { EventOp } from '../change/event.ts';
import { JsonWriter } from '../change/json-writer.ts';
import type { Header, Message } from '../change/message.ts';
import type { Column, Table } from '../change/table.ts';
import type { ConnectorConfig, ConverterSettings } from '../config/connector.ts';
import type { PredicateConfig, RouterConfig, TransformConfig } from '../config/transforms.ts';
import type { RecordConverter, RecordPredicate, RecordTransform } from '../plugin.ts';
import type { Clock, Log, Metrics } from '../ports.ts';
import type { Converter } from '../serialize/converter.ts';
import { Events } from '../serialize/events.ts';
import { failureHandler } from '../serialize/failures.ts';
import { type ConverterContext, type Serialize, createConverter, createSerializer } from '../serialize/serializer.ts';
import { userConverter } from '../serialize/user-module.ts';
import type { Source } from '../source/source.ts';
import { type Step, createChain } from '../transform/chain.ts';
import { createConnectTransform } from '../transform/connect/create.ts';
import { type Expand, createExpand } from '../transform/events.ts';
import { maskingOf } from '../transform/masked-row.ts';
import { heartbeatMessage } from '../transform/heartbeat.ts';
import { type OutboxRouter, createOutboxRouter } from '../transform/outbox.ts';
import { type Predicate, hasHeaderKey, recordIsTombstone, topicNameMatches } from '../transform/predicates.ts';
import { type Decoding, datumOf } from '../transform/record.ts';
import { TopicNames } from '../transform/topic-name.ts';
import { TransactionCounter } from '../transform/transactions.ts';
import type { Stage, Transform } from '../transform/transform.ts';
import { guarded, userPredicate, userStage } from '../transform/user-module.ts';
import { type Loaded, close, load } from './plugins.ts';

/** Transforms, predicates and converters that are loaded: the same for a whole run. */
export interface Plugins {
  readonly transforms: ReadonlyMap<string, Loaded<RecordTransform>>;
  readonly predicates: ReadonlyMap<string, Loaded<RecordPredicate>>;
  readonly key: Loaded<RecordConverter> | null;
  readonly value: Loaded<RecordConverter> | null;
  close(): void;
}

/** Loads the user's own modules. Throws `config` for the first that is faulty; those before it are closed. */
export async function loadPlugins(config: ConnectorConfig): Promise<Plugins> {
  const loaded: Loaded<{ close?(): void }>[] = [];
  const keep = <T extends { close?(): void }>(one: Loaded<T>): Loaded<T> => {
    loaded.push(one);
    return one;
  };
  const closeAll = (): void => {
    for (const one of loaded.splice(0)) close(one);
  };
  try {
    const transforms = new Map<string, Loaded<RecordTransform>>();
    for (const { alias, transform } of config.transforms) {
      if (transform.kind === 'module') transforms.set(alias, keep(await load(transform.module, 'apply')));
    }
    const predicates = new Map<string, Loaded<RecordPredicate>>();
    for (const [name, predicate] of config.predicates) {
      if (predicate.kind === 'module') predicates.set(name, keep(await load(predicate.module, 'test')));
    }
    const { key, value } = config.converters;
    return {
      transforms,
      predicates,
      key: key === null ? null : keep(await load<RecordConverter>(key, 'toBytes', { of: 'key' })),
      value: value === null ? null : keep(await load<RecordConverter>(value, 'toBytes', { of: 'value' })),
      close: closeAll,
    };
  } catch (error) {
    closeAll();
    throw error;
  }
}

export interface ChainSurroundings {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly source: Pick<Source, 'headerEncoder' | 'columnType' | 'describe' | 'sourceBlock'>;
}

/** From changes to records. */
export function createStages(
  config: ConnectorConfig,
  plugins: Plugins,
  surroundings: ChainSurroundings,
): { readonly transform: Transform; readonly serialize: Serialize } {
  const { source, clock } = surroundings;
  const { values } = config;
  const now = (): number => clock.now();
  const describe = cached((table: Table) => source.describe(table));
  const topics = new TopicNames(values.topicPrefix ?? config.name, values.topicDelimiter);
  const block = source.sourceBlock();
  const events = new Events({
    block,
    describe,
    topicOf: (table) => topics.of(table),
    placeholder: placeholderOf(values.placeholder),
    failed: failureHandler(values.convertingFailure, { log: surroundings.log, now }),
    now,
  });
  const decoding: Decoding = {
    columnType: cached((column: Column) => source.columnType(column)),
    rowKey: (row) => events.key(row),
    eventValue: (event) => events.value(event),
  };
  const context: ConverterContext = { events, datumOf: (payload) => datumOf(payload, decoding) };
  const converter = (loaded: Loaded<RecordConverter> | null, settings: ConverterSettings): Converter =>
    loaded === null
      ? createConverter(settings, context)
      : userConverter(loaded.instance, {
          ...context,
          name: loaded.name,
          guarded: (call) => guarded(loaded.name, call),
        });
  const topic = [values.topicPrefix ?? config.name, values.transactionTopic].join(values.topicDelimiter);
  const transactions = values.transactionMetadata ? new TransactionCounter({ topic, block, now }) : null;
  const expand = createExpand(
    {
      tombstones: values.tombstones,
      skipped: new Set(values.skipped.includes('none') ? [] : (values.skipped as readonly EventOp[])),
      skipUnchanged: values.skipUnchanged,
    },
    { topics, describe, keyHeader: keyHeader(events), transactions, heartbeat: heartbeatOf(config, now), now },
  );
  return {
    transform: transformOf(config, { plugins, decoding, expand, now }, surroundings),
    serialize: createSerializer({
      key: converter(plugins.key, config.serialization.key),
      value: converter(plugins.value, config.serialization.value),
    }),
  };
}

/** null: none are sent. */
function heartbeatOf({ values, name }: ConnectorConfig, now: () => number): (() => Message) | null {
  const server = values.topicPrefix ?? name;
  const topic = values.heartbeatTopic ?? [values.heartbeatPrefix, server].join(values.topicDelimiter);
  return values.heartbeatMs === 0 ? null : () => heartbeatMessage(topic, server, now());
}

/** An answer that is asked for once per object. */
function cached<K extends object, V>(ask: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, { readonly value: V }>();
  return (key) => {
    let found = known.get(key);
    if (found === undefined) known.set(key, (found = { value: ask(key) }));
    return found.value;
  };
}

/** `hex:` before bytes, else a text. */
function placeholderOf(given: string): Buffer {
  return given.startsWith('hex:') ? Buffer.from(given.slice(4), 'hex') : Buffer.from(given);
}

/** As Connect's SimpleHeaderConverter writes a struct: JSON without a schema. */
function keyHeader(events: Events): (row: Row) => Buffer {
  const out = new JsonWriter(256);
  return (row) =>
    events.settled(() => {
      out.reset();
      events.keyJson(row, true, out);
      return Buffer.from(out.view());
    });
}

interface Parts {
  readonly plugins: Plugins;
  readonly decoding: Decoding;
  readonly expand: Expand;
  readonly now: () => number;
}

/** With one router for everything there is nobody to see events: rows become messages at once. */
function transformOf(config: ConnectorConfig, parts: Parts, surroundings: ChainSurroundings): Transform {
  const { plugins, decoding, expand, now } = parts;
  const [first, ...others] = config.transforms;
  if (
    first?.transform.kind === 'outbox' &&
    first.predicate === null &&
    others.length === 0 &&
    !config.values.transactionMetadata
  ) {
    const { route, stage } = routerOf(first.transform, surroundings);
    const rest = createChain(expand, [{ stage, predicate: null }]);
    const transform: Transform = (change, tx, out) => {
      if (change.op === 'insert' && change.after !== null) out.push(route(change.after, NO_HEADERS, now()));
      else rest(change, tx, out);
    };
    return rest.beat === undefined ? transform : Object.assign(transform, { beat: rest.beat });
  }
  return createChain(
    expand,
    config.transforms.map((each) => stepOf(each, config, plugins, decoding, surroundings)),
  );
}

const NO_HEADERS: readonly Header[] = Object.freeze([]);

function stepOf(
  { alias, transform, predicate }: TransformConfig,
  config: ConnectorConfig,
  plugins: Plugins,
  decoding: Decoding,
  surroundings: ChainSurroundings,
): Step {
  const asked = predicate === null ? undefined : config.predicates.get(predicate.name);
  const test = asked === undefined ? null : predicateOf(predicate?.name ?? '', asked, plugins, decoding);
  return {
    stage: stageOf(alias, transform, plugins, decoding, surroundings),
    predicate: test === null ? null : { test, negate: predicate?.negate ?? false },
  };
}

function stageOf(
  alias: string,
  transform: TransformConfig['transform'],
  plugins: Plugins,
  decoding: Decoding,
  surroundings: ChainSurroundings,
): Stage {
  const { metrics, clock } = surroundings;
  const own = plugins.transforms.get(alias);
  if (own !== undefined) return userStage(own.name, own.instance, decoding, metrics);
  if (transform.kind === 'connect') {
    const name = `transforms.${alias} (${transform.type})`;
    return createConnectTransform(transform.transform, { name, decoding, metrics, now: clock.now() });
  }
  return routerOf(transform as RouterConfig, surroundings).stage;
}

function routerOf(config: RouterConfig, { log, metrics, source }: ChainSurroundings): OutboxRouter {
  const headerEncoder = (column: Column): ((bytes: Buffer) => Buffer) | null => source.headerEncoder?.(column) ?? null;
  const masking = (table: Table): ReturnType<typeof maskingOf> => maskingOf(source.describe(table));
  return createOutboxRouter(routerSettings(config), { log, metrics, headerEncoder, masking });
}

function predicateOf(name: string, config: PredicateConfig, plugins: Plugins, decoding: Decoding): Predicate {
  switch (config.kind) {
    case 'topic':
      return topicNameMatches(config.pattern);
    case 'header':
      return hasHeaderKey(config.name);
    case 'tombstone':
      return recordIsTombstone();
    case 'module': {
      const own = plugins.predicates.get(name) as Loaded<RecordPredicate>;
      return userPredicate(own.name, own.instance, decoding);
    }
  }
}

function routerSettings({
  values,
  headers,
  topicRegex,
  topicReplacement,
}: RouterConfig): Parameters<typeof createOutboxRouter>[0] {
  return {
    idField: values.id,
    keyField: values.key,
    payloadField: values.payload,
    routeByField: values.routeBy,
    topicRegex,
    topicReplacement,
    headers,
    missingHeaderColumn: values.missing,
    tombstoneOnEmptyPayload: values.tombstone,
    onUpdate: values.onUpdate,
  };
}
