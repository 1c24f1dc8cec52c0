/** Whether the brokers can be used: those of the configuration, and those that they send everybody on to. */
import type { Diagnosis } from '../../change/finding.ts';
import { type KafkaSettings, createKafka, kafkaError } from '../../kafka/client.ts';
import { type Cluster, closeCluster, openCluster } from '../../kafka/cluster.ts';
import { probeBroker } from '../../kafka/probe.ts';
import type { Log } from '../../ports.ts';

const PROBE_MS = 4000;
const PATIENCE = { connectionTimeoutMs: PROBE_MS, requestTimeoutMs: 8000, retries: 1 };

export interface OpenedBrokers {
  /** null: no bootstrap server can be used. */
  readonly cluster: Cluster | null;
  readonly diagnoses: readonly Diagnosis[];
}

/** Knocks at every bootstrap server and logs in to it; the cluster is that of the first that lets us in. */
export async function openBrokers(
  settings: KafkaSettings,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<OpenedBrokers> {
  const tried = await Promise.all(
    settings.bootstrapServers.map(async (server) => ({ server, ...(await enter(server, settings, { log, signal })) })),
  );
  const [first, ...others] = tried.flatMap(({ cluster }) => (cluster === null ? [] : [cluster]));
  await Promise.all(others.map(closeCluster));
  const level = first === undefined ? 'broken' : 'warning';
  const means =
    first === undefined
      ? 'nothing can be written, nor the stored position read: the connector tries again and again, or stops'
      : 'the others are used; with them gone the connector would not start';
  const diagnoses = tried.flatMap(({ trouble }): Diagnosis[] =>
    trouble === null ? [] : [{ level, area: 'kafka', means, ...trouble }],
  );
  const good = tried.filter(({ cluster }) => cluster !== null).map(({ server }) => server);
  if (good.length > 0) {
    const who = settings.sasl === null ? '' : ` as "${settings.sasl.username}"`;
    diagnoses.push({ level: 'ok', area: 'kafka', text: `reached Kafka at ${good.join(', ')}${who}` });
  }
  return { cluster: first ?? null, diagnoses };
}

interface Entered {
  readonly cluster: Cluster | null;
  readonly trouble: { readonly text: string; readonly remedy: string } | null;
}

async function enter(
  server: string,
  settings: KafkaSettings,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<Entered> {
  const probe = await probeBroker(server, settings, { timeoutMs: PROBE_MS, signal });
  if (probe.kind !== 'ok') {
    return { cluster: null, trouble: { text: `bootstrap server: ${probe.text}`, remedy: probe.remedy } };
  }
  try {
    const kafka = createKafka({ ...settings, bootstrapServers: [server] }, log, PATIENCE);
    return { cluster: await openCluster(kafka), trouble: null };
  } catch (error) {
    signal.throwIfAborted();
    const { kind, message } = kafkaError(error, `bootstrap server ${server} does not let us in`);
    const { sasl } = settings;
    if (sasl !== null && kind === 'kafka-rejected') {
      return {
        cluster: null,
        trouble: {
          text: `bootstrap server ${server} does not accept the user "${sasl.username}" with the password that is configured (${sasl.mechanism.toUpperCase()})`,
          remedy:
            'correct kafka.sasl.username and kafka.sasl.password, or create the user: kafka-configs.sh --alter --entity-type users',
        },
      };
    }
    return { cluster: null, trouble: { text: message, remedy: 'look into the log of the broker' } };
  }
}

/**
 * Whether the addresses that the brokers give for themselves can be reached from here; node ids of those that can.
 * Records go there, whatever the bootstrap servers are.
 */
export async function checkAdvertised(
  cluster: Cluster,
  settings: KafkaSettings,
  signal: AbortSignal,
): Promise<{ readonly diagnoses: readonly Diagnosis[]; readonly reachable: readonly number[] }> {
  const { metadata } = cluster.brokerPool;
  const brokers = metadata?.brokers ?? [];
  const probed = await Promise.all(
    brokers.map(async ({ nodeId, host, port }) => {
      const server = `${host.includes(':') ? `[${host}]` : host}:${port}`;
      return { nodeId, server, probe: await probeBroker(server, settings, { timeoutMs: PROBE_MS, signal }) };
    }),
  );
  const diagnoses = probed.flatMap(({ nodeId, server, probe }): Diagnosis[] => {
    if (probe.kind === 'ok') return [];
    return [
      {
        level: 'broken',
        area: 'kafka',
        text: `the brokers say that broker ${nodeId} is to be reached at ${server} (advertised.listeners), and it is not: ${probe.text}`,
        means:
          'the bootstrap server is only asked for the addresses of the brokers; records, positions and transactions go to those',
        remedy: `start broker ${nodeId} if it is down; else make ${server} reachable from here, or correct advertised.listeners in server.properties of broker ${nodeId}: kafka-broker-api-versions.sh --bootstrap-server ${settings.bootstrapServers[0] ?? ''}`,
      },
    ];
  });
  const reachable = probed.filter(({ probe }) => probe.kind === 'ok');
  if (reachable.length > 0) {
    const list = reachable.map(({ nodeId, server }) => `${nodeId} at ${server}`).join(', ');
    const text = `cluster ${metadata?.clusterId ?? ''}: brokers that can be reached where they say they are: ${list}`;
    diagnoses.push({ level: 'ok', area: 'kafka', text });
  }
  return { diagnoses, reachable: reachable.map(({ nodeId }) => nodeId) };
}
