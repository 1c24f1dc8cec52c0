/** Debezium before 2.0: names that files still carry. */
import { type Family, harmless, mapped } from './known-key.ts';

export const EARLIER: Family = {
  title: 'Earlier versions of Debezium',
  about: 'Names from before Debezium 2.0, which Debezium 3.4 passes over in silence.',
  keys: [
    ...mapped('table.whitelist', 'table.include.list', 'its earlier name'),
    ...mapped('table.blacklist', 'table.exclude.list', 'its earlier name'),
    ...mapped('schema.whitelist', 'schema.include.list', 'its earlier name'),
    ...mapped('schema.blacklist', 'schema.exclude.list', 'its earlier name'),
    { verdict: 'mapped', key: 'database.server.name', to: 'topic.prefix', why: 'its earlier name', yields: true },
    ...harmless('a history of schemas is not kept: the log brings them', 'database.history', 'database.history.*'),
  ],
};
