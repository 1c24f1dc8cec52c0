/** Makes a transform of Connect's or Debezium's from its options. */
import type { Metrics } from '../../ports.ts';
import type { Decoding } from '../record.ts';
import type { Stage } from '../transform.ts';
import { type CastOptions, createCast } from './cast.ts';
import { type ExtractNewRecordStateOptions, createExtractNewRecordState } from './extract-new-record-state.ts';
import {
  type ExtractFieldOptions,
  type InsertFieldOptions,
  type ReplaceFieldOptions,
  type SetSchemaMetadataOptions,
  type ValueToKeyOptions,
  createExtractField,
  createHoistField,
  createInsertField,
  createReplaceField,
  createSetSchemaMetadata,
  createValueToKey,
} from './fields.ts';
import { createFlatten } from './flatten.ts';
import { type HeaderFromOptions, createDropHeaders, createHeaderFrom, createInsertHeader } from './headers.ts';
import { type MaskFieldOptions, createMaskField } from './mask-field.ts';
import { named } from './named.ts';
import {
  type LogicalTableOptions,
  type Replacement,
  createByLogicalTableRouter,
  createRegexRouter,
} from './routers.ts';
import { type SideName, sideOf } from './side.ts';
import { type TimestampConverterOptions, createTimestampConverter } from './timestamp-converter.ts';

export type ConnectTransform =
  | { readonly name: 'InsertField'; readonly of: SideName; readonly options: InsertFieldOptions }
  | { readonly name: 'ReplaceField'; readonly of: SideName; readonly options: ReplaceFieldOptions }
  | { readonly name: 'MaskField'; readonly of: SideName; readonly options: MaskFieldOptions }
  | { readonly name: 'ExtractField'; readonly of: SideName; readonly options: ExtractFieldOptions }
  | { readonly name: 'HoistField'; readonly of: SideName; readonly options: { readonly field: string } }
  | { readonly name: 'Flatten'; readonly of: SideName; readonly options: { readonly delimiter: string } }
  | { readonly name: 'Cast'; readonly of: SideName; readonly options: CastOptions }
  | { readonly name: 'TimestampConverter'; readonly of: SideName; readonly options: TimestampConverterOptions }
  | { readonly name: 'HeaderFrom'; readonly of: SideName; readonly options: HeaderFromOptions }
  | { readonly name: 'SetSchemaMetadata'; readonly of: SideName; readonly options: SetSchemaMetadataOptions }
  | { readonly name: 'ExtractNewRecordState'; readonly options: ExtractNewRecordStateOptions }
  | { readonly name: 'ByLogicalTableRouter'; readonly options: LogicalTableOptions }
  | { readonly name: 'RegexRouter'; readonly options: Replacement }
  | { readonly name: 'ValueToKey'; readonly options: ValueToKeyOptions }
  | { readonly name: 'InsertHeader'; readonly options: { readonly header: string; readonly literal: string } }
  | { readonly name: 'DropHeaders'; readonly options: { readonly headers: readonly string[] } }
  | { readonly name: 'Filter' };

export interface ConnectContext {
  /** The alias with its class, for errors: `transforms.mask (MaskField$Value)`. */
  readonly name: string;
  readonly decoding: Decoding;
  readonly metrics: Metrics;
  /** Milliseconds since 1970: decides the century of years with two digits. */
  readonly now: number;
}

export function createConnectTransform(transform: ConnectTransform, context: ConnectContext): Stage {
  return named(context.name, stageOf(transform, context), context.metrics);
}

function stageOf(transform: ConnectTransform, { decoding, now }: ConnectContext): Stage {
  const sides = { key: sideOf('key', decoding), value: sideOf('value', decoding) };
  switch (transform.name) {
    case 'InsertField':
      return createInsertField(sides[transform.of], transform.options);
    case 'ReplaceField':
      return createReplaceField(sides[transform.of], transform.options);
    case 'MaskField':
      return createMaskField(sides[transform.of], transform.options);
    case 'ExtractField':
      return createExtractField(sides[transform.of], transform.options);
    case 'HoistField':
      return createHoistField(sides[transform.of], transform.options);
    case 'Flatten':
      return createFlatten(sides[transform.of], transform.options);
    case 'Cast':
      return createCast(sides[transform.of], transform.options);
    case 'TimestampConverter':
      return createTimestampConverter(sides[transform.of], transform.options, new Date(now));
    case 'HeaderFrom':
      return createHeaderFrom(sides[transform.of], transform.options);
    case 'SetSchemaMetadata':
      return createSetSchemaMetadata(sides[transform.of], transform.options);
    case 'ExtractNewRecordState':
      return createExtractNewRecordState(sides, transform.options);
    case 'ByLogicalTableRouter':
      return createByLogicalTableRouter(sides, transform.options);
    case 'RegexRouter':
      return createRegexRouter(transform.options);
    case 'ValueToKey':
      return createValueToKey(sides, transform.options);
    case 'InsertHeader':
      return createInsertHeader(transform.options);
    case 'DropHeaders':
      return createDropHeaders(transform.options);
    case 'Filter':
      return () => null;
  }
}
