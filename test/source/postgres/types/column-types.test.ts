/** What the fixtures cannot show: domains that stop Debezium, other locales, types that are newer, errors, and any value at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ColumnType } from '../../../../src/change/column-type.ts';
import { JsonWriter } from '../../../../src/change/json-writer.ts';
import { MillraceError } from '../../../../src/errors.ts';
import { type CatalogRow, typeCatalog } from '../../../../src/source/postgres/types/catalog.ts';
import { createColumnTypes, missingTypes } from '../../../../src/source/postgres/types/column-types.ts';
import { OID } from '../../../../src/source/postgres/types/oid.ts';
import { DEFAULT_TYPE_OPTIONS, type TypeOptions } from '../../../../src/source/postgres/types/options.ts';
import { enumLabels } from '../../../../src/source/postgres/types/text.ts';
import { converterJson } from './json-converter.ts';

const row = (oid: number, name: string, facts: Partial<CatalogRow> = {}): CatalogRow => ({
  oid,
  name,
  schema: 'public',
  kind: 'b',
  element: 0,
  delimiter: ',',
  base: 0,
  modifier: -1,
  subtype: 0,
  labels: null,
  attributes: null,
  ...facts,
}); // prettier-ignore
const MOOD = 90_001;
const CATALOG = typeCatalog([
  row(OID.int4, 'int4'),
  row(OID.text, 'text'),
  row(OID.numeric, 'numeric'),
  row(OID.box, 'box', { delimiter: ';' }),
  row(1007, '_int4', { element: OID.int4 }),
  row(1009, '_text', { element: OID.text }),
  row(1020, '_box', { element: OID.box, delimiter: ';' }),
  row(MOOD, 'mood', { kind: 'e', labels: ['sad', 'happy'] }),
  row(90_002, 'feeling', { kind: 'd', base: MOOD }),
  row(90_003, 'very_exact', { kind: 'd', base: 90_004 }),
  row(90_004, 'exact', { kind: 'd', base: OID.numeric, modifier: ((8 << 16) | 3) + 4 }),
  row(90_005, 'hstore', { schema: 'extensions' }),
  row(90_006, 'vector'),
  row(90_007, 'sparsevec'),
  row(90_008, 'geometry'),
]);
const typed = (typeId: number, options: Partial<TypeOptions> = {}, typeModifier = -1): ColumnType => {
  const type = createColumnTypes({ ...DEFAULT_TYPE_OPTIONS, ...options }, CATALOG)({ typeId, typeModifier });
  assert.ok(type);
  return type;
};
const jsonOf = (type: ColumnType, text: string): string => {
  const out = new JsonWriter(1);
  type.json(Buffer.from(text), out);
  return out.view().toString();
};

test('domains of enums, which stop Debezium, are enums; domains of domains take the modifier that is given', () => {
  const feeling = typed(90_002);
  assert.equal(feeling.schema.name, 'io.debezium.data.Enum');
  assert.deepEqual(feeling.schema.parameters, { allowed: 'sad,happy' });
  assert.deepEqual(typed(90_003).schema.parameters, { scale: '3', 'connect.decimal.precision': '8' });
  assert.equal(typed(90_005).schema.name, 'io.debezium.data.Json');
});

test('an enum says whether it knows a label, so that one added since can be looked up', () => {
  const labels = enumLabels(typed(90_002));
  assert.deepEqual([labels?.has('sad'), labels?.has('new')], [true, false]);
  assert.equal(enumLabels(typed(OID.text)), null);
});

test('a type that is newer than the catalog is missing; one that is gone by the second look is text', () => {
  assert.deepEqual(missingTypes(CATALOG, [{ typeId: OID.int4 }, { typeId: 90_009 }]), [90_009]);
  assert.equal(jsonOf(typed(90_009), 'x'), '"x"');
  assert.equal(jsonOf(typed(90_009, { includeUnknown: true, binary: 'hex' }), 'x'), '"x"');
});

test('a numeric may have a negative scale, or one beyond its precision', () => {
  const numeric = (precision: number, scale: number): ColumnType =>
    typed(OID.numeric, {}, ((precision << 16) | (scale & 0x7ff)) + 4);
  const thousands = numeric(5, -3);
  assert.deepEqual(thousands.schema.parameters, { scale: '-3', 'connect.decimal.precision': '5' });
  assert.deepEqual(thousands.data(Buffer.from('-12000')), Buffer.from([-12]));
  assert.throws(() => thousands.data(Buffer.from('12001')), { kind: 'data' });
  assert.deepEqual(numeric(3, 5).schema.parameters, { scale: '5', 'connect.decimal.precision': '3' });
  assert.deepEqual(numeric(3, 5).data(Buffer.from('0.00123')), Buffer.from([123]));
});

test('money is read in the style of any locale', () => {
  for (const [text, fractionDigits, expected] of [
    ['-$1,234,567.89', 2, '-1234567.89'],
    ['($1,234.50)', 2, '-1234.50'],
    ['1.234.567,89 €', 2, '1234567.89'],
    ['-1 234 567,89 €', 2, '-1234567.89'],
    ['￥1,234', 2, '1234'],
    ['￥-1,234,567', 0, '-1234567'],
    ["CHF 1'234.50", 2, '1234.50'],
    ['kr. 12,5', 2, '12.5'],
    ['KD 1,234.567', 3, '1234.567'],
    ['Rs.0.05', 2, '0.05'],
  ] as const) {
    const type = typed(OID.money, { decimal: 'string', moneyFractionDigits: fractionDigits });
    assert.equal(type.data(Buffer.from(text)), expected, text);
  }
});

test('money is rounded half away from zero to the digits asked for', () => {
  for (const [text, digits, unscaled] of [
    ['$0.05', 1, 1],
    ['-$0.05', 1, -1],
    ['$0.04', 1, 0],
    ['$2.50', 0, 3],
    ['-$2.49', 0, -2],
    ['$1.50', 4, 15_000],
  ] as const) {
    const data = typed(OID.money, { moneyFractionDigits: digits }).data(Buffer.from(text));
    assert.equal((data as Buffer).readIntBE(0, (data as Buffer).length), unscaled, text);
  }
});

test('what is not of its type is an error that does not say what it was', () => {
  const secret = 'geheim!';
  for (const typeId of [
    OID.int4,
    OID.int8,
    OID.float8,
    OID.numeric,
    OID.money,
    OID.date,
    OID.time,
    OID.timestamp,
    OID.timestamptz,
    OID.timetz,
    OID.interval,
    OID.bytea,
    OID.bit,
    OID.point,
    1007,
    90_005,
  ]) {
    const type = typed(typeId, {}, typeId === OID.bit ? 8 : -1);
    const isOurs = (error: Error): boolean =>
      error instanceof MillraceError && error.kind === 'data' && !error.message.includes(secret);
    assert.throws(() => type.data(Buffer.from(secret)), isOurs, `data of ${typeId}`);
    assert.throws(() => jsonOf(type, secret), isOurs, `json of ${typeId}`);
  }
}); // prettier-ignore

test('bytes of any kind are a value or an error, never a hang or something else', () => {
  const alphabet = fc.constantFrom(...'0123456789{}[]()"\\,;:=>+-. TBCNULinfyearsmonday\u0000ä'.split(''), '🦊');
  const text = fc.oneof(fc.string({ unit: alphabet, maxLength: 40 }), fc.string({ unit: 'binary' }));
  const types = [
    OID.bool,
    OID.int4,
    OID.float4,
    OID.numeric,
    OID.money,
    OID.date,
    OID.time,
    OID.timestamp,
    OID.timestamptz,
    OID.timetz,
    OID.interval,
    OID.bytea,
    OID.varbit,
    OID.point,
    OID.int2vector,
    OID.box,
    1007,
    1009,
    1020,
    MOOD,
    90_005,
  ].flatMap((typeId) =>
    ([{}, { time: 'isostring', decimal: 'string', interval: 'string', binary: 'hex', hstore: 'map' }] as const).map(
      (mode) => typed(typeId, { ...mode, includeUnknown: true }),
    ),
  ); // prettier-ignore
  fc.assert(
    fc.property(text, fc.constantFrom(...types), (input, type) => {
      const bytes = Buffer.from(input);
      try {
        const json = jsonOf(type, input);
        assert.equal(converterJson(type.schema, type.data(bytes)), json);
        JSON.parse(json);
      } catch (error) {
        assert.ok(error instanceof MillraceError && error.kind === 'data', String(error));
      }
    }),
    { numRuns: 5000 },
  );
});

test('real texts with a byte changed are a value or an error, and data and JSON agree', () => {
  const texts: readonly (readonly [number, string])[] = [
    [OID.date, '2024-02-29'],
    [OID.date, '0044-03-15 BC'],
    [OID.timestamp, '2024-02-29 12:34:56.789012'],
    [OID.timestamptz, '2024-02-29 12:34:56.7+00'],
    [OID.timestamptz, '0044-03-15 12:34:56-03:30 BC'],
    [OID.timetz, '12:34:56.7+02'],
    [OID.time, '12:34:56.789'],
    [OID.interval, '1 year 2 mons -3 days -04:05:06.78'],
    [OID.numeric, '-123.450'],
    [OID.money, '-$1,234.50'],
    [OID.bytea, '\\x00ff'],
    [OID.point, '(1.5,-2)'],
    [1009, '{a,"b \\"c",NULL}'],
    [1007, '[0:1]={1,2}'],
    [90_005, '"a"=>"1", "b"=>NULL'],
    [90_006, '[1,2.5]'],
    [90_007, '{1:1.5,3:-2}/5'],
    [90_008, '0101000020E6100000000000000000F03F0000000000000040'],
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.nat(),
      fc.nat({ max: 127 }),
      fc.boolean(),
      ([typeId, text], at, byte, isIso) => {
        const type = typed(typeId, isIso ? { time: 'isostring', decimal: 'string', interval: 'string' } : {});
        const bytes = Buffer.from(text);
        bytes[at % bytes.length] = byte;
        const out = new JsonWriter(1);
        try {
          type.json(bytes, out);
          JSON.parse(out.view().toString());
          assert.equal(converterJson(type.schema, type.data(bytes)), out.view().toString());
        } catch (error) {
          assert.ok(error instanceof MillraceError && error.kind === 'data', `${bytes.toString()}: ${String(error)}`);
        }
      },
    ),
    { numRuns: 5000 },
  );
}); // prettier-ignore

test('numeric: any decimal comes back from its bytes and scale, and data and JSON agree', () => {
  const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 0, max: 45 }));
  const small = fc.tuple(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), fc.integer({ min: 0, max: 14 }));
  fc.assert(
    fc.property(fc.oneof(decimal, small), ([unscaled, scale]) => {
      const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
      const whole = digits.slice(0, digits.length - scale);
      const text = `${unscaled < 0n ? '-' : ''}${whole}${scale === 0 ? '' : `.${digits.slice(-scale)}`}`;
      const exact = typed(OID.numeric, {}, ((60 << 16) | scale) + 4);
      assert.equal(bigintOf(exact.data(Buffer.from(text)) as Buffer), unscaled);
      assert.equal(jsonOf(exact, text), converterJson(exact.schema, exact.data(Buffer.from(text))));
      const variable = typed(OID.numeric);
      const struct = variable.data(Buffer.from(text)) as { readonly scale: number; readonly value: Buffer };
      assert.equal(bigintOf(struct.value) * 10n ** BigInt(scale - struct.scale), unscaled);
      assert.equal(jsonOf(variable, text), converterJson(variable.schema, struct));
    }),
  );
});

function bigintOf(bytes: Buffer): bigint {
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

test('floating-point numbers are written as Java writes them, the short way and the long', () => {
  const decimal = fc
    .tuple(fc.integer({ min: -99_999_999, max: 99_999_999 }), fc.integer({ min: 0, max: 9 }))
    .map(([n, e]) => n / 10 ** e);
  fc.assert(
    fc.property(
      fc.oneof(decimal, fc.double({ noNaN: true }), fc.constantFrom(0, -0, 1e7, 9_999_999, 0.001, 0.0001, 100)),
      (value) => {
        for (const [typeId, number] of [
          [OID.float8, value],
          [OID.float4, Math.fround(value)],
        ] as const) {
          // PostgreSQL's text, near enough: plain or with an exponent, whichever it is.
          const texts = [Object.is(number, -0) ? '-0' : String(number), number.toExponential()];
          for (const text of texts) {
            const type = typed(typeId);
            assert.equal(jsonOf(type, text), converterJson(type.schema, type.data(Buffer.from(text))), text);
          }
        }
      },
    ),
  );
}); // prettier-ignore

test('timestamps: days and dates are those of the calendar that JavaScript has', () => {
  const year = (date: Date): string => {
    const value = date.getUTCFullYear();
    return String(value > 0 ? value : 1 - value).padStart(4, '0');
  };
  const two = (value: number): string => String(value).padStart(2, '0');
  fc.assert(
    fc.property(
      fc.integer({ min: -210_000_000_000, max: 8_639_999_900_000 }),
      fc.integer({ min: 0, max: 999_999 }),
      fc.integer({ min: -15 * 3600, max: 15 * 3600 }),
      (seconds, micros, offset) => {
        const date = new Date(seconds * 1000);
        const fraction = String(micros).padStart(6, '0');
        const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}.${fraction}`;
        const era = date.getUTCFullYear() > 0 ? '' : ' BC';
        const day = `${year(date)}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
        const exact = BigInt(seconds) * 1_000_000n + BigInt(micros);
        assert.equal(typed(OID.timestamp).data(Buffer.from(`${day} ${clock}${era}`)), exact);
        assert.equal(
          jsonOf(typed(OID.timestamp, {}, 3), `${day} ${clock}${era}`),
          String((exact - (((exact % 1000n) + 1000n) % 1000n)) / 1000n),
        );
        const size = Math.abs(offset);
        const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(size / 3600))}:${two(Math.floor(size / 60) % 60)}:${two(size % 60)}`;
        const utc = new Date((seconds - offset) * 1000).toISOString();
        // JavaScript has six digits for years beyond 9999, Java as many as it takes.
        const expected = utc
          .replace(/^([+-])0*(?=\d{4})/, '$1')
          .replace(/\.000Z$/, `.${fraction}Z`)
          .replace('-0000', '0000');
        const type = typed(OID.timestamptz);
        assert.equal(type.data(Buffer.from(`${day} ${clock}${zone}${era}`)), expected);
        assert.equal(jsonOf(type, `${day} ${clock}${zone}${era}`), `"${expected}"`);
      },
    ),
  );
});

test('arrays: any texts come back from what PostgreSQL makes of them', () => {
  const element = fc.option(
    fc.string({
      unit: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('"', '\\', ',', '{', '}', ' ', 'NULL')),
    }),
  );
  fc.assert(
    fc.property(fc.array(element), fc.boolean(), (elements, hasBounds) => {
      const quoted = elements.map((each) => (each === null ? 'NULL' : `"${each.replaceAll(/["\\]/g, '\\$&')}"`));
      const text = `${hasBounds ? `[0:${elements.length - 1}]=` : ''}{${quoted.join(',')}}`;
      const type = typed(1009);
      assert.deepEqual(type.data(Buffer.from(text)), elements);
      assert.deepEqual(JSON.parse(jsonOf(type, text)), elements);
    }),
  );
});

test('hstore: any pairs come back, as JSON and as a map', () => {
  const pairs = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.option(fc.string({ unit: 'grapheme' })), {
    noNullPrototype: true,
  });
  const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
  fc.assert(
    fc.property(pairs, (given) => {
      const text = Object.entries(given)
        .map(([key, value]) => `${quote(key)}=>${value === null ? 'NULL' : quote(value)}`)
        .join(', ');
      const inner = JSON.parse(jsonOf(typed(90_005), text)) as string;
      assert.deepEqual(new Map(Object.entries(JSON.parse(inner) as object)), new Map(Object.entries(given)));
      const map = typed(90_005, { hstore: 'map' });
      assert.deepEqual(map.data(Buffer.from(text)), new Map(Object.entries(given)));
    }),
  );
});
