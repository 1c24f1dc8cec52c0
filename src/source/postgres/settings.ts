import type { IdentityRule } from './replica-identity.ts';
import type { HeartbeatSettings } from './heartbeat.ts';
import type { ColumnRules } from './table-catalog.ts';
import type { TypeOptions } from './types/options.ts';

export type Operation = 'insert' | 'update' | 'delete' | 'truncate';

export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** All that the PostgreSQL source is told. Names in comments are the configuration keys. */
export interface PostgresSettings {
  readonly connectorName: string;
  readonly transactionalId: string;
  /** A host, or a folder that holds the server's Unix socket (`database.hostname`). */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
  readonly sslMode: SslMode;
  /** PEM files (`database.sslrootcert`, `sslcert`, `sslkey`). */
  readonly sslRootCert: string | null;
  readonly sslCert: string | null;
  readonly sslKey: string | null;
  readonly slotName: string;
  readonly slotAdopt: boolean;
  readonly publicationName: string;
  readonly publicationAutocreate: 'filtered' | 'disabled' | 'all_tables' | 'no_tables';
  /** Anchored, case-insensitive, matched against `schema.table`; empty: every table. */
  readonly includeTables: readonly RegExp[];
  /** Of Millrace, for the `source` block of events. */
  readonly version: string;
  /** `topic.prefix`, or the connector's name. */
  readonly topicPrefix: string;
  readonly types: TypeOptions;
  readonly columns: ColumnRules;
  /** `replica.identity.autoset.values`. */
  readonly identities?: readonly IdentityRule[];
  /** Whether a logical message of this prefix is an event. */
  readonly includesMessage: (prefix: string) => boolean;
  /** What events are made of: a publication that leaves one of them out is pointed out. */
  readonly operations: readonly Operation[];
  /** What a publication that is created publishes (`skipped.operations`); null: everything. */
  readonly publish: readonly Operation[] | null;
  /** null: none. */
  readonly heartbeat: HeartbeatSettings | null;
}
