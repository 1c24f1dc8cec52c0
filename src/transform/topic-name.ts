/** Whether Kafka takes a topic of this name (`org.apache.kafka.common.internals.Topic`). */
export function isLegalTopic(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..';
}
