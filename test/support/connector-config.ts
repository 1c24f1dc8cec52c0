import type { Surroundings } from '../../src/config/given.ts';
import { type ConnectorConfig, parseConnector } from '../../src/config/connector.ts';

/** A valid configuration for tests in which no server is asked. */
export function connectorConfig(
  name: string,
  over: Readonly<Record<string, unknown>> = {},
  surroundings: Surroundings = {},
): ConnectorConfig {
  const config = {
    'connector.class': 'postgres',
    'database.hostname': 'localhost',
    'database.user': 'u',
    'database.dbname': 'd',
    'slot.name': `slot_${name.toLowerCase()}`,
    transforms: 'o',
    'transforms.o.type': 'outbox',
    'kafka.bootstrap.servers': 'localhost:9092',
    ...over,
  };
  return parseConnector({ name, config }, surroundings);
}
