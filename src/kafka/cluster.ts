/**
 * kafkajs below its public face: one set of connections (TLS, SASL, API versions, metadata) for everything a connector
 * does. Its public producer, consumer and admin each open connections of their own, and the producer's transaction
 * state cannot recover from errors (docs/decisions/0004-own-transactional-producer.md). The version is pinned: these
 * internals have not changed since 2023 and are checked when the cluster is opened.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Kafka } from 'kafkajs';
import { MillraceError } from '../errors.ts';

/** A request on a connection; `frame` gives the whole message, length included, for a correlation id. */
export interface RawRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  readonly frame: (correlationId: number) => Buffer;
}

interface Entry {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  readonly correlationId: number;
  readonly resolve: (response: { readonly payload: Buffer }) => void;
  readonly reject: (error: Error) => void;
}
export interface Connection {
  readonly clientId: string;
  readonly socket?: Socket;
  readonly requestQueue: {
    push(request: { entry: Entry; expectResponse: boolean; requestTimeout: null; sendRequest: () => void }): void;
  };
  isConnected(): boolean;
  isAuthenticated(): boolean;
  authenticate(): Promise<void>;
  nextCorrelationId(): number;
  rejectRequests(error: Error): void;
}
interface ConfigEntry {
  readonly configName: string;
  readonly configValue: string;
}
export interface TopicRequest {
  readonly topic: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly configEntries: readonly { readonly name: string; readonly value: string }[];
}
interface TransactionRequest {
  readonly transactionalId: string;
  readonly producerId: string;
  readonly producerEpoch: number;
}

/** One broker of kafkajs' pool, as far as it is used here. */
export interface Broker {
  readonly nodeId: number | null;
  readonly connectionPool: {
    readonly pool: readonly Connection[];
    getConnection(index: number): Promise<Connection>;
    send(protocol: Protocol): Promise<Metadata>;
  };
  lookupRequest(apiKey: number, versions: object): (request: object) => Protocol;
  findGroupCoordinator(of: { groupId: string; coordinatorType: 0 | 1 }): Promise<{
    coordinator: { nodeId: number };
  }>;
  initProducerId(request: {
    transactionalId: string;
    transactionTimeout: number;
  }): Promise<{ producerId: string; producerEpoch: number }>;
  addPartitionsToTxn(
    request: TransactionRequest & { topics: readonly { topic: string; partitions: readonly number[] }[] },
  ): Promise<unknown>;
  endTxn(request: TransactionRequest & { transactionResult: boolean }): Promise<unknown>;
  metadata(topics?: readonly string[]): Promise<Metadata>;
  createTopics(request: {
    topics: readonly TopicRequest[];
    timeout: number;
    /** Checks everything and creates nothing. */
    validateOnly?: boolean;
  }): Promise<unknown>;
  describeConfigs(request: {
    resources: readonly { type: number; name: string; configNames: readonly string[] }[];
    includeSynonyms: boolean;
  }): Promise<{ resources: readonly { configEntries: readonly ConfigEntry[] }[] }>;
  listOffsets(request: {
    isolationLevel: number;
    topics: readonly { topic: string; partitions: readonly { partition: number; timestamp: number }[] }[];
  }): Promise<{
    responses: readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[];
  }>;
  fetch(request: object): Promise<{
    readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchedPartition[] }[];
  }>;
}

export interface FetchedRecord {
  readonly offset: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | Buffer[] | undefined>>;
  readonly isControlRecord: boolean;
  readonly batchContext: {
    readonly firstOffset: string;
    readonly lastOffsetDelta: number;
    readonly producerId: string;
    readonly inTransaction: boolean;
  };
}
export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: string;
  readonly lastStableOffset: string;
  readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[];
  readonly messages: readonly FetchedRecord[];
}

interface Metadata {
  readonly topicMetadata: readonly {
    readonly topic: string;
    readonly partitionMetadata: readonly PartitionMetadata[];
  }[];
}
/** A request of one version, with the decoder of its response. */
interface Protocol {
  readonly request: { readonly encode: () => Promise<{ readonly buffer: Buffer }> };
  readonly response: object;
}
interface PartitionMetadata {
  readonly partitionId: number;
  readonly leader: number;
  readonly partitionErrorCode: number;
}
export interface Cluster {
  readonly brokerPool: {
    readonly brokers: Readonly<Record<string, Broker>>;
    readonly seedBroker?: Broker;
    readonly metadata:
      | (Metadata & {
          readonly clusterId: string | null;
          readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
        })
      | null;
    createBroker: (options: object) => Broker;
  };
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  findBroker(where: { nodeId: string }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
}

const READ_COMMITTED = 1;

/** Connects to the cluster. Throws what kafkajs throws; `kafkaError` classifies it. */
export async function openCluster(kafka: Kafka): Promise<Cluster> {
  const symbol = Object.getOwnPropertySymbols(kafka).find((each) => each.description === 'private:Kafka:createCluster');
  const factory = symbol && (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol];
  if (!factory) throw new MillraceError('internal', 'kafkajs has no cluster factory: expected version 2.2.4');
  const cluster = factory({ allowAutoTopicCreation: false, isolationLevel: READ_COMMITTED, metadataMaxAge: 300_000 });
  askForBrokersOnly(cluster);
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
  } catch (error) {
    await closeCluster(cluster);
    throw error;
  }
  return cluster;
}

const METADATA = 3;
const metadataVersions = createRequire(import.meta.url)('kafkajs/src/protocol/requests/metadata') as object;

/**
 * To learn of the brokers, kafkajs asks for all topics there are, and fails when a partition of any has no leader: a
 * topic of somebody else, on a broker that died, would keep us from starting. No topics are a list without entries;
 * what kafkajs sends is a list that is not there, which means all.
 */
function askForBrokersOnly({ brokerPool }: Cluster): void {
  const create = brokerPool.createBroker;
  brokerPool.createBroker = (options) => {
    const broker = create(options);
    const ask = broker.metadata.bind(broker);
    broker.metadata = async (topics = []) => {
      if (topics.length > 0) return ask(topics);
      const lookup = broker.lookupRequest(METADATA, metadataVersions);
      const { request, response } = lookup({ topics, allowAutoTopicCreation: false });
      const encode = async (): Promise<{ readonly buffer: Buffer }> => {
        const encoded = await request.encode();
        encoded.buffer.writeInt32BE(0);
        return encoded;
      };
      return broker.connectionPool.send({ request: { ...request, encode }, response });
    };
    return broker;
  };
}

/** Some broker that answers: for what any of them knows. */
export async function anyBroker(cluster: Cluster): Promise<Broker> {
  let failure: unknown = new Error('the cluster has no brokers');
  for (const nodeId of Object.keys(cluster.brokerPool.brokers)) {
    try {
      return await cluster.findBroker({ nodeId });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/**
 * The broker that coordinates a consumer group or a transactional.id. kafkajs' own way hides what the brokers answer
 * (not authorized, not available yet) behind one error.
 */
export async function findCoordinator(cluster: Cluster, of: 'group' | 'transaction', id: string): Promise<Broker> {
  const broker = await anyBroker(cluster);
  const coordinatorType = of === 'group' ? 0 : 1;
  const { coordinator } = await broker.findGroupCoordinator({ groupId: id, coordinatorType });
  const nodeId = String(coordinator.nodeId);
  if (!(nodeId in cluster.brokerPool.brokers)) await cluster.refreshMetadata();
  return cluster.findBroker({ nodeId });
}

/** Closes every connection now: what is unanswered is rejected, not waited for. */
export async function closeCluster(cluster: Cluster): Promise<void> {
  const { brokers, seedBroker } = cluster.brokerPool;
  const all = new Set([...Object.values(brokers), ...(seedBroker ? [seedBroker] : [])]);
  for (const broker of all) {
    for (const connection of broker.connectionPool.pool) {
      connection.rejectRequests(new Error('the connection was closed by us'));
      connection.socket?.destroy();
    }
  }
  await cluster.disconnect().catch(() => {});
}

/** Sends a frame that we have encoded ourselves, and gives the response's body. */
export async function sendRaw(broker: Broker, request: RawRequest): Promise<Buffer> {
  return sendOn(await readyConnection(broker), request);
}

/** A connection that takes a request now: it is there, and so is its SASL session, which brokers may let end. */
export async function readyConnection(broker: Broker): Promise<Connection> {
  const connection = await broker.connectionPool.getConnection(0);
  if (!connection.isAuthenticated()) await connection.authenticate();
  return connection;
}

/** As `sendRaw`; on one connection requests go out in the order of the calls. */
export async function sendOn(connection: Connection, request: RawRequest): Promise<Buffer> {
  const { apiKey, apiVersion, apiName } = request;
  const { payload } = await new Promise<{ readonly payload: Buffer }>((resolve, reject) => {
    const correlationId = connection.nextCorrelationId();
    const { socket } = connection;
    if (!connection.isConnected() || !socket) throw new Error('the connection to the broker is closed');
    connection.requestQueue.push({
      entry: { apiKey, apiVersion, apiName, correlationId, resolve, reject },
      expectResponse: true,
      requestTimeout: null,
      sendRequest: () => void socket.write(request.frame(correlationId)),
    });
  });
  return payload;
}
