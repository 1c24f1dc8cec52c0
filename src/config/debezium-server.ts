/** A Debezium Server's `application.properties` to a connector of ours. */
import { judgeConnectorKey } from './known/families.ts';
import type { Property } from './properties.ts';
import { type Expression, expand } from './server-expressions.ts';

/** What was dropped or changed on the way. */
export interface ImportNote {
  readonly key: string | null;
  /** From 1; null: of the file as a whole. */
  readonly line: number | null;
  readonly text: string;
}

export interface Imported {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  readonly notes: readonly ImportNote[];
  /** Of the properties that keys of the configuration come from. */
  readonly lines: ReadonlyMap<string, number>;
}

const FORMATS: Readonly<Record<string, string>> = {
  json: 'org.apache.kafka.connect.json.JsonConverter',
  jsonbytearray: 'org.apache.kafka.connect.json.JsonConverter',
  simplestring: 'org.apache.kafka.connect.storage.StringConverter',
  binary: 'io.debezium.converters.BinaryDataConverter',
  avro: 'io.confluent.connect.avro.AvroConverter',
  protobuf: 'io.confluent.connect.protobuf.ProtobufConverter',
  cloudevents: 'io.debezium.converters.CloudEventsConverter',
};
const POSITIONS =
  'dropped: the position is kept in offsets.topic. To go on at its slot, stop Debezium, keep slot.name and set slot.adopt=true: what it had not acknowledged comes again';
const HEADERS =
  'header values are plain texts, as in Kafka Connect; Debezium Server writes them as JSON, texts in quotation marks';
const PASSWORD = 'holds a password as plain text: ${env:NAME} or ${file:/path} keeps it out of the file';

/** `name` comes before what the file calls its connector. */
export function importServer(properties: readonly Property[], name: string | null): Imported {
  const conversion = new Conversion(properties);
  for (const property of conversion.last.values()) conversion.take(property);
  return conversion.done(name);
}

class Conversion {
  /** Of each key the last property counts, as in Java. */
  readonly last = new Map<string, Property>();
  readonly #config = new Map<string, string>();
  readonly #lines = new Map<string, number>();
  readonly #notes: ImportNote[] = [];
  #name: string | null = null;
  /** What `debezium.sink.type` says. */
  #sink: string | null = null;

  constructor(properties: readonly Property[]) {
    for (const property of properties) {
      const earlier = this.last.get(property.key);
      if (earlier !== undefined)
        this.#note(earlier, `dropped: it stands again in line ${property.line}, and the last one counts`);
      this.last.set(property.key, property);
    }
  }

  take(property: Property): void {
    const { key } = property;
    const after = (prefix: string): string | null => (key.startsWith(prefix) ? key.slice(prefix.length) : null);
    const source = after('debezium.source.');
    if (source !== null) return this.#source(property, source);
    const producer = after('debezium.sink.kafka.producer.');
    if (producer !== null) return this.#known(property, `producer.override.${producer}`);
    const format = after('debezium.format.');
    if (format !== null) return this.#format(property, format);
    if (/^debezium\.(transforms|predicates)(\.|$)/.test(key)) {
      return this.#put(property, key.slice('debezium.'.length), this.#value(property));
    }
    if (key === 'debezium.sink.type') this.#sinkType(property);
    else if (key.startsWith('debezium.sink.kafka.')) {
      this.#note(property, 'dropped: a commit that fails ends the run, and the next one begins at the stored position');
    } else if (key.startsWith('debezium.sink.'))
      this.#note(property, 'dropped: it belongs to a sink that is not Kafka');
    else if (key.startsWith('%')) this.#note(property, 'dropped: it belongs to a profile of Quarkus');
    else if (key.startsWith('quarkus.debezium.')) {
      this.#note(property, 'dropped: write it as debezium.source.…, which is read');
    } else if (key.startsWith('quarkus.')) {
      this.#note(property, 'dropped: a setting of Quarkus. millrace run has --http and --log-level');
    } else if (key.startsWith('debezium.')) this.#note(property, 'dropped: there is nothing like it');
    else this.#note(property, 'dropped: it is no key of Debezium Server; references to it are resolved');
  }

  done(name: string | null): Imported {
    if (this.#sink === null)
      this.#notes.push({ key: 'debezium.sink.type', line: null, text: 'is missing: kafka is assumed' });
    for (const side of ['key', 'value']) {
      if (!this.#config.has(`${side}.converter`)) this.#config.set(`${side}.converter`, FORMATS['json'] ?? '');
    }
    if (!this.last.has('debezium.format.header')) this.#notes.push({ key: null, line: null, text: HEADERS });
    this.#defaults();
    const own = name ?? this.#name ?? this.#config.get('topic.prefix') ?? '';
    return {
      name: own.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, 200) || 'imported',
      config: Object.fromEntries(this.#config),
      notes: this.#notes.toSorted((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity)),
      lines: this.#lines,
    };
  }

  /** Where Debezium begins otherwise when nothing is said, and it matters to who moves over. */
  #defaults(): void {
    const say = (key: string, text: string): void => {
      if (!this.#config.has(key)) this.#notes.push({ key: `debezium.source.${key}`, line: null, text });
    };
    say('slot.name', 'is not given: Debezium\'s slot is "debezium". To go on there, add slot.name and slot.adopt=true');
    say(
      'publication.name',
      'is not given: Debezium\'s publication is "dbz_publication". To go on with it, add publication.name',
    );
    say(
      'snapshot.mode',
      'is not given: Debezium would begin with a snapshot. There are none: rows from before the first start are not sent',
    );
  }

  #source(property: Property, key: string): void {
    if (key === 'name') this.#name = this.#value(property);
    else if (/^offset\.(storage|flush)(\.|$)/.test(key)) this.#note(property, POSITIONS);
    else if (key.startsWith('schema.history.') || key.startsWith('database.history')) {
      this.#note(property, 'dropped: a history of schemas is not kept, the log brings them');
    } else {
      this.#known(property, key);
      if (key === 'database.password' && !(this.#config.get(key) ?? '').startsWith('${'))
        this.#note(property, PASSWORD);
    }
  }

  /** Refused keys stay, so that the connector does not start without what they ask for. */
  #known(property: Property, key: string): void {
    const value = this.#value(property);
    const judgement = judgeConnectorKey(key, { text: value, hidden: false, routed: false });
    if (judgement?.kind === 'harmless') this.#note(property, `dropped: ${judgement.why}`);
    else if (judgement?.kind === 'mapped' && !judgement.yields) this.#put(property, judgement.to, judgement.text);
    else this.#put(property, key, value);
  }

  /**
   * `debezium.format.value=json` is a converter, `debezium.format.value.…` an option of it; without a side it is one of
   * both, where that side has none of its own.
   */
  #format(property: Property, rest: string): void {
    const [, side, option] = /^(key|value|header)(?:\.(.*))?$/.exec(rest) ?? [];
    if (side === undefined) {
      for (const each of ['key', 'value']) {
        if (!this.last.has(`debezium.format.${each}.${rest}`)) this.#known(property, `${each}.converter.${rest}`);
      }
    } else if (side === 'header') this.#note(property, HEADERS);
    else if (option !== undefined) this.#known(property, `${side}.converter.${option}`);
    else {
      const word = this.#value(property).trim().toLowerCase();
      this.#put(property, `${side}.converter`, Object.hasOwn(FORMATS, word) ? (FORMATS[word] ?? '') : word);
    }
  }

  #sinkType(property: Property): void {
    this.#sink = this.#value(property).trim().toLowerCase();
    if (this.#sink !== 'kafka') {
      this.#note(
        property,
        `says ${JSON.stringify(this.#sink)}: the only sink is Kafka, whose kafka.bootstrap.servers is to be added`,
      );
    }
  }

  #put(property: Property, key: string, value: string): void {
    this.#config.set(key, value);
    this.#lines.set(key, property.line);
  }

  #value(property: Property): string {
    const { text, problems }: Expression = expand(property, this.last);
    for (const problem of problems) this.#note(property, problem);
    return text;
  }

  #note({ key, line }: Property, text: string): void {
    this.#notes.push({ key, line, text });
  }
}
