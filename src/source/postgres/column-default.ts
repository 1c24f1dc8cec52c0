/**
 * The default of a column as its schema shows it, from the expression in the catalog: a literal as its value, a function
 * (now(), nextval()) as the type's zero, as Debezium does it. What is neither has no default in the schema.
 */
import type { ColumnType } from '../../change/column-type.ts';
import type { Data, Schema } from '../../change/schema.ts';

const QUOTED = /^'((?:[^']|'')*)'(?:::.*)?$/s;
const PLAIN = /^\(?(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\)?(?:::.*)?$/i;
const WORD = /^(true|false)$/;
const FUNCTION = /^\(?[\w.]+\(.*\)\)?(?:::.*)?$|^CURRENT_\w+(?:\(\d\))?$|^LOCALTIME(?:STAMP)?(?:\(\d\))?$/is;

/** undefined: none. */
export function columnDefault(expression: string, type: ColumnType): Data | undefined {
  const { schema } = type;
  if (schema.type === 'array' || schema.type === 'map' || schema.type === 'struct') return undefined;
  // A Decimal is bytes, too; of plain ones Debezium shows none.
  if (schema.type === 'bytes' && schema.name !== 'org.apache.kafka.connect.data.Decimal') return undefined;
  const quoted = QUOTED.exec(expression)?.[1]?.replaceAll("''", "'");
  const literal = quoted ?? PLAIN.exec(expression)?.[1] ?? textOf(WORD.exec(expression)?.[1]);
  if (literal !== undefined) {
    try {
      return type.data(Buffer.from(literal));
    } catch {
      // 'now'::timestamp and the like: a literal that is none.
      return undefined;
    }
  }
  return FUNCTION.test(expression) ? zeroOf(schema) : undefined;
}

/** As the log writes it. */
function textOf(word: string | undefined): string | undefined {
  return word === undefined ? undefined : word.slice(0, 1);
}

/** What a type has instead of nothing. */
function zeroOf(schema: Schema): Data | undefined {
  switch (schema.name) {
    case 'io.debezium.time.ZonedTimestamp':
      return '1970-01-01T00:00:00.000000Z';
    case 'io.debezium.data.Uuid':
      return '00000000-0000-0000-0000-000000000000';
    case 'org.apache.kafka.connect.data.Decimal':
      return Buffer.from([0]);
    case undefined:
    default:
      break;
  }
  switch (schema.type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'float32':
    case 'float64':
      return 0;
    case 'int64':
      return 0n;
    case 'string':
    case 'bytes':
    case 'boolean':
    case 'array':
    case 'map':
    case 'struct':
      return undefined;
  }
}
