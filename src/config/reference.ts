/** docs/configuration.md: every key in a table, from the declarations. */
import { CONNECT_TRANSFORMS, type Described } from './connect-transforms/described.ts';
import { MAPPING_KEYS } from './column-mappings.ts';
import type { Field, Form } from './field.ts';
import { KAFKA_KEYS, SHARED_KEYS } from './kafka-keys.ts';
import { KEYS } from './keys.ts';
import { ROUTER_KEYS } from './router-keys.ts';
import { defaultOf } from './schema.ts';
import { HAS_HEADER_KEY_KEYS, PREDICATE_KEYS, STEP_KEYS, TOPIC_NAME_MATCHES_KEYS } from './transform-keys.ts';

const HEAD = `# Configuration

Generated from \`src/config/\` by \`npm run docs\`; a test keeps it so. A connector is a JSON file in the shape of Kafka
Connect, \`{"name": "…", "config": {"key": "value", …}}\`. Values are texts; numbers and booleans are taken as well.
\`\${env:NAME}\`, \`\${file:/path}\` and \`\${file:/path:key}\` are replaced inside of any value. An unknown key is a mistake.
Keys of Debezium and Kafka Connect that are not in these tables are in \`docs/debezium-compatibility.md\`.
\`millrace validate FILE\` says every mistake at once; \`docs/connector.schema.json\` lets editors complete and check
(\`"$schema": "…"\` at the top of a file, as in \`connectors/\`), those other keys included, each with what becomes of it. Keys marked † hold secrets and are never shown.
`;

export function configurationReference(): string {
  const kafka: Fields = { ...KAFKA_KEYS, ...SHARED_KEYS };
  const own = Object.fromEntries(Object.entries(KEYS).filter(([name]) => !Object.hasOwn(kafka, name)));
  return [
    HEAD,
    '## Source, records and topics\n',
    tableOf(own),
    'Any other `topic.creation.default.*`, such as `topic.creation.default.retention.ms`, is a setting of created topics;\n' +
      'with one of them, partitions and replication factor have to be given.\n',
    'Keys that say in their name how columns are masked or cut, `*` being a number, or an algorithm and a salt. Where several\n' +
      'match a column, the first in this table counts. Keys of records are sent as they are, and so are columns that are no text\n' +
      'and are to be masked, both as by Debezium, with a warning in the log. They hold for the columns of an outbox table, too.\n',
    tableOf(Object.fromEntries(MAPPING_KEYS.map(({ field }) => [field.key, field]))),
    '## Kafka and positions\n',
    'These may also be given for all connectors, as a flag (`--kafka.client.id orders`) or in the environment\n' +
      "(`MILLRACE_KAFKA_CLIENT_ID`); a file's own value wins.\n",
    tableOf(kafka),
    '## Outbox router\n',
    'Each behind `transforms.<alias>.`, where `transforms` names the alias.\n',
    tableOf(ROUTER_KEYS),
    '## Transforms and predicates\n',
    '`transforms` names any number of transforms, which are applied in that order. Behind `transforms.<alias>.` every one of\n' +
      'them also takes:\n',
    tableOf(STEP_KEYS),
    "Beside the outbox router these of Debezium's and Connect's, which do what the classes of that name do (compared with them\n" +
      'case by case). `$Key` works on the key, `$Value` on the value. `Filter` drops every record that its predicate lets it see.\n',
    ...CONNECT_TRANSFORMS.map(transformSection),
    'Behind `predicates.<alias>.`, where `predicates` names the alias:\n',
    tableOf({ ...PREDICATE_KEYS, ...TOPIC_NAME_MATCHES_KEYS, ...HAS_HEADER_KEY_KEYS }),
    'A `type` of a transform or a predicate, and a converter, may be the path of a module of your own, relative to a folder\n' +
      'of `--plugin.path` (or `MILLRACE_PLUGIN_PATH`), which no connector file can set. What else stands behind its alias are its\n' +
      'options. docs/plugins.md shows how to write one.\n',
  ].join('\n');
}

function transformSection({ types, package: name, fields }: Described): string {
  const heading = `### ${types.map(code).join(', ')}\n\nOf \`${name}\`.\n`;
  if (fields.length === 0) return `${heading}\nNo options.\n`;
  return `${heading}\n${tableOf(Object.fromEntries(fields.map((field) => [field.key, field])))}`;
}

type Fields = Readonly<Record<string, Field<unknown>>>;

function tableOf(fields: Fields): string {
  const rows = Object.values(fields).map((field) => [
    `\`${field.key}\`${field.secret === true ? ' †' : ''}`,
    defaultIn(field),
    `${field.doc} ${valuesIn(field.form)}`.trim(),
    code(field.example),
  ]);
  const lines = [['Key', 'Default', 'Meaning', 'Example'], ['---', '---', '---', '---'], ...rows];
  return `${lines.map((cells) => `| ${cells.map(inCell).join(' | ')} |`).join('\n')}\n`;
}

function defaultIn(field: Field<unknown>): string {
  if (!('default' in field)) return '**required**';
  const value = defaultOf(field);
  return value === null || value === '' ? '' : code(value);
}

function valuesIn(form: Form): string {
  switch (form.kind) {
    case 'text':
      return form.shape === null ? '' : `(${form.shape.expected})`;
    case 'integer':
      return form.min === form.max
        ? `(${form.min})`
        : `(${form.min} to ${form.max}${form.also === null ? '' : `, or ${form.also}`})`;
    case 'boolean':
      return '(`true`, `false`)';
    case 'choice': {
      const aliases = form.aliases.length === 0 ? '' : `; also ${form.aliases.map(code).join(', ')}`;
      return `(${form.words.map(code).join(', ')}${aliases})`;
    }
    case 'list':
      return '(comma-separated)';
    case 'patterns':
      return '(comma-separated regular expressions of Java; `\\,` is a comma)';
  }
}

const code = (text: string): string => `\`${text}\``;
const inCell = (text: string): string => text.replaceAll('|', '\\|');
