/** What a figure was measured on and with: without it, it says nothing. */
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { KAFKA_VERSION } from '../demo/kafka-server.ts';
import { VERSION } from '../runtime/version.ts';
import { DEBEZIUM_VERSION } from './connect-jars.ts';
import type { Peer } from './parts.ts';
import { type Servers, connect } from './servers.ts';

/** In words, without anything that names the machine. */
export function machineOf(): string {
  const processors = cpus();
  const model = processors[0]?.model.replaceAll(/\s+/g, ' ').trim() ?? 'unknown processor';
  return `${processors.length} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${release()} ${arch()}`;
}

/** Of everything that takes part. */
export async function versionsOf(servers: Servers, peer: Peer | null): Promise<Record<string, string>> {
  const sql = await connect(servers, 'postgres');
  try {
    const { rows } = await sql.query<{ server_version: string }>('SHOW server_version');
    return {
      Millrace: VERSION,
      Node: process.versions.node,
      PostgreSQL: rows[0]?.server_version ?? 'unknown',
      Kafka: servers.ownKafka ? `at ${servers.bootstrap}` : KAFKA_VERSION,
      ...(peer ? { Debezium: DEBEZIUM_VERSION, 'Kafka Connect': KAFKA_VERSION, Java: peer.jars.javaVersion } : {}),
    };
  } finally {
    await sql.end();
  }
}
