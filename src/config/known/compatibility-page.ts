/** docs/debezium-compatibility.md, made from the declarations. */
import type { Field } from '../field.ts';
import { KEYS } from '../keys.ts';
import { ROUTER_KEYS } from '../router-keys.ts';
import { CONNECT_TRANSFORMS } from '../connect-transforms/described.ts';
import { CONNECTOR_FAMILIES, NEW_RECORD_STATE_FAMILIES, ROUTER_FAMILIES } from './families.ts';
import { type Family, type KnownKey, acceptedWords } from './known-key.ts';

/** Where we begin otherwise than Debezium 3.4 does when a key is not given. */
const DEFAULTS: readonly (readonly [key: string, debezium: string, ours: string, why: string])[] = [
  ['`plugin.name`', '`decoderbufs`', '`pgoutput`', 'it is in every PostgreSQL since 10; the other has to be installed'],
  ['`publication.autocreate.mode`', '`all_tables`', '`filtered`', 'a publication of all tables needs a superuser'],
  ['`publication.name`', '`dbz_publication`', '`millrace_<name>`', 'two connectors do not share one unnoticed'],
  ['`slot.name`', '`debezium`', '`millrace_<name>`', 'a slot that two connectors share loses events'],
  [
    '`snapshot.mode`',
    '`initial`',
    '`no_data`',
    'there are no snapshots yet; with a snapshot Debezium sends outbox rows again',
  ],
  [
    '`offset.mismatch.strategy`',
    '`no_validation`',
    'as `trust_offset`',
    'a slot that is ahead of Kafka has lost events: the start is refused',
  ],
  [
    '`lsn.flush.mode`',
    '`connector`',
    'as `connector_and_driver`',
    'a quiet outbox would hold the log back until the disk is full',
  ],
  ['`exactly.once.support`', '`requested`', 'always', 'records and position are one Kafka transaction'],
  ['`transaction.boundary`', '`poll`', 'the source transaction', 'readers see a source transaction whole, or not yet'],
  ['`max.queue.size.in.bytes`', 'no limit', '16 MiB', 'memory is bounded'],
  ['`extended.headers.enabled`', '`true`', 'as `false`', 'no `__debezium.context.*` headers are sent'],
  [
    '`publish.via.partition.root`',
    '`false`',
    'as `true`',
    'the rows of a partitioned table are of one table, in one topic',
  ],
  [
    '`hstore.handling.mode`, for headers of the router',
    '`json`',
    'as PostgreSQL writes them',
    'such columns become neither JSON nor numbers, unless the key is given; row changes follow the default',
  ],
  ['`interval.handling.mode`, for headers of the router', '`numeric`', 'as PostgreSQL writes them', 'the same'],
  ['`key.converter`', "the worker's", '`raw`', 'there is no worker; a key of the router is text, one of a row JSON'],
  [
    '`value.converter`',
    "the worker's",
    '`raw`',
    'payloads are sent byte for byte, row changes as JSON without schemas',
  ],
];

export function compatibilityPage(): string {
  return `# A Debezium user's file

<!-- Generated from src/config/known/: edit that, then UPDATE_DOCS=1 node --test test/config/compatibility-page.test.ts -->

A connector's JSON for Kafka Connect can be brought as it is; \`kafka.bootstrap.servers\` is added, because there is no
worker that knows it. Every key of Debezium 3.4's PostgreSQL and MySQL connectors, of Kafka Connect 4.3's source
connectors and of the outbox event router is known:

- **supported**: it does here what it does there.
- **read as** a key of ours: the same, under another name. Said once at info when the connector starts.
- **harmless**: nothing depends on it here. Said once at info when the connector starts, with the reason.
- **refused**: ignoring it would change events or guarantees. The connector does not start and says what to do instead.
- Some are harmless with the value that says what Millrace does anyway, and refused with any other; some of these
  only where row changes are sent: no outbox router without a predicate is among \`transforms\`.

Any other key is an error that names the nearest known one. \`millrace import-config FILE\` converts the
\`application.properties\` of a Debezium Server.

## Defaults that differ

When the key is not given:

${table(['Key', 'Debezium', 'Millrace', 'Why'], DEFAULTS)}

## Supported

${table(['Key', 'Meaning'], supported(KEYS, ''))}

Of the router, behind \`transforms.<alias>.\`:

${table(['Option', 'Meaning'], supported(ROUTER_KEYS, ''))}

\`topic.creation.default.*\` gives created topics any setting of a topic, as in Kafka Connect.

${rowChanges()}## Transforms

Beside the router these are here, with every option of theirs (docs/configuration.md), under the names of their classes with
or without the package: ${TRANSFORMS}; and the predicates
\`TopicNameMatches\`, \`HasHeaderKey\` and \`RecordIsTombstone\`. They are compared with the classes of Kafka Connect 4.3.1 and Debezium 3.4.3
themselves (\`test/transform/connect/original.test.ts\`). On purpose otherwise:

${DEVIATIONS.map((each) => `- ${each}`).join('\n')}

${[...CONNECTOR_FAMILIES, ...ROUTER_FAMILIES, ...NEW_RECORD_STATE_FAMILIES].map(section).join('\n')}`;
}

function rowChanges(): string {
  return `\`column.mask.with.<n>.chars\`, \`column.mask.hash[.v2].<algorithm>.with.salt.<salt>\` and \`column.truncate.to.<n>.chars\` do
what they do there, which spares keys of records, and of what is to be masked all that is no text: that is said in the log, once
for each version of a table. On purpose otherwise:

- Where several match a column, a mask comes before a hash, a hash before a cut, and all of them before \`column.propagate.source.type\`
  and \`datatype.propagate.source.type\`. In Debezium a cut or a source type may undo a mask.
- A cut leaves no half of a character that takes two of Java's.
- The algorithm MD2 is refused.

## Events

Row changes are the records of Debezium 3.4.3, byte for byte but for versions, times and positions: every kind of change, keys
and headers, schemas on and off (\`test/source/postgres/events.pg.kafka.test.ts\` compares them with captured ones), and every
type (docs/postgres-types.md). On purpose otherwise:

${EVENTS.map((each) => `- ${each}`).join('\n')}

## Heartbeats and publications

- The position advances without heartbeats; their records are for those who watch the topic. They are sent at their interval
  also while nothing happens, in the Kafka transaction of the position, and pass the transforms, as in Kafka Connect.
- A database in which nothing happens while others of its server write holds their log back: nothing of it is ours to
  acknowledge. \`heartbeat.action.query\` writes into a table of yours. \`heartbeat.message.prefix\`, which Debezium does
  not have, writes a logical message instead (\`pg_logical_emit_message\`), which needs no table and no right; it becomes no
  event, whatever \`message.prefix.include.list\` says, and neither does any other message of that prefix.
- The statements run on a session of their own, one at a time, only where this instance works, and end after 10 seconds; what
  fails is a warning.
- A publication that is created publishes what \`skipped.operations\`, if it is given, leaves over, as in Debezium after 3.4:
  what nobody wants is not sent to us. One that exists is not
  changed: where it leaves out what is to be events, the start and \`millrace plan\` say so, with the statement.

`;
}

const TRANSFORMS = CONNECT_TRANSFORMS.map(({ types }) => types.map((type) => `\`${type}\``).join(' and ')).join(', ');

/** Of row changes. */
const EVENTS: readonly string[] = [
  'A table with `REPLICA IDENTITY USING INDEX` has that index for its key, because old rows carry nothing else; Debezium keys its deletes by the primary key with zeros in it, which reaches another row (docs/decisions/0009).',
  'A default with a quotation mark in it is shown whole; Debezium cuts it off there. Defaults of functions are shown as zero for numbers, times and `uuid` alone.',
  'In the counts of a transaction (`provide.transaction.metadata`) tables come in the order of their first events, and logical messages count as `message`; Debezium has the order of a Java HashMap, and the name of a Java object.',
  'Headers of intervals, arrays, `timetz`, `money` and bits, and raw outbox payloads, are texts as PostgreSQL writes them.',
  '`ts_us` and `ts_ns` of an envelope have the precision of a millisecond.',
];

/** Of transforms; what the originals do was asked of them. */
const DEVIATIONS: readonly string[] = [
  'A record that a transform cannot take stops the connector with the alias and the class in the message, never with a value.',
  'Wrong options are refused before the first record, also those that the classes only trip over later: a replacement with a group that is not there or with characters that no topic has, and `offset.field` of `InsertField`, which is for sink connectors.',
  'Words such as `target.type` are taken in any case.',
  '`TimestampConverter` and the dates in headers are in UTC and English, not in the time zone and language of the machine; the pattern letters `Y`, `w`, `W` and `F`, which count weeks, are refused, and of the names of time zones only UTC and GMT are read.',
  'A record has a time before Kafka has it, so that `timestamp.field` of `InsertField` has a value. Those of Debezium have none.',
  'Without a schema a whole number is an integer; JavaScript does not tell 5 from 5.0.',
  'The outbox router takes rows: a transform that changes the value stands behind it, or has a predicate. Those that change topic, key or headers, or drop records, may stand before it.',
];

function section({ title, about, keys }: Family): string {
  return `## ${title}

${about}

${table(['Key', 'What becomes of it', 'Why, and what to do instead'], keys.map(row))}
`;
}

function row(known: KnownKey): readonly [string, string, string] {
  const key = `\`${known.key}\``;
  switch (known.verdict) {
    case 'harmless':
      return [key, 'harmless', `${known.why}.`];
    case 'mapped':
      return [key, `read as \`${known.to}\``, `${known.why}.`];
    case 'fixed':
      return [key, `harmless: ${accepted(known)}; else refused`, `${known.why}. Else: ${known.otherwise}.`];
    case 'routed':
      return [
        key,
        `harmless with an outbox router, and with ${accepted(known)}; else refused`,
        `${known.why}. Else: ${known.otherwise}.`,
      ];
    case 'refused':
      return [key, 'refused', `${known.why}. ${known.instead}.`];
  }
}

function accepted({ accepts }: Extract<KnownKey, { verdict: 'fixed' | 'routed' }>): string {
  return acceptedWords(accepts).replaceAll(/"([^"]*)"/g, '`$1`');
}

function supported(fields: Readonly<Record<string, Field<unknown>>>, prefix: string): (readonly [string, string])[] {
  return Object.values(fields).map(({ key, doc }) => [`\`${prefix}${key}\``, doc]);
}

/** Keys, classes and files in prose: words with a dot inside, and `*`, which would be emphasis. */
function asCode(text: string): string {
  const parts = text.split(/(`[^`]*`)/);
  return parts
    .map((part) =>
      part.startsWith('`') ? part : part.replaceAll(/\$\{[^}]*\}|[A-Za-z_][\w-]*(?:\.[\w*-]+)+(?:=[\w.-]+)?/g, '`$&`'),
    )
    .join('');
}

/** As the formatter aligns it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((text) => asCode(text).replaceAll('|', '\\|')));
  const widths = head.map((_, at) => Math.max(3, ...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, at) => text.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const [first = [], ...others] = cells;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)].join('\n');
}
