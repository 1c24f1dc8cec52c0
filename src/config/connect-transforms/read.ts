/** From the options behind an alias to what its transform is made of. What is wrong is noted. */
import { fromJavaRegex } from '../java-regex.ts';
import { fromJavaReplacement, literalOf } from '../java-replacement.ts';
import { type Fields, type KeyReader, type Values, fieldKeys } from '../key-reader.ts';
import { readFieldPath } from './field-path.ts';
import { type DatePart, readDatePattern } from './java-date-pattern.ts';
import { SIDED, WHOLE } from './keys.ts';
import type { EventField } from './lists.ts';
import { type ConnectType, isDebezium } from './types.ts';

export type SideName = 'key' | 'value';
/** Java's `matches()` and then `replaceFirst`. */
export interface Replacement {
  readonly whole: RegExp;
  readonly found: RegExp;
  /** In JavaScript's syntax. */
  readonly text: string;
}
export interface Insertion {
  readonly name: string;
  readonly optional: boolean;
}

type Nulls = { readonly nullAsDefault: boolean };
type Of<N extends keyof typeof SIDED> = Values<(typeof SIDED)[N]>;
type OfWhole<N extends keyof typeof WHOLE> = Values<(typeof WHOLE)[N]>;

/** A transform with its options, as its maker takes them. */
export type ConnectTransform =
  | { readonly name: 'InsertField'; readonly of: SideName; readonly options: InsertFieldOptions }
  | { readonly name: 'ReplaceField'; readonly of: SideName; readonly options: Of<'ReplaceField'> & Nulls }
  | { readonly name: 'MaskField'; readonly of: SideName; readonly options: Of<'MaskField'> & Nulls }
  | {
      readonly name: 'ExtractField';
      readonly of: SideName;
      readonly options: { readonly path: readonly string[] } & Nulls;
    }
  | { readonly name: 'HoistField'; readonly of: SideName; readonly options: Of<'HoistField'> }
  | { readonly name: 'Flatten'; readonly of: SideName; readonly options: Of<'Flatten'> }
  | { readonly name: 'Cast'; readonly of: SideName; readonly options: Of<'Cast'>['spec'] & Nulls }
  | { readonly name: 'TimestampConverter'; readonly of: SideName; readonly options: TimestampOptions }
  | { readonly name: 'HeaderFrom'; readonly of: SideName; readonly options: Of<'HeaderFrom'> & Nulls }
  | { readonly name: 'SetSchemaMetadata'; readonly of: SideName; readonly options: Of<'SetSchemaMetadata'> & Nulls }
  | { readonly name: 'ExtractNewRecordState'; readonly options: OfWhole<'ExtractNewRecordState'> & Nulls }
  | { readonly name: 'ByLogicalTableRouter'; readonly options: LogicalTableOptions }
  | { readonly name: 'RegexRouter'; readonly options: Replacement }
  | { readonly name: 'ValueToKey'; readonly options: OfWhole<'ValueToKey'> & Nulls }
  | { readonly name: 'InsertHeader'; readonly options: OfWhole<'InsertHeader'> }
  | { readonly name: 'DropHeaders'; readonly options: OfWhole<'DropHeaders'> }
  | { readonly name: 'Filter'; readonly options: OfWhole<'Filter'> };

interface InsertFieldOptions extends Nulls {
  readonly topic: Insertion | null;
  readonly partition: Insertion | null;
  readonly timestamp: Insertion | null;
  readonly fixed: (Insertion & { readonly value: string }) | null;
}
interface TimestampOptions extends Nulls {
  readonly field: string | null;
  readonly target: Of<'TimestampConverter'>['target'];
  readonly format: readonly DatePart[] | null;
  readonly precision: Of<'TimestampConverter'>['precision'];
}
interface LogicalTableOptions {
  readonly topic: Replacement;
  readonly uniqueKey: boolean;
  readonly keyField: string;
  readonly keyReplacement: Replacement | null;
  readonly adjustment: OfWhole<'ByLogicalTableRouter'>['adjustment'];
}

/** InsertField's option that only sink connectors can use. */
const OFFSET = 'offset.field';

/** The keys that a transform of that type has behind the prefix. */
export function connectKeys(type: ConnectType, prefix: string): string[] {
  const keys = fieldKeys(fieldsOf(type), prefix);
  return type.name === 'InsertField' ? [...keys, prefix + OFFSET] : keys;
}

function fieldsOf({ name }: ConnectType): Fields {
  return Object.hasOwn(SIDED, name) ? SIDED[name as keyof typeof SIDED] : WHOLE[name as keyof typeof WHOLE];
}

/** Whether the value is another one behind it, for every record. */
export function changesValue(transform: ConnectTransform): boolean {
  switch (transform.name) {
    case 'ExtractNewRecordState':
    case 'ByLogicalTableRouter':
      return true;
    case 'HeaderFrom':
      return transform.of === 'value' && transform.options.operation === 'move';
    case 'RegexRouter':
    case 'ValueToKey':
    case 'InsertHeader':
    case 'DropHeaders':
    case 'Filter':
      return false;
    case 'InsertField':
    case 'ReplaceField':
    case 'MaskField':
    case 'ExtractField':
    case 'HoistField':
    case 'Flatten':
    case 'Cast':
    case 'TimestampConverter':
    case 'SetSchemaMetadata':
      return transform.of === 'value';
  }
}

/** null when a mistake is noted. */
export function readConnectTransform(reader: KeyReader, prefix: string, type: ConnectType): ConnectTransform | null {
  const before = reader.mistakes.length;
  if (!isDebezium(type.name)) trim(reader, connectKeys(type, prefix));
  const transform = new OptionReader(reader, prefix).transform(type);
  return reader.mistakes.length === before ? transform : null;
}

/** As ConfigDef does it with every text. */
function trim(reader: KeyReader, keys: readonly string[]): void {
  for (const key of keys) {
    const given = reader.given.get(key);
    if (given !== undefined) reader.given.set(key, { ...given, text: given.text.replaceAll(/^[\0- ]+|[\0- ]+$/g, '') });
  }
}

class OptionReader {
  readonly #reader: KeyReader;
  readonly #prefix: string;

  constructor(reader: KeyReader, prefix: string) {
    this.#reader = reader;
    this.#prefix = prefix;
  }

  /** Only to be used when nothing was noted. */
  transform(type: ConnectType): ConnectTransform | null {
    const { name, of = 'value' } = type;
    // What is missing or wrong is noted; then nobody looks at the result.
    const values = <F extends Fields>(fields: F): Values<F> => this.#reader.fields(fields, this.#prefix) as Values<F>;
    switch (name) {
      case 'InsertField':
        return { name, of, options: this.#insertField(values(SIDED.InsertField)) };
      case 'ReplaceField':
        return { name, of, options: withNulls(values(SIDED.ReplaceField)) };
      case 'MaskField':
        return { name, of, options: withNulls(values(SIDED.MaskField)) };
      case 'ExtractField':
        return { name, of, options: this.#extractField(values(SIDED.ExtractField)) };
      case 'HoistField':
        return { name, of, options: values(SIDED.HoistField) };
      case 'Flatten':
        return { name, of, options: values(SIDED.Flatten) };
      case 'Cast': {
        const { spec, nulls } = values(SIDED.Cast);
        return { name, of, options: { ...spec, nullAsDefault: nulls } };
      }
      case 'TimestampConverter':
        return { name, of, options: this.#timestamps(values(SIDED.TimestampConverter)) };
      case 'HeaderFrom': {
        const options = values(SIDED.HeaderFrom);
        const [fields, headers] = [options.fields?.length, options.headers?.length];
        if (fields !== undefined && headers !== undefined && fields !== headers)
          this.#note('headers', `has to have as many items as "${this.#prefix}fields" (${fields}), and has ${headers}`);
        return { name, of, options: withNulls(options) };
      }
      case 'SetSchemaMetadata': {
        const options = values(SIDED.SetSchemaMetadata);
        if (options.name === null && options.version === null)
          this.#note('schema.name', `is missing: give it, or "${this.#prefix}schema.version", or both`);
        return { name, of, options: withNulls(options) };
      }
      case 'ExtractNewRecordState': {
        const options = values(WHOLE.ExtractNewRecordState);
        const [fields, headers] = [
          prefixed(options.fields, options.fieldsPrefix),
          prefixed(options.headers, options.headersPrefix),
        ];
        return { name, options: { ...withNulls(options), fields, headers } };
      }
      case 'ByLogicalTableRouter':
        return { name, options: this.#logicalTable(values(WHOLE.ByLogicalTableRouter)) };
      case 'RegexRouter': {
        const { regex, replacement } = values(WHOLE.RegexRouter);
        return { name, options: this.#topic(['regex', regex], ['replacement', replacement]) };
      }
      case 'ValueToKey':
        return { name, options: withNulls(values(WHOLE.ValueToKey)) };
      case 'InsertHeader':
        return { name, options: values(WHOLE.InsertHeader) };
      case 'DropHeaders':
        return { name, options: values(WHOLE.DropHeaders) };
      case 'Filter':
        return { name, options: {} };
    }
  }

  #note(key: string, text: string): void {
    this.#reader.note(this.#prefix + key, text);
  }

  #insertField(given: Of<'InsertField'>): InsertFieldOptions {
    const { topic, partition, timestamp, fixed, value, nulls } = given;
    if (this.#reader.given.has(this.#prefix + OFFSET)) {
      this.#note(OFFSET, 'is only for sink connectors: a record has no offset before Kafka has it');
    } else if ([topic, partition, timestamp, fixed].every((each) => each === null)) {
      this.#note('static.field', 'is missing: expected it, or topic.field, partition.field or timestamp.field');
    }
    const of = insertion(fixed);
    if (of !== null && value === null) this.#note('static.value', 'is missing: "static.field" gets it');
    return {
      topic: insertion(topic),
      partition: insertion(partition),
      timestamp: insertion(timestamp),
      fixed: of === null ? null : { ...of, value: value ?? '' },
      nullAsDefault: nulls,
    };
  }

  #extractField({ field, syntax, nulls }: Of<'ExtractField'>): { readonly path: readonly string[] } & Nulls {
    const path = syntax === 'V2' && field !== undefined ? readFieldPath(field) : [field];
    if (path === null) this.#note('field', 'has a backtick without its partner: a backtick in a name is written \\`');
    return { path: path ?? [], nullAsDefault: nulls };
  }

  #timestamps({ field, target, format, precision, nulls }: Of<'TimestampConverter'>): TimestampOptions {
    const blank = (format ?? '').trim() === '';
    if (target === 'string' && blank) this.#note('format', 'is missing: it says how the text is written');
    const parts = blank || format === null ? null : readDatePattern(format);
    if (parts !== null && 'problem' in parts) {
      this.#note('format', `is no pattern that can be used: ${parts.problem}`);
      return { field, target, format: null, precision, nullAsDefault: nulls };
    }
    return { field, target, format: parts, precision, nullAsDefault: nulls };
  }

  #logicalTable(given: OfWhole<'ByLogicalTableRouter'>): LogicalTableOptions {
    const { regex, replacement, unique, keyField, keyRegex, keyReplacement, adjustment } = given;
    const topic = this.#topic(['topic.regex', regex], ['topic.replacement', replacement]);
    const identifies = (keyRegex ?? '').trim() !== '';
    if (identifies && (keyReplacement ?? '').trim() === '')
      this.#note('key.field.replacement', 'is missing: "key.field.regex" is given');
    return {
      topic,
      uniqueKey: unique,
      keyField,
      keyReplacement:
        identifies && keyReplacement !== null
          ? this.#replacement(['key.field.regex', keyRegex ?? undefined], ['key.field.replacement', keyReplacement])
          : null,
      adjustment,
    };
  }

  /** A replacement that makes topics. */
  #topic(regex: OptionText, replacement: OptionText): Replacement {
    const read = this.#replacement(regex, replacement);
    if (/[^A-Za-z0-9._-]/.test(literalOf(read.text)) && !this.#reader.isWrong(this.#prefix + replacement[0]))
      this.#note(replacement[0], 'makes no legal topic names: expected A-Z a-z 0-9 . _ - and groups');
    return read;
  }

  #replacement([regexKey, regex]: OptionText, [replacementKey, replacement]: OptionText): Replacement {
    const none: Replacement = { whole: /$^/, found: /$^/, text: '' };
    if (regex === undefined || replacement === undefined) return none;
    const whole = this.#reader.java(this.#prefix + regexKey, () => fromJavaRegex(regex));
    if (whole === null) return none;
    const text = this.#reader.java(this.#prefix + replacementKey, () => fromJavaReplacement(replacement, whole));
    if (text === null) return none;
    return { whole, found: new RegExp(whole.source.slice(1, -1), whole.flags), text };
  }
}

type OptionText = readonly [key: string, text: string | undefined];

function withNulls<V extends { readonly nulls: boolean }>(values: V): V & Nulls {
  return { ...values, nullAsDefault: values.nulls };
}

function prefixed(fields: readonly EventField[] | undefined, prefix: string): readonly EventField[] {
  return (fields ?? []).map((field) => ({ ...field, name: prefix + field.name }));
}

function insertion(text: string | null | undefined): Insertion | null {
  if (text === null || text === undefined) return null;
  return { name: text.replace(/[?!]$/, ''), optional: !text.endsWith('!') };
}
