/** Debezium's settings for values, under the names that its documentation gives their values. */
export interface TypeOptions {
  /** `decimal.handling.mode` */
  readonly decimal: 'precise' | 'double' | 'string';
  /** `time.precision.mode`; `structured` is newer than the Debezium we follow. */
  readonly time: 'adaptive' | 'adaptive_time_microseconds' | 'connect' | 'isostring' | 'microseconds' | 'nanoseconds';
  /** `interval.handling.mode` */
  readonly interval: 'numeric' | 'string';
  /** `binary.handling.mode` */
  readonly binary: 'bytes' | 'base64' | 'base64-url-safe' | 'hex';
  /** `hstore.handling.mode` */
  readonly hstore: 'json' | 'map';
  /** `money.fraction.digits` */
  readonly moneyFractionDigits: number;
  /** `include.unknown.datatypes`: columns of types that Debezium has no form for are there, as binary data. */
  readonly includeUnknown: boolean;
}

export const DEFAULT_TYPE_OPTIONS: TypeOptions = {
  decimal: 'precise',
  time: 'adaptive',
  interval: 'numeric',
  binary: 'bytes',
  hstore: 'json',
  moneyFractionDigits: 2,
  includeUnknown: false,
};
