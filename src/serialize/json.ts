/** Connect's JsonConverter (`org.apache.kafka.connect.json.JsonConverter`), with and without schemas. */
import { writeJson } from '../change/json-data.ts';
import { JsonWriter } from '../change/json-writer.ts';
import type { Payload } from '../change/message.ts';
import type { Datum, Schema } from '../change/schema.ts';
import type { Converter } from './converter.ts';
import type { Events } from './events.ts';
import { schemaJson } from './json-schema.ts';

export interface JsonConverterSettings {
  /** `schemas.enable` */
  readonly schemas: boolean;
  /** `replace.null.with.default` */
  readonly nullAsDefault: boolean;
  /** The same for the source block, whose `snapshot` is not set: its default says false. */
  readonly sourceDefaults: boolean;
}

const SCHEMA = Buffer.from('{"schema":');
const PAYLOAD = Buffer.from(',"payload":');
const END = Buffer.from('}');
const NO_SCHEMA = Buffer.from('null');

export function jsonConverter(
  { schemas, nullAsDefault, sourceDefaults }: JsonConverterSettings,
  events: Events,
  datumOf: (payload: Payload) => Datum,
): Converter {
  const out = new JsonWriter();
  // The record's bytes are copied into the batch before the next one is written.
  const written = (schema: Schema | null, write: () => void): Buffer => {
    out.reset();
    if (schemas) {
      out.raw(SCHEMA);
      out.raw(schema === null ? NO_SCHEMA : schemaJson(schema));
      out.raw(PAYLOAD);
    }
    write();
    if (schemas) out.raw(END);
    return out.view();
  };
  const datum = ({ schema, value }: Datum): Buffer | null => {
    if (schema === null && value === null) return null;
    return written(schema, () => writeJson(schema, value, out, nullAsDefault));
  };
  return {
    datum,
    payload: (payload) => {
      const { schema, value } = datumOf(payload);
      // A column that is null has a schema all the same, and so is no tombstone.
      return written(schema, () => writeJson(schema, value, out, nullAsDefault));
    },
    event: (event) =>
      events.settled(() =>
        written(schemas ? events.valueSchema(event) : null, () =>
          events.valueJson(event, { nullAsDefault, sourceDefaults }, out),
        ),
      ),
    rowKey: (row) =>
      events.settled(() => {
        const schema = events.keySchema(row);
        return schema === null ? null : written(schema, () => events.keyJson(row, nullAsDefault, out));
      }),
  };
}
