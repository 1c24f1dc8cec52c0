/** The JSON Schema (draft-07) of a connector's file, from the declarations of its keys: editors complete and check with it. */
import { CONNECT_OPTIONS } from './connect-transforms/described.ts';
import type { Field, Form, Shape } from './field.ts';
import { NAME } from './given.ts';
import { KAFKA_KEYS, SHARED_KEYS } from './kafka-keys.ts';
import { KEYS } from './keys.ts';
import { ROUTER_KEYS } from './router-keys.ts';
import { PREDICATE_KEYS, STEP_KEYS } from './transform-keys.ts';

type Schema = { readonly [key: string]: unknown };

/** Where a reference stands in a value, anything may come of it. */
const REFERENCE = String.raw`\$\{\w+:[^}]*\}`;
/** Connect's files hold texts; numbers and booleans are taken as their text. */
const SCALAR = ['string', 'number', 'boolean'];
const TOPIC_CONFIG = String.raw`^topic\.creation\.default\.[a-z][a-z0-9.]*$`;
const TYPE_OF_LINK = String.raw`^(?:transforms|predicates)\..+\.type$`;
/** The path of a module of one's own. */
const MODULE = String.raw`\.[cm]?[jt]s\s*$`;
/** The alias in the examples: editors complete the names of `properties` only. */
const USUAL_ALIAS = 'outbox';

export function connectorSchema(): Schema {
  const shared: readonly string[] = [...Object.values(KAFKA_KEYS), ...Object.values(SHARED_KEYS)].map(({ key }) => key);
  const fields: readonly Field<unknown>[] = Object.values(KEYS);
  const router: readonly Field<unknown>[] = Object.values({ ...ROUTER_KEYS, ...STEP_KEYS });
  const others = [...CONNECT_OPTIONS].filter(([key]) => !router.some((field) => field.key === key));
  const options = [...router.map((field) => field.key), ...others.map(([key]) => key)];
  const required = fields.filter((field) => !('default' in field)).map((field) => field.key);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A connector of Millrace',
    type: 'object',
    required: ['name', 'config'],
    additionalProperties: false,
    properties: {
      $schema: { type: 'string', description: 'For editors.' },
      name: {
        type: 'string',
        pattern: NAME.source,
        description: 'Name of the connector; it becomes part of names in Kafka and in the database.',
      },
      config: {
        type: 'object',
        // What may be given for all connectors by flag or environment need not stand here; without a router nothing runs.
        required: [...required.filter((key) => !shared.includes(key)), KEYS.transforms.key],
        additionalProperties: false,
        properties: {
          ...Object.fromEntries(fields.map((field) => [field.key, valueOf(field)])),
          name: { type: 'string', description: 'As the name above: Connect repeats it here.' },
          ...Object.fromEntries(router.map(({ key }) => [`transforms.${USUAL_ALIAS}.${key}`, optionOf(key)])),
        },
        patternProperties: {
          [TOPIC_CONFIG]: { type: SCALAR, description: 'A setting of created topics.' },
          // A module of one's own has options that nobody here knows.
          '^(?:transforms|predicates|key\\.converter|value\\.converter)\\..': { type: SCALAR },
          '^predicates\\..+\\.type$': valueOf(PREDICATE_KEYS.type),
          ...Object.fromEntries(options.map((key) => [optionPattern(key, options), optionOf(key)])),
        },
        // Where no type is a module, every option is one of ours.
        anyOf: [
          { not: { patternProperties: { [TYPE_OF_LINK]: { not: { type: 'string', pattern: MODULE } } } } },
          {
            propertyNames: {
              anyOf: [
                { not: { pattern: String.raw`^(?:transforms|predicates)\.` } },
                ...options.map((key) => ({ pattern: optionPattern(key, options) })),
                { pattern: String.raw`^predicates\..+\.(?:type|pattern|name)$` },
              ],
            },
          },
        ],
      },
    },
    definitions: Object.fromEntries([
      ...router.map((field) => [field.key, valueOf([field, ...(CONNECT_OPTIONS.get(field.key) ?? [])])]),
      ...others.map(([key, fields]) => [key, valueOf(fields)]),
    ]),
  };
}

const optionOf = (key: string): Schema => ({ $ref: `#/definitions/${key}` });

/** Behind any alias, which may hold dots: so `type` must not take `….table.field.event.type`. */
function optionPattern(key: string, options: readonly string[]): string {
  const longer = options.filter((other) => other.endsWith(`.${key}`)).map((other) => `(?!.*\\.${literal(other)}$)`);
  return `^transforms\\.${longer.join('')}.+\\.${literal(key)}$`;
}

/** What several transforms call the same is right if it is right for one of them. */
function valueOf(fields: Field<unknown> | readonly Field<unknown>[]): Schema {
  if (!isList(fields)) return valueOfField(fields);
  const forms = new Map(fields.map((field) => [JSON.stringify(formOf(field.form)), field]));
  const [first] = fields;
  if (forms.size === 1 && first !== undefined && fields.every(({ doc }) => doc === first.doc))
    return valueOfField(first);
  return {
    description: [...new Set(fields.map(({ doc }) => doc))].join(' Or: '),
    anyOf: Array.from(forms.values(), ({ form }) => formOf(form)),
    examples: [...new Set(fields.map(({ example }) => example))],
  };
}

function isList(fields: Field<unknown> | readonly Field<unknown>[]): fields is readonly Field<unknown>[] {
  return Array.isArray(fields);
}

function valueOfField(field: Field<unknown>): Schema {
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
  // The only lists with a default are empty ones.
  return Array.isArray(value) ? '' : null;
}

function formOf(form: Form): Schema {
  switch (form.kind) {
    case 'text':
      return textOf(form);
    case 'list':
      return { type: SCALAR, ...(form.some ? { minLength: 1 } : {}) };
    case 'patterns':
      return { type: SCALAR };
    case 'integer': {
      const also = form.also === null ? [] : [{ enum: [form.also] }];
      const digits = matching(String.raw`^\s*[+-]?\d+\s*$`);
      return { anyOf: [{ type: 'integer', minimum: form.min, maximum: form.max }, ...also, digits] };
    }
    case 'boolean':
      return wordsOf(['true', 'false'], [], [true, false]);
    case 'choice':
      return wordsOf(form.words, form.aliases, form.words.includes('false') ? [false] : [], form.modules);
  }
}

function textOf({ mayBeEmpty, shape }: { readonly mayBeEmpty: boolean; readonly shape: Shape | null }): Schema {
  if (shape === null) return { type: SCALAR, ...(mayBeEmpty ? {} : { minLength: 1 }) };
  const alternatives = [shape.matches.source, REFERENCE, ...(mayBeEmpty ? ['^$'] : [])];
  return { type: SCALAR, pattern: alternatives.map((each) => `(?:${each})`).join('|') };
}

/** `enum` for completion; beside it what is also taken: words in any case with space around them, references. */
function wordsOf(
  words: readonly string[],
  aliases: readonly string[],
  values: readonly boolean[],
  modules = false,
): Schema {
  const anyCase = words.map((word) => literal(word).replaceAll(/[a-z]/gi, bothCases)).join('|');
  const exact = aliases.map(literal).join('|');
  const spelled = `^\\s*(?:${anyCase}${exact === '' ? '' : `|${exact}`})\\s*$`;
  const path = modules ? [matching(MODULE)] : [];
  return { anyOf: [{ enum: [...words, ...aliases, ...values] }, matching(spelled), ...path] };
}

const bothCases = (letter: string): string => `[${letter.toLowerCase()}${letter.toUpperCase()}]`;
const matching = (pattern: string): Schema => ({ type: 'string', pattern: `${pattern}|${REFERENCE}` });
const literal = (text: string): string => text.replaceAll(/[.\\^$*+?()[\]{}|]/g, String.raw`\$&`);
