/** `millrace demo`: events of an outbox. */
import { readFileSync } from 'node:fs';
import { AGGREGATES, commitOrders } from './order-service.ts';
import type { Scene } from './scene.ts';

export const OUTBOX_SCENE: Scene = {
  connector: 'postgres-outbox.json',
  ddl: readFileSync(new URL('../../sql/postgres/outbox.sql', import.meta.url), 'utf8'),
  topics: (mark) => AGGREGATES.map((type) => (mark === null ? `outbox.event.${type}` : `demo-${mark}.${type}`)),
  marked: (mark) => ({ 'transforms.outbox.route.topic.replacement': `demo-${mark}.\${routedByValue}` }),
  commit: commitOrders,
  recognise: ({ headers }) => ({ id: headers['id'] ?? '', type: headers['eventType'] ?? '' }),
  running: 'running: a service commits orders, Millrace delivers them (Ctrl-C ends it)',
};
