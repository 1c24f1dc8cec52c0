/** The JSON Schema (draft-07) of a connector's file, from the declarations of its keys: editors complete and check with it. */
import { CONNECT_OPTIONS } from './connect-transforms/described.ts';
import { MAPPING_KEYS } from './column-mappings.ts';
import type { Field } from './field.ts';
import { NAME } from './given.ts';
import { KAFKA_KEYS, SHARED_KEYS } from './kafka-keys.ts';
import { KEYS } from './keys.ts';
import { CONNECTOR_FAMILIES, ROUTER_FAMILIES } from './known/families.ts';
import type { KnownKey } from './known/known-key.ts';
import { knownPatterns, knownSchema } from './known/known-schema.ts';
import { ROUTER_KEYS } from './router-keys.ts';
import { PREDICATE_KEYS, STEP_KEYS } from './transform-keys.ts';
import { MODULE, SCALAR, type Schema, formOf, literal } from './value-schema.ts';

const TOPIC_CONFIG = 'topic.creation.default.';
/** The alias in the examples: editors complete the names of `properties` only. */
const USUAL_ALIAS = 'outbox';

const FIELDS: readonly Field<unknown>[] = Object.values(KEYS);
const ROUTER: readonly Field<unknown>[] = Object.values({ ...ROUTER_KEYS, ...STEP_KEYS });
/** Every option behind an alias, with its declarations: several transforms may have one of the name. */
const OPTIONS: ReadonlyMap<string, readonly Field<unknown>[]> = new Map([
  ...ROUTER.map((field) => [field.key, [field, ...(CONNECT_OPTIONS.get(field.key) ?? [])]] as const),
  ...[...CONNECT_OPTIONS].filter(([key]) => !ROUTER.some((field) => field.key === key)),
]);
const KNOWN = CONNECTOR_FAMILIES.flatMap(({ keys }) => keys);
const KNOWN_OPTIONS = ROUTER_FAMILIES.flatMap(({ keys }) => keys);

export function connectorSchema(): Schema {
  const shared: readonly string[] = [...Object.values(KAFKA_KEYS), ...Object.values(SHARED_KEYS)].map(({ key }) => key);
  const required = FIELDS.filter((field) => !('default' in field)).map((field) => field.key);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A connector of Millrace',
    type: 'object',
    required: ['name', 'config'],
    additionalProperties: false,
    properties: {
      $schema: { description: 'For editors.' },
      name: {
        type: 'string',
        pattern: NAME.source,
        description: 'Name of the connector; it becomes part of names in Kafka and in the database.',
      },
      config: {
        type: 'object',
        // What may be given for all connectors by flag or environment need not stand here.
        required: required.filter((key) => !shared.includes(key)),
        additionalProperties: false,
        properties: connectorProperties(),
        patternProperties: { ...connectorPatterns(), ...optionPatterns() },
        allOf: [
          { anyOf: [HAS_MODULE, { propertyNames: { anyOf: optionNames() } }] },
          ...(['key', 'value'] as const).map(converterOptions),
        ],
      },
    },
    definitions: Object.fromEntries(Array.from(OPTIONS, ([key, fields]) => [key, valueOfAny(fields)])),
  };
}

function connectorProperties(): Schema {
  const known = KNOWN.filter(({ key }) => !key.includes('*'));
  return {
    ...Object.fromEntries(FIELDS.map((field) => [field.key, valueOf(field)])),
    name: { ...SCALAR, description: 'As the name above: Connect repeats it here.' },
    ...Object.fromEntries(ROUTER.map(({ key }) => [`transforms.${USUAL_ALIAS}.${key}`, optionOf(key)])),
    ...Object.fromEntries(known.map((each) => [each.key, knownSchema(each, FIELDS)])),
  };
}

const SPELLED_OUT = [...FIELDS, ...KNOWN].map(({ key }) => key).filter((key) => !key.includes('*'));
const CONNECTOR_PATTERNS = knownPatterns(KNOWN, { spelledOut: [...SPELLED_OUT, 'name'], prefix: TOPIC_CONFIG });

function connectorPatterns(): Schema {
  return {
    [`^${literal(TOPIC_CONFIG)}[a-z][a-z0-9.]*$`]: { ...SCALAR, description: 'A setting of created topics.' },
    ...Object.fromEntries(MAPPING_KEYS.map(({ shape, field }) => [shape.source, valueOf(field)])),
    ...Object.fromEntries(CONNECTOR_PATTERNS.map(([pattern, known]) => [pattern, patternSchema(known)])),
  };
}

/** Of a converter that is no module there are no other options than those that are known. */
function converterOptions(side: 'key' | 'value'): Schema {
  const isModule = {
    required: [`${side}.converter`],
    properties: { [`${side}.converter`]: { type: 'string', pattern: MODULE } },
  };
  const known = CONNECTOR_PATTERNS.filter(([, { key }]) => key === `${side}.converter.*`);
  return {
    anyOf: [
      isModule,
      { patternProperties: Object.fromEntries(known.map(([pattern, each]) => [pattern, knownSchema(each, FIELDS)])) },
    ],
  };
}

/** What is refused of a converter that is there already may be an option of one that is a module. */
function patternSchema(known: KnownKey): Schema {
  const schema = knownSchema(known, FIELDS);
  if (!/^(?:key|value)\.converter\.\*$/.test(known.key)) return schema;
  return { ...SCALAR, description: schema['description'] };
}

function optionPatterns(): Schema {
  const keys = [...OPTIONS.keys(), ...KNOWN_OPTIONS.map(({ key }) => key)];
  return {
    ...Object.fromEntries(Array.from(OPTIONS.keys(), (key) => [optionPattern(key, keys), optionOf(key)])),
    ...Object.fromEntries(KNOWN_OPTIONS.map((each) => [optionPattern(each.key, keys), knownSchema(each, ROUTER)])),
    '^predicates\\..+\\.type$': valueOf(PREDICATE_KEYS.type),
    // A module of one's own has options that nobody here knows.
    [BEHIND_ALIAS]: SCALAR,
  };
}

const BEHIND_ALIAS = String.raw`^(?:transforms|predicates)\..`;
/** A transform or a predicate that is a module. */
const HAS_MODULE: Schema = {
  not: {
    patternProperties: {
      [String.raw`^(?:transforms|predicates)\..+\.type$`]: { not: { type: 'string', pattern: MODULE } },
    },
  },
};

/** Where no type is a module, every option is one that is known. */
function optionNames(): Schema[] {
  const keys = [...OPTIONS.keys(), ...KNOWN_OPTIONS.map(({ key }) => key)];
  return [
    { not: { pattern: String.raw`^(?:transforms|predicates)\.` } },
    ...keys.map((key) => ({ pattern: optionPattern(key, keys) })),
    { pattern: String.raw`^predicates\..+\.(?:type|pattern|name)$` },
  ];
}

const optionOf = (key: string): Schema => ({ $ref: `#/definitions/${key}` });

/** Behind any alias, which may hold dots: so `type` must not take `….table.field.event.type`. */
function optionPattern(key: string, keys: readonly string[]): string {
  const longer = keys.filter((other) => other.endsWith(`.${key}`)).map((other) => `(?!.*\\.${literal(other)}$)`);
  return `^transforms\\.${longer.join('')}.+\\.${literal(key)}$`;
}

/** Of an option that several transforms have: what one of them takes. */
function valueOfAny(fields: readonly Field<unknown>[]): Schema {
  const forms = new Map(fields.map((field) => [JSON.stringify(formOf(field.form)), field]));
  const [first] = fields;
  if (first !== undefined && forms.size === 1 && fields.every(({ doc }) => doc === first.doc)) return valueOf(first);
  return {
    description: [...new Set(fields.map(({ doc }) => doc))].join(' Or: '),
    anyOf: Array.from(forms.values(), ({ form }) => formOf(form)),
    examples: [...new Set(fields.map(({ example }) => example))],
  };
}

function valueOf(field: Field<unknown>): Schema {
  return {
    description: field.doc,
    ...formOf(field.form),
    ...(defaultOf(field) === null ? {} : { default: defaultOf(field) }),
    examples: [field.example],
    ...(field.secret === true ? { writeOnly: true } : {}),
  };
}

/** As it is written in a file; null where there is none. */
export function defaultOf({ default: value }: Field<unknown>): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? value.join(',') : null;
}
