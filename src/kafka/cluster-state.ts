/**
 * Topics as the brokers describe them, partitions without a leader included: Metadata 8 in our own hand, since kafkajs
 * throws where a partition has trouble, and does not ask what we may do
 * (https://kafka.apache.org/protocol#The_Messages_Metadata).
 */
import { type Broker, sendRaw } from './cluster.ts';

const METADATA = { apiKey: 3, apiVersion: 8, apiName: 'Metadata' } as const;

export interface PartitionState {
  readonly partition: number;
  /** Node id, or -1: nobody takes records or hands them out. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

export interface TopicState {
  readonly topic: string;
  readonly internal: boolean;
  readonly partitions: readonly PartitionState[];
  /** What we may do with it, by the protocol's numbers of operations; null: not said. */
  readonly operations: ReadonlySet<number> | null;
}

/** The protocol's numbers of the operations that ACLs allow. */
export const OPERATION = { READ: 3, WRITE: 4, CREATE: 5, DESCRIBE_CONFIGS: 10 } as const;

/** Every topic that we may see. */
export async function allTopics(broker: Broker): Promise<readonly TopicState[]> {
  const body = Buffer.alloc(4 + 3);
  body.writeInt32BE(-1); // all topics
  body[6] = 1; // include what we may do with them
  const frame = (id: number): Buffer => {
    const head = Buffer.alloc(14);
    head.writeInt32BE(10 + body.length, 0);
    head.writeInt16BE(METADATA.apiKey, 4);
    head.writeInt16BE(METADATA.apiVersion, 6);
    head.writeInt32BE(id, 8);
    head.writeInt16BE(-1, 12);
    return Buffer.concat([head, body]);
  };
  return readTopics(await sendRaw(broker, { ...METADATA, frame }));
}

/** The response's body. */
export function readTopics(payload: Buffer): readonly TopicState[] {
  let at = 4; // throttle time
  const i32 = (): number => payload.readInt32BE((at += 4) - 4);
  const skipString = (): string => {
    const length = payload.readInt16BE((at += 2) - 2);
    if (length < 0) return '';
    at += length;
    return payload.toString('utf8', at - length, at);
  };
  const integers = (): number[] => Array.from({ length: i32() }, i32);
  for (let brokers = i32(); brokers > 0; brokers--) {
    at += 4;
    skipString();
    at += 4;
    skipString();
  }
  skipString(); // cluster id
  at += 4; // controller
  return Array.from({ length: i32() }, () => {
    at += 2; // error, said again by each partition
    const topic = skipString();
    const internal = payload[at++] === 1;
    const partitions = Array.from({ length: i32() }, (): PartitionState => {
      at += 2;
      const [partition, leader] = [i32(), i32()];
      at += 4; // leader epoch
      const state = { partition, leader, replicas: integers(), inSync: integers() };
      integers(); // offline replicas
      return state;
    });
    const bits = i32();
    return {
      topic,
      internal,
      partitions: partitions.sort((a, b) => a.partition - b.partition),
      operations: setOf(bits),
    };
  });
}

const NOT_SAID = -0x8000_0000;

function setOf(bits: number): ReadonlySet<number> | null {
  if (bits === NOT_SAID) return null;
  return new Set(Array.from({ length: 31 }, (_, i) => i).filter((i) => ((bits >> i) & 1) === 1));
}
