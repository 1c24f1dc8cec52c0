import type { JsonWriter } from './json-writer.ts';
import type { Data, Schema } from './schema.ts';

/**
 * What a column's type is in Debezium's events, and the two ways from received bytes to a value: as data, for
 * transforms and converters that look at values, and straight to JSON, for those that do not. Both say the same.
 * Made once per column of a `Table`; a source gives it.
 */
export interface ColumnType {
  /**
   * As of a NOT NULL column; whoever builds an event makes it optional where the column is. One that is optional already
   * (PostGIS's geometry, as in Debezium) stays so.
   */
  readonly schema: Schema;
  /** Decodes the received bytes. Throws `data` (never with the value in the message) when they are not of the type. */
  data(bytes: Buffer): Data;
  /**
   * Appends what `org.apache.kafka.connect.json.JsonConverter` writes for `data(bytes)`. Throws as `data` does, and may
   * have written something before: `JsonWriter.cut` takes it back.
   */
  json(bytes: Buffer, out: JsonWriter): void;
}
