/** Why nothing arrives in Kafka: looks at brokers, topics, rights and transactions, and changes nothing. */
import type { Diagnosis } from '../../change/finding.ts';
import { MillraceError } from '../../errors.ts';
import { kafkaError } from '../../kafka/client.ts';
import { type Cluster, anyBroker, closeCluster } from '../../kafka/cluster.ts';
import { type TopicState, allTopics } from '../../kafka/cluster-state.ts';
import type { PartitionList, TransactionState } from '../../kafka/open-transactions.ts';
import { type CommittedRecord, TopicTail } from '../../kafka/reader.ts';
import { type TopicContext, checkCreation, topicLeaders } from '../../kafka/topics.ts';
import { untilAborted } from '../../network/until-aborted.ts';
import type { Clock, Log } from '../../ports.ts';
import { checkAdvertised, openBrokers } from './doctor-brokers.ts';
import { MOST_TOPICS, topicHealth } from './doctor-topics.ts';
import { heldPartitions, ownTransaction } from './doctor-transactions.ts';
import { NOTHING_STORED, type Stored, foldStored, judgeOffsetsTopic, partitionsOf } from './offsets.ts';
import { transactionTimeout } from './plan.ts';
import type { KafkaSinkSettings } from './sink.ts';

export interface KafkaDoctorOptions {
  readonly settings: KafkaSinkSettings;
  /** Whether the router makes topics of such a name. */
  readonly isTarget: (topic: string) => boolean;
  /** A topic that the router could make; null: of any name. */
  readonly exampleTopic: string | null;
  /** Time between the two looks at what is stored. */
  readonly watchMs: number;
  /** Hears what is stored as soon as that is known; null: it cannot be known. */
  readonly onStored: (found: { readonly stored: Stored; readonly clusterId: string } | null) => void;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** All of it, the watch aside, ends within this time. */
  readonly deadlineMs: number;
}

export interface KafkaExamination {
  readonly diagnoses: readonly Diagnosis[];
  /** What is stored, at the first and at the second look; null: could not be read. */
  readonly first: Stored | null;
  readonly second: Stored | null;
  readonly transaction: TransactionState | null;
}

export async function examineKafka(options: KafkaDoctorOptions): Promise<KafkaExamination> {
  const deadline = AbortSignal.timeout(options.deadlineMs + options.watchMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  const examination = new Examination({ ...options, signal });
  try {
    await untilAborted(examination.look(), signal);
  } catch (error) {
    options.signal.throwIfAborted();
    if (!deadline.aborted && !(error instanceof MillraceError)) throw error;
    const text = deadline.aborted
      ? `Kafka did not answer every question within ${options.deadlineMs / 1000} s: what is missing here was not looked at`
      : kafkaError(error, 'Kafka could not be examined').message;
    examination.diagnoses.push({ level: 'unknown', area: 'kafka', text });
  } finally {
    options.onStored(null);
    await examination.close();
  }
  return examination;
}

class Examination implements KafkaExamination {
  readonly diagnoses: Diagnosis[] = [];
  first: Stored | null = null;
  second: Stored | null = null;
  transaction: TransactionState | null = null;
  readonly #options: KafkaDoctorOptions;
  #cluster: Cluster | null = null;
  #written: PartitionList = {};

  constructor(options: KafkaDoctorOptions) {
    this.#options = options;
  }

  async close(): Promise<void> {
    if (this.#cluster !== null) await closeCluster(this.#cluster);
  }

  async look(): Promise<void> {
    const { settings, signal, log } = this.#options;
    const opened = await openBrokers(settings.kafka, { log, signal });
    this.#cluster = opened.cluster;
    this.diagnoses.push(...opened.diagnoses);
    if (opened.cluster === null) return;
    const advertised = await checkAdvertised(opened.cluster, settings.kafka, signal);
    this.diagnoses.push(...advertised.diagnoses);
    if (advertised.reachable.length === 0) {
      const text =
        'topics, stored position and transactions were not looked at: no broker can be reached where it says it is';
      this.diagnoses.push({ level: 'unknown', area: 'topic', text });
      return;
    }
    await this.#questions(opened.cluster);
  }

  async #questions(cluster: Cluster): Promise<void> {
    const { settings, log, clock, signal } = this.#options;
    const context: TopicContext = { cluster, log, clock, signal };
    const { offsetsTopic, transactionalId } = settings;
    const all = await allTopics(await anyBroker(cluster));
    const offsets = all.find(({ topic }) => topic === offsetsTopic) ?? null;
    const tail = new TopicTail(cluster, { topic: offsetsTopic, deadlineMs: 0, log, clock, signal });
    if (offsets === null)
      await this.#attempt('topic', `offsets topic "${offsetsTopic}"`, () => this.#missingOffsets(context));
    else {
      await this.#attempt('topic', `offsets topic "${offsetsTopic}"`, () => this.#offsetsSettings(context, offsets));
      // Whoever reads a topic waits for its leaders; the other questions need not.
      if (offsets.partitions.every(({ leader }) => leader >= 0)) {
        await this.#attempt('position', `offsets topic "${offsetsTopic}"`, async () => {
          this.first = this.#fold(NOTHING_STORED, await tail.read('stable'), offsets);
        });
      }
    }
    const clusterId = cluster.brokerPool.metadata?.clusterId ?? '';
    this.#options.onStored(this.first === null ? null : { stored: this.first, clusterId });
    const rest = async (): Promise<void> => {
      await this.#attempt('transaction', `transactional.id "${transactionalId}"`, async () => {
        const { diagnoses, state } = await ownTransaction(cluster, transactionalId, clock.now());
        this.diagnoses.push(...diagnoses);
        this.transaction = state;
      });
      await this.#attempt('transaction', "the brokers' transaction.max.timeout.ms", async () => {
        for (const { text } of await transactionTimeout(context, settings.transactionTimeoutMs)) {
          this.diagnoses.push({ level: 'broken', area: 'transaction', text });
        }
      });
      const targets = this.#targets(all);
      await this.#attempt('topic', 'the event topics', () => this.#eventTopics(context, targets));
      const at = [...(offsets === null ? [] : [offsets]), ...targets.slice(0, MOST_TOPICS)].flatMap(
        ({ topic, partitions }) => partitions.map(({ partition, leader }) => ({ topic, partition, leader })),
      );
      await this.#attempt('transaction', 'open transactions', async () => {
        const of = { transactionalId, offsetsTopic, nowMs: clock.now() };
        this.diagnoses.push(...(await heldPartitions(cluster, at, of)));
      });
    };
    const again = async (): Promise<void> => {
      const { first } = this;
      if (first === null || offsets === null) return;
      await clock.sleep(this.#options.watchMs, signal);
      await this.#attempt('position', `offsets topic "${offsetsTopic}"`, async () => {
        this.second = this.#fold(first, await tail.read('stable'), offsets);
      });
    };
    await Promise.all([rest(), again()]);
  }

  /** A question that is not answered becomes a diagnosis, and the next one is asked all the same. */
  async #attempt(area: Diagnosis['area'], about: string, ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      this.#options.signal.throwIfAborted();
      const { kind, message, statement } = kafkaError(error, `cannot ask Kafka about ${about}`);
      if (/AUTHORIZATION_FAILED/.test(message)) {
        this.diagnoses.push(this.#denied(message, about));
        return;
      }
      const refused = kind === 'refused' || kind === 'kafka-rejected';
      const remedy = statement === null ? {} : { remedy: statement };
      this.diagnoses.push({ level: refused ? 'broken' : 'unknown', area, text: message, ...remedy });
    }
  }

  #denied(message: string, about: string): Diagnosis {
    const { kafka, offsetsTopic, transactionalId } = this.#options.settings;
    const add = `kafka-acls.sh --add --allow-principal User:${kafka.sasl?.username ?? 'NAME'}`;
    const remedy = /TRANSACTIONAL_ID/.test(message)
      ? `${add} --transactional-id ${transactionalId} --operation WRITE`
      : `${add} --topic ${offsetsTopic} --operation READ --operation WRITE --operation DESCRIBE_CONFIGS --operation CREATE`;
    const text = `Kafka's ACLs do not let us use ${about}: ${message}`;
    return { level: 'broken', area: 'rights', text, means: 'the connector stops at its start', remedy };
  }

  #fold(before: Stored, records: readonly CommittedRecord[], { partitions }: TopicState): Stored {
    const { connector } = this.#options.settings;
    for (const record of records) this.#written = partitionsOf(record, connector) ?? this.#written;
    return foldStored(before, records, { connector, partitions: partitions.length });
  }

  async #missingOffsets(context: TopicContext): Promise<void> {
    const { offsetsTopic } = this.#options.settings;
    // Of a topic that an ACL hides the brokers say so when they are asked for it by name.
    if ((await topicLeaders(context, offsetsTopic)) !== null) return;
    this.first = NOTHING_STORED;
    this.second = NOTHING_STORED;
    this.diagnoses.push({
      level: 'warning',
      area: 'topic',
      text: `offsets topic "${offsetsTopic}" does not exist: a start creates it`,
      means: 'no position is stored: the connector has never run on this Kafka, or its offsets topic was deleted',
      remedy: 'compare offsets.topic with that of the instance that ran; millrace plan FILE says what a start would do',
    });
    await checkCreation(context, offsetsTopic, { enable: true, partitions: -1, replicationFactor: -1, configs: {} });
  }

  async #offsetsSettings(context: TopicContext, state: TopicState): Promise<void> {
    const { maxRequestBytes } = this.#options.settings;
    this.diagnoses.push(...(await topicHealth(context, state, { role: 'offsets', maxRequestBytes })));
    const { refusals, warnings } = await judgeOffsetsTopic(context, state.topic);
    const say = (level: 'broken' | 'warning', each: MillraceError): void => {
      const remedy = each.statement === null ? {} : { remedy: each.statement };
      this.diagnoses.push({ level, area: 'topic', text: each.message, ...remedy });
    };
    for (const each of refusals) say('broken', each);
    for (const each of warnings) say('warning', each);
  }

  /** Topics that the last transaction wrote to, and those whose name the router would make. */
  #targets(all: readonly TopicState[]): readonly TopicState[] {
    const { isTarget, settings } = this.#options;
    return all.filter(({ topic, internal }) => {
      if (internal || topic === settings.offsetsTopic) return false;
      return topic in this.#written || isTarget(topic);
    });
  }

  async #eventTopics(context: TopicContext, targets: readonly TopicState[]): Promise<void> {
    const { settings } = this.#options;
    const { maxRequestBytes } = settings;
    const looked = targets.slice(0, MOST_TOPICS);
    const found = await Promise.all(
      looked.map((state) => topicHealth(context, state, { role: 'events', maxRequestBytes })),
    );
    this.diagnoses.push(...found.flat());
    const names = looked.slice(0, 5).map(({ topic }) => topic);
    const more = targets.length > names.length ? ` and ${targets.length - names.length} more` : '';
    if (targets.length > 0) {
      this.diagnoses.push({ level: 'ok', area: 'topic', text: `event topics: ${names.join(', ')}${more}` });
    }
    await this.#missingTopics(context, targets);
  }

  /** Events for a topic that does not exist. */
  async #missingTopics(context: TopicContext, targets: readonly TopicState[]): Promise<void> {
    const { settings, exampleTopic, isTarget } = this.#options;
    const { topicCreation } = settings;
    if (exampleTopic === null) return;
    const isAny = targets.some(({ topic }) => isTarget(topic));
    if (!topicCreation.enable) {
      if (isAny) return;
      this.diagnoses.push({
        level: 'broken',
        area: 'topic',
        text: `no topic such as "${exampleTopic}" exists, and topic.creation.enable is false`,
        means: 'the first event stops the connector',
        remedy: `kafka-topics.sh --create --topic ${exampleTopic}, or set topic.creation.enable=true`,
      });
      return;
    }
    try {
      await checkCreation(context, exampleTopic, topicCreation);
    } catch (error) {
      const { message, kind } = kafkaError(error, `an event topic such as "${exampleTopic}" could not be created`);
      if (/TOPIC_ALREADY_EXISTS/.test(message)) return;
      this.diagnoses.push({
        level: !isAny && kind === 'kafka-rejected' ? 'broken' : 'warning',
        area: /AUTHORIZATION_FAILED/.test(message) ? 'rights' : 'topic',
        text: message,
        means: 'an event for a topic that does not exist stops the connector',
        remedy: `create the topics, or allow it: kafka-acls.sh --add --allow-principal User:${settings.kafka.sasl?.username ?? 'NAME'} --topic ${exampleTopic} --operation CREATE`,
      });
    }
  }
}
