/** Where our values differ from Debezium 3.4's on purpose; docs/postgres-types.md is made of it. */
export interface Difference {
  /** Names of columns in the fixtures (test/fixtures/debezium/cases.ts); an ending of * stands for any. */
  readonly columns: readonly string[];
  /** Which texts; all of them if not given. `schema` is the column's schema. */
  readonly values?: RegExp;
  readonly modes?: readonly string[];
  /** What we make of them, one for each kind of mode. An error is its message's beginning. */
  readonly ours: readonly (string | RegExp)[];
  /** A row of the page: what, what Debezium does, what we do and why. */
  readonly what: string;
  readonly debezium: string;
  readonly millrace: string;
}

const UNKNOWN_INCLUDED = ['unknown', 'double', 'isostring', 'microseconds'];

export const DIFFERENCES: readonly Difference[] = [
  {
    columns: ['numeric*', 'a_numeric_nan'],
    values: /^\{?(?:NaN|-?Infinity)\}?$/,
    modes: ['default', 'unknown', 'isostring', 'microseconds', 'nanoseconds'],
    ours: [/^a value of type numeric is not a number: .*decimal\.handling\.mode/],
    what: '`NaN` and infinities in `numeric`, `decimal.handling.mode=precise`',
    debezium: 'null, and an error in the log',
    millrace: 'the same, and a warning; `event.converting.failure.handling.mode=fail` stops instead',
  },
  {
    columns: ['a_numeric_nan'],
    modes: ['double', 'string'],
    ours: ['["NaN"]', '["NAN"]'],
    what: '`NaN` and infinities in an array of `numeric`, the other modes',
    debezium: 'null for the array, and an error in the log',
    millrace: 'as outside of arrays',
  },
  {
    columns: ['numeric_5_m2'],
    ours: [
      /"scale":"-2","connect.decimal.precision":"5"/,
      '"AA=="',
      '"AQ=="',
      '"MDk="',
      '"/g=="',
      '"0"',
      '"100"',
      '"1234500"',
      '"-200"',
    ],
    what: '`numeric` with a negative scale, such as `numeric(5,-2)`',
    debezium: 'takes the scale for 2046, and fills up with zeros',
    millrace: 'scale -2',
  },
  {
    columns: ['float8'],
    values: /^9\.999999999999999e\+22$/,
    ours: ['1.0E23'],
    what: 'a few floating-point numbers with two shortest forms, such as 1e23',
    debezium: 'what its Java writes; before Java 19 sometimes more digits than it takes',
    millrace: 'as Java 19 and later',
  },
  {
    columns: ['name'],
    ours: ['"abc"', '""'],
    what: '`name`, `include.unknown.datatypes=false`',
    debezium: 'null',
    millrace: 'the name',
  },
  {
    columns: ['timetz'],
    values: /\+05:30:15$/,
    ours: ['"06:29:45Z"'],
    what: '`timetz` whose zone has seconds',
    debezium: 'fails on it and drops the row',
    millrace: 'the time in UTC',
  },
  {
    columns: ['timestamp', 'timestamp6'],
    values: /^294276-12-31/,
    modes: ['default', 'unknown', 'double', 'microseconds'],
    ours: ['9223372036854775807'],
    what: '`timestamp` beyond the range of an int64 in microseconds (after January of 294247)',
    debezium: 'in the last second a wrong negative number, before it the greatest int64',
    millrace: 'the greatest int64',
  },
  {
    columns: ['timestamp*', 'a_timestamp'],
    modes: ['nanoseconds'],
    values: /^(?:\{?"?-?infinity|.* BC|0|1677|2262|9999|1\d{4}-|2\d{5}-)/,
    ours: ['9223372036854775807', '-9223372036854775808', '[9223372036854775807]', '[-9223372036854775808]'],
    what: '`timestamp` before 1677 or after 2262 and infinities, `time.precision.mode=nanoseconds`',
    debezium: 'wraps around to an arbitrary number',
    millrace: 'the smallest or greatest int64',
  },
  {
    columns: ['interval3'],
    ours: ['1235000', '"P0Y0M0DT0H0M1.235S"'],
    what: '`interval` with a fraction of a second that a double does not hold',
    debezium: 'may lose a microsecond: 1.235 s are 1234999, and in text 1.234999999',
    millrace: 'exact',
  },
  {
    columns: ['interval_inf'],
    ours: ['9223372036854775807', '-9223372036854775808', '"infinity"', '"-infinity"'],
    what: '`interval` of `infinity` (PostgreSQL 17)',
    debezium: '0',
    millrace: 'the greatest or smallest int64, or in text its name',
  },
  {
    columns: ['mood', 'nn_mood', 'a_mood', 'a_mood_full'],
    values: /^schema$/,
    ours: [/"allowed":"sad,ok, so so,meh,happy"/],
    what: 'an enum that got a value with `BEFORE` or `AFTER`',
    debezium: 'the values as they were added',
    millrace: 'the values in their order, as Debezium has it since 3.6',
  },
  {
    columns: ['a_mood', 'a_vector'],
    values: /NULL/,
    ours: ['["sad","ok, so so",null]', '[[1.0,2.0],null]'],
    what: 'NULL in an array of enums, `vector`, `halfvec`, `sparsevec`, `tsvector` or `isbn`',
    debezium: 'null for the array, and an error in the log; its schema does not allow for it',
    millrace: 'null in the array; the schema is that of Debezium',
  },
  {
    columns: ['a_sparsevec'],
    ours: ['[{"dimensions":2,"vector":[[1,1.0]]}]'],
    what: 'an array of `sparsevec`',
    debezium: 'null, and an error in the log',
    millrace: 'the array',
  },
  {
    columns: ['sparsevec_wide'],
    ours: [/^a value of type sparsevec is not one of at most 32767 dimensions/],
    what: '`sparsevec` of more than 32767 dimensions',
    debezium: 'null, and an error in the log: its schema has 16 bits for them',
    millrace: 'an error that says so',
  },
  {
    columns: ['int2vector', 'oidvector'],
    ours: ['[1,2,3]', '[1,2]'],
    what: '`int2vector` and `oidvector`',
    debezium: 'an empty array',
    millrace: 'their elements',
  },
  {
    columns: ['a_int4_2d'],
    ours: ['[1,2,3,4]'],
    what: 'arrays of more than one dimension, of which the type says nothing',
    debezium: 'null for each inner array, or the name of a Java object',
    millrace: 'the elements of all dimensions, one after the other',
  },
  {
    columns: ['a_date', 'a_timestamp'],
    values: /infinity| BC/,
    ours: [
      '[-2147472692]',
      '["-5877611-06-21Z"]',
      '[-735160]',
      '["-0043-03-15Z"]',
      '[-63517780800000000]',
      '[-63517780800000]',
      '["-0043-03-15T12:00:00Z"]',
    ],
    what: 'dates before 1582 or infinite in arrays',
    debezium: 'shifted by days to the Julian calendar, the era lost, or another number for infinity',
    millrace: 'as outside of arrays',
  },
  {
    columns: ['a_time', 'a_timetz'],
    ours: [
      '[45296789012,null]',
      '[45296789012000,null]',
      '["12:34:56.789012Z",null]',
      '["10:34:56.789012Z",null]',
      '[86400000000]',
      '[86400000]',
      '[86400000000000]',
    ],
    what: '`time` and `timetz` in arrays',
    debezium: 'cut to milliseconds or seconds; 24:00 becomes 0',
    millrace: 'as outside of arrays',
  },
  {
    columns: ['a_bit', 'a_bit1'],
    ours: [/"type":"array","items":\{"type":"(?:bytes|boolean)","optional":true/, '["BQ=="]', '[true]'],
    what: 'arrays of `bit`',
    debezium: 'the schema of a single one, and null with an error in the log',
    millrace: 'an array',
  },
  {
    columns: ['a_name', 'a_money', 'a_interval', 'a_xml', 'a_varbit', 'a_point'],
    modes: UNKNOWN_INCLUDED,
    ours: [
      /"type":"array","items":\{/,
      '["a"]',
      '["AJY="]',
      '["Dw=="]',
      '["Bdw="]',
      '[1.5]',
      '[86400000000]',
      '["P0Y0M1DT0H0M0S"]',
      '["<a/>"]',
      '["BQ=="]',
      '[{"x":1.0,"y":2.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null}]',
    ],
    what: 'arrays of `name`, `money`, `interval`, `xml`, `bit varying` and `point`, `include.unknown.datatypes=true`',
    debezium: 'left out',
    millrace: 'an array of the element; left out with `include.unknown.datatypes=false`',
  },
]; // prettier-ignore
