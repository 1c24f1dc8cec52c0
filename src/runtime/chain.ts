/** Makes the chain of transforms and the serializer of a configuration, the user's own modules among them. */
import type { ColumnType } from '../change/column-type.ts';
import type { Column } from '../change/table.ts';
import type { ConnectorConfig } from '../config/connector.ts';
import type { PredicateConfig, RouterConfig, TransformConfig } from '../config/transforms.ts';
import type { RecordConverter, RecordPredicate, RecordTransform } from '../plugin.ts';
import type { Clock, Log, Metrics } from '../ports.ts';
import { createChangeData } from '../serialize/envelope.ts';
import { type Converter, type Serialize, createSerializer } from '../serialize/serializer.ts';
import { userConverter } from '../serialize/user-module.ts';
import { type Step, createChain } from '../transform/chain.ts';
import { createConnectTransform } from '../transform/connect/create.ts';
import { type OutboxContext, createOutboxRouter } from '../transform/outbox.ts';
import { type Predicate, hasHeaderKey, recordIsTombstone, topicNameMatches } from '../transform/predicates.ts';
import { type Decoding, datumOf } from '../transform/record.ts';
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

export interface ChainSurroundings extends Pick<OutboxContext, 'headerEncoder'> {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly columnType: (column: Column) => ColumnType | null;
}

/** From changes to records. */
export function createStages(
  config: ConnectorConfig,
  plugins: Plugins,
  surroundings: ChainSurroundings,
): { readonly transform: Transform; readonly serialize: Serialize } {
  const { clock, columnType } = surroundings;
  const topicPrefix = config.values.topicPrefix ?? config.name;
  const now = (): number => clock.now();
  const types = new WeakMap<Column, ColumnType | null>();
  const typeOf = (column: Column): ColumnType | null => {
    let type = types.get(column);
    if (type === undefined) types.set(column, (type = columnType(column)));
    return type;
  };
  const decoding: Decoding = {
    columnType: typeOf,
    changeData: createChangeData({ name: topicPrefix, columnType: typeOf, unavailable: UNAVAILABLE, now }),
  };
  const converter = (loaded: Loaded<RecordConverter>): Converter =>
    userConverter(loaded.instance, {
      name: loaded.name,
      datumOf: (payload) => datumOf(payload, decoding),
      guarded: (call) => guarded(loaded.name, call),
    });
  const steps = config.transforms.map((each) => stepOf(each, config, plugins, decoding, surroundings));
  return {
    transform: createChain(steps, { topicPrefix, now }),
    serialize: createSerializer({
      key: plugins.key === null ? config.values.keyConverter : converter(plugins.key),
      value: plugins.value === null ? config.values.valueConverter : converter(plugins.value),
    }),
  };
}

/** Debezium's `unavailable.value.placeholder`. */
const UNAVAILABLE = '__debezium_unavailable_value';

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
  { log, metrics, clock, headerEncoder }: ChainSurroundings,
): Stage {
  const own = plugins.transforms.get(alias);
  if (own !== undefined) return userStage(own.name, own.instance, decoding, metrics);
  if (transform.kind === 'connect') {
    const name = `transforms.${alias} (${transform.type})`;
    return createConnectTransform(transform.transform, { name, decoding, metrics, now: clock.now() });
  }
  return createOutboxRouter(routerSettings(transform as RouterConfig), {
    log,
    metrics,
    ...(headerEncoder === undefined ? {} : { headerEncoder }),
  });
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
