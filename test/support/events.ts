/** Events, converters and chains for tests that have no source. */
import type { Tx } from '../../src/change/fragment.ts';
import type { ChangeEvent, SourceBlock, TableDescription } from '../../src/change/event.ts';
import type { Message, OutRecord } from '../../src/change/message.ts';
import type { Schema, Struct, StructSchema } from '../../src/change/schema.ts';
import type { Column, Table } from '../../src/change/table.ts';
import type { JsonWriter } from '../../src/change/json-writer.ts';
import { Events } from '../../src/serialize/events.ts';
import { type ConverterSettings, createConverter, createSerializer } from '../../src/serialize/serializer.ts';
import type { PostgresSettings } from '../../src/source/postgres/settings.ts';
import { typeCatalog } from '../../src/source/postgres/types/catalog.ts';
import { createColumnTypes } from '../../src/source/postgres/types/column-types.ts';
import { DEFAULT_TYPE_OPTIONS } from '../../src/source/postgres/types/options.ts';
import { type Step, createChain } from '../../src/transform/chain.ts';
import { createExpand } from '../../src/transform/events.ts';
import { type Decoding, datumOf } from '../../src/transform/record.ts';
import { TopicNames } from '../../src/transform/topic-name.ts';
import type { Transform } from '../../src/transform/transform.ts';

const TEXT: Schema = { type: 'string', optional: false };
const BLOCK: StructSchema = {
  type: 'struct',
  optional: false,
  name: 'test.Source',
  fields: [{ name: 'table', schema: TEXT }],
};
/** A source block of the table's name alone. */
export const testBlock: SourceBlock = {
  schema: BLOCK,
  data: ({ table }: ChangeEvent): Struct => ({ table: table?.name ?? '' }),
  json: ({ table }: ChangeEvent, _nullAsDefault: boolean, out: JsonWriter): void =>
    out.ascii(JSON.stringify({ table: table?.name ?? '' })),
  transactionId: ({ tx }: ChangeEvent): string => tx?.id ?? '',
  beginId: (tx: Tx): string => tx.id,
  endId: (tx: Tx): string => tx.id,
};

const types = createColumnTypes(DEFAULT_TYPE_OPTIONS, typeCatalog([]));
/** As of a table in which every column but those of the key may be null. */
export function testDescription(table: Table): TableDescription {
  const columns = table.columns.flatMap((column, index) => {
    const type = types(column);
    return type === null ? [] : [{ index, name: column.name, schema: { ...type.schema, optional: !column.key }, type }];
  });
  return { columns, key: columns.filter(({ index }) => table.columns[index]?.key === true) };
}

export const testTopics = new TopicNames('shop', '.');
export const testEvents = new Events({
  block: testBlock,
  describe: testDescription,
  topicOf: (table) => testTopics.of(table),
  placeholder: Buffer.from('unavailable'),
  failed: (_table, _column, error) => {
    throw error;
  },
  now: () => 5,
});
export const testDecoding: Decoding = {
  columnType: () => null,
  rowKey: (row) => testEvents.key(row),
  eventValue: (event) => testEvents.value(event),
};

type Kind = ConverterSettings['kind'];
/** `json` is the short name: no schemas. */
export function serializerOf(kinds: { readonly key: Kind; readonly value: Kind }): (message: Message) => OutRecord {
  const converter = (kind: Kind): ReturnType<typeof createConverter> =>
    createConverter(kind === 'json' ? { kind, schemas: false, nullAsDefault: false, sourceDefaults: true } : { kind }, {
      events: testEvents,
      datumOf: (payload) => datumOf(payload, testDecoding),
    });
  const serialize = createSerializer({ key: converter(kinds.key), value: converter(kinds.value) });
  // What a converter gives may be a view of its buffer; a batch copies it, and so does this.
  const copy = (bytes: Buffer | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes));
  return (message) => {
    const record = serialize(message);
    return { ...record, key: copy(record.key), value: copy(record.value) };
  };
}

export function chainOf(steps: readonly Step[], now = 1234): Transform {
  const expand = createExpand(
    { tombstones: true, skipped: new Set(['t']), skipUnchanged: false },
    {
      topics: testTopics,
      describe: testDescription,
      keyHeader: () => Buffer.from('{}'),
      transactions: null,
      heartbeat: null,
      now: () => now,
    },
  );
  return createChain(expand, steps);
}

/** What a source has to say for `Source`, for doubles. */
export const testFacts = {
  columnType: (_column: Column): null => null,
  describe: testDescription,
  sourceBlock: (): SourceBlock => testBlock,
};

/** The settings of a PostgreSQL source that decide about events alone. */
export const testEventSettings: Pick<
  PostgresSettings,
  'version' | 'topicPrefix' | 'types' | 'columns' | 'includesMessage' | 'operations' | 'publish' | 'heartbeat'
> = {
  version: 'test',
  topicPrefix: 'shop',
  types: DEFAULT_TYPE_OPTIONS,
  columns: { includes: () => true, key: () => null, mapping: () => null },
  includesMessage: () => true,
  operations: ['insert'],
  publish: null,
  heartbeat: null,
};
