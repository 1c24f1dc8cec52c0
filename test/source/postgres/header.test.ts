import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerBytes, headerEncoder } from '../../../src/source/postgres/header.ts';
import { OID } from '../../../src/source/postgres/types/oid.ts';

const header = (typeId: number, text: string, typeModifier = -1): string =>
  headerBytes(typeId, typeModifier, Buffer.from(text)).toString();
const numeric = (precision: number, scale: number): number => ((precision << 16) | scale) + 4;

test('numbers, booleans and binary data are written as Java writes them', () => {
  assert.equal(header(OID.bool, 't'), 'true');
  assert.equal(header(OID.bool, 'f'), 'false');
  assert.equal(header(OID.int8, '-9223372036854775808'), '-9223372036854775808');
  assert.equal(header(OID.float8, '1e+07'), '1.0E7');
  assert.equal(header(OID.float4, '3'), '3.0');
  assert.equal(header(OID.float8, '-Infinity'), '-Infinity');
  assert.equal(header(OID.bytea, '\\x0102ff'), 'AQL/');
  assert.equal(header(OID.bytea, '\\x'), '');
});

test('a numeric with a scale is a BigDecimal, one without is the structure that Debezium makes of it', () => {
  assert.equal(header(OID.numeric, '1234.50', numeric(10, 2)), '1234.50');
  assert.equal(header(OID.numeric, '0.0000001', numeric(10, 7)), '1E-7');
  for (const [text, scale, value] of [
    ['0', 0, 'AA=='],
    ['1.50', 1, 'Dw=='],
    ['-1', 0, '/w=='],
    ['127', 0, 'fw=='],
    ['128', 0, 'AIA='],
    ['-128', 0, 'gA=='],
    ['-129', 0, '/38='],
    ['100', 0, 'ZA=='],
    ['0.001', 3, 'AQ=='],
    ['-12345.6789', 4, '+KQy6w=='],
  ] as const) {
    assert.equal(header(OID.numeric, text), `{"scale":${scale},"value":"${value}"}`, text);
  }
  assert.equal(header(OID.numeric, 'NaN'), 'NaN');
});

test('dates are days, times and timestamps milliseconds up to three digits and microseconds beyond', () => {
  for (const [text, days] of [
    ['1970-01-01', 0],
    ['1969-12-31', -1],
    ['2024-02-29', 19_782],
    ['1900-03-01', -25_508],
    ['2000-01-01', 10_957],
    ['12024-07-04', 3_672_333],
    ['0044-03-15 BC', -735_160],
    ['0001-01-01 BC', -719_528],
  ] as const) {
    assert.equal(header(OID.date, text), String(days), text);
  }
  assert.equal(header(OID.date, 'infinity'), '-2147472692');
  assert.equal(header(OID.time, '01:02:03.5', 3), '3723500');
  assert.equal(header(OID.time, '01:02:03.5'), '3723500000');
  assert.equal(header(OID.time, '24:00:00', 0), '86400000');
  assert.equal(header(OID.timestamp, '2024-02-29 01:02:03.123', 3), '1709168523123');
  assert.equal(header(OID.timestamp, '2024-02-29 01:02:03.123', 4), '1709168523123000');
  assert.equal(header(OID.timestamp, '2024-02-29 01:02:03.123456'), '1709168523123456');
  assert.equal(header(OID.timestamp, '1969-12-31 23:59:59.9', 3), '-100');
  assert.equal(header(OID.timestamp, 'infinity'), '9223372036825200000');
  assert.equal(header(OID.timestamp, '-infinity', 3), '-9223372036832400');
});

test('timestamps with time zone are ISO 8601 in UTC, with the digits of the column', () => {
  assert.equal(header(OID.timestamptz, '2024-02-29 01:02:03.12+00'), '2024-02-29T01:02:03.120000Z');
  assert.equal(header(OID.timestamptz, '2024-02-29 01:02:03+00'), '2024-02-29T01:02:03.000000Z');
  assert.equal(header(OID.timestamptz, '2024-02-29 01:02:03.1+00', 3), '2024-02-29T01:02:03.100Z');
  assert.equal(header(OID.timestamptz, '2024-02-29 01:02:03+00', 0), '2024-02-29T01:02:03Z');
  assert.equal(header(OID.timestamptz, '0044-03-15 01:02:03+00 BC', 0), '-0043-03-15T01:02:03Z');
  assert.equal(header(OID.timestamptz, '12024-07-04 01:02:03+00', 0), '+12024-07-04T01:02:03Z');
  assert.equal(header(OID.timestamptz, '-infinity'), '-infinity');
});

test('text, uuid, json and whole numbers are not touched, nor looked at', () => {
  const text = 25;
  for (const typeId of [text, OID.uuid, OID.json, OID.jsonb, OID.int2, OID.int4, OID.int8, OID.oid]) {
    assert.equal(headerEncoder(typeId, -1), null);
    const bytes = Buffer.from('ä');
    assert.equal(headerBytes(typeId, -1, bytes), bytes);
  }
});
