/** Whether a topic keeps what it has acknowledged when a broker is lost. */

/** In words, with a command, what is wrong with a topic's replication; null: nothing that a setting would mend. Pure. */
export function weakDurability(topic: {
  readonly topic: string;
  readonly replicas: number;
  readonly minInSync: number;
}): { readonly text: string; readonly statement: string } | null {
  const { topic: name, replicas, minInSync } = topic;
  if (replicas < 3 || minInSync >= 2) return null;
  return {
    text:
      `topic "${name}" has ${replicas} replicas and min.insync.replicas=${minInSync}: a record counts as written ` +
      'when one broker has it, and is lost with that broker',
    statement: `kafka-configs.sh --alter --entity-type topics --entity-name ${name} --add-config min.insync.replicas=2`,
  };
}
