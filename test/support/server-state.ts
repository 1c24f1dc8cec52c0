/** All that a start, a refusal or an examination could leave behind, to be compared before and after. */
import { Kafka, logLevel } from 'kafkajs';
import type { Outbox } from './outbox.ts';
import { ends } from './kafka-wire.ts';

export interface ServerState {
  readonly database: unknown;
  /** By topic: its partitions and where each ends. */
  readonly topics: Readonly<Record<string, readonly string[]>>;
}

/** Topics of the connector only: others on the shared broker belong to other tests. `moving`: an instance runs, which moves slot and topics on. */
export async function stateOfServers(
  { db, bootstrap, connector }: Pick<Outbox, 'db' | 'bootstrap' | 'connector'>,
  { moving = false }: { readonly moving?: boolean } = {},
): Promise<ServerState> {
  const columns = moving ? 'slot_name' : 'slot_name, plugin, active_pid, restart_lsn, confirmed_flush_lsn';
  const { rows } = await db.client.query(
    `SELECT (SELECT jsonb_agg(p ORDER BY pubname) FROM pg_publication p) AS publications,
            (SELECT jsonb_agg(t ORDER BY tablename) FROM pg_publication_tables t) AS tables,
            (SELECT jsonb_agg(to_jsonb(s)) FROM (SELECT ${columns} FROM pg_replication_slots
              WHERE database = current_database() ORDER BY 1) s) AS slots,
            (SELECT jsonb_agg(relname ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace) AS relations`,
  );
  return { database: rows[0], topics: await topicsOf(bootstrap, connector.name, moving) };
}

async function topicsOf(bootstrap: string, prefix: string, moving: boolean): Promise<Record<string, string[]>> {
  const admin = new Kafka({
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 10 },
  }).admin();
  await admin.connect();
  try {
    const names = (await admin.listTopics()).filter(
      (topic) => topic.startsWith(prefix) || topic.startsWith('nothing.such'),
    );
    const out: Record<string, string[]> = {};
    for (const topic of names.sort()) {
      const partitions = (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions ?? [];
      const found = partitions.map(async ({ partitionId }) => {
        const end = moving ? null : await ends(bootstrap, topic, partitionId);
        return `${partitionId}: ${end?.lastStable ?? ''} ${end?.highWatermark ?? ''}`;
      });
      out[topic] = (await Promise.all(found)).sort();
    }
    return out;
  } finally {
    await admin.disconnect();
  }
}
