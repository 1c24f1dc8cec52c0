/** Converters of the user's own. */
import { kindOf } from '../change/conforms.ts';
import { MillraceError } from '../errors.ts';
import type { RecordConverter } from '../plugin.ts';
import type { Datum } from '../change/schema.ts';
import type { Payload } from '../change/message.ts';
import type { Converter } from './serializer.ts';

export interface UserConverterContext {
  /** `value.converter (protobuf.ts)`, for errors. */
  readonly name: string;
  readonly datumOf: (payload: Payload) => Datum;
  /** Calls foreign code and gives its error a name. */
  readonly guarded: <T>(call: () => T) => T;
}

export function userConverter(converter: RecordConverter, context: UserConverterContext): Converter {
  const { name, datumOf, guarded } = context;
  const datum = ({ schema, value }: Datum, topic: string): Buffer | null => {
    const bytes: unknown = guarded(() => converter.toBytes(topic, schema, value));
    if (bytes === null) return null;
    if (bytes instanceof Uint8Array) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes instanceof Promise) bytes.catch(() => {});
    const got = bytes instanceof Promise ? 'a promise' : bytes === undefined ? 'nothing' : kindOf(bytes);
    throw new MillraceError('data', `${name}: toBytes() gave ${got}: expected a Uint8Array, or null`);
  };
  return { datum, payload: (payload, topic) => datum(datumOf(payload), topic) };
}
