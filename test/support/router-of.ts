import assert from 'node:assert/strict';
import type { ConnectorConfig } from '../../src/config/connector.ts';
import type { RouterConfig } from '../../src/config/transforms.ts';

/** The only outbox router of a connector. */
export function routerOf({ transforms }: ConnectorConfig): RouterConfig {
  const routers = transforms.flatMap(({ transform }) => (transform.kind === 'outbox' ? [transform] : []));
  assert.equal(routers.length, 1);
  return routers[0] as RouterConfig;
}
