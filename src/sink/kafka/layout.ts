/** Which partitions a topic has and where they are: looked up once, kept for the run, refreshed now and then. */
import { MillraceError } from '../../errors.ts';
import { type TopicContext, type TopicCreation, ensureTopics, topicConfigs } from '../../kafka/topics.ts';
import { PartitionTarget } from '../../kafka/writer.ts';

export interface Layout {
  readonly targets: readonly PartitionTarget[];
  /** Largest batch, and so largest record, that the topic takes. */
  readonly maxBatchBytes: number;
  readonly foundAt: number;
}

/** Topics that are created in one request, well within its time-out. */
const AT_A_TIME = 100;
/** As the Java client's metadata.max.age.ms: partitions that are added later are noticed. */
const MAX_AGE_MS = 300_000;
/** The brokers' default of max.message.bytes, for those who may not look. */
const DEFAULT_MAX_BATCH_BYTES = 1_048_588;
const MAX_BATCH_BYTES = 1_048_588;

export class Layouts {
  readonly #context: TopicContext;
  readonly #creation: TopicCreation;
  readonly #layouts = new Map<string, Layout>();

  constructor(context: TopicContext, creation: TopicCreation) {
    this.#context = context;
    this.#creation = creation;
  }

  /** A layout that is known and fresh, or undefined. */
  known(topic: string, now: number): Layout | undefined {
    const layout = this.#layouts.get(topic);
    return layout !== undefined && now - layout.foundAt < MAX_AGE_MS ? layout : undefined;
  }

  /** Looks topics up, creating them if that is allowed. Only between transactions: leaders and counts may change. */
  async find(topics: readonly string[]): Promise<void> {
    for (let at = 0; at < topics.length; at += AT_A_TIME) {
      const found = await ensureTopics(this.#context, topics.slice(at, at + AT_A_TIME), this.#creation);
      for (const [topic, leaders] of found) this.#keep(topic, leaders, await this.#maxBatchBytes(topic));
    }
  }

  /** Keeps what is known of a topic already. */
  #keep(topic: string, leaders: readonly number[], maxMessageBytes: number): void {
    const before = this.#layouts.get(topic)?.targets ?? [];
    // A batch larger than a megabyte gains nothing, whatever the topic takes; a single record may be.
    const maxBatchBytes = Math.min(maxMessageBytes, MAX_BATCH_BYTES);
    const targets = leaders.map((leader, partition) => {
      const target = before[partition] ?? new PartitionTarget({ topic, partition, leader, maxBatchBytes });
      target.leader = leader;
      target.maxBatchBytes = maxBatchBytes;
      return target;
    });
    this.#layouts.set(topic, { targets, maxBatchBytes: maxMessageBytes, foundAt: this.#context.clock.now() });
  }

  async #maxBatchBytes(topic: string): Promise<number> {
    try {
      const configs = await topicConfigs(this.#context, topic, ['max.message.bytes']);
      const bytes = Number(configs.get('max.message.bytes'));
      return bytes > 0 ? bytes : DEFAULT_MAX_BATCH_BYTES;
    } catch (error) {
      if (!(error instanceof MillraceError && error.kind === 'kafka-rejected')) throw error;
      this.#context.log.debug('may not describe the topic; assuming the default max.message.bytes', { topic });
      return DEFAULT_MAX_BATCH_BYTES;
    }
  }
}
