/** Replica identities that the configuration gives captured tables: set at the start, before the slot is there. */
import type pg from 'pg';
import { MillraceError } from '../../errors.ts';
import type { Log } from '../../ports.ts';
import { databaseError } from './connection.ts';
import type { PostgresSettings } from './settings.ts';

export interface IdentityRule {
  /** On schema.table. */
  readonly table: RegExp;
  readonly identity: 'DEFAULT' | 'FULL' | 'NOTHING' | { readonly index: string };
}

/** A captured table whose replica identity is not what it is to be. */
export interface IdentityChange {
  readonly table: string;
  readonly statement: string;
  /** ALTER TABLE is for owners. */
  readonly owned: boolean;
}

interface TableRow {
  readonly name: string;
  readonly quoted: string;
  readonly identity: string;
  readonly index: string | null;
  readonly owned: boolean;
}

const TABLES = `
SELECT n.nspname || '.' || c.relname AS name, format('%I.%I', n.nspname, c.relname) AS quoted, c.relreplident AS identity,
  (SELECT ic.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisreplident) AS index,
  pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1`;
const LETTERS: Readonly<Record<string, string>> = { DEFAULT: 'd', FULL: 'f', NOTHING: 'n' };

/** Looks only. Throws `refused` where two rules match a table, as Debezium does. */
export async function planIdentities(
  client: pg.Client,
  settings: PostgresSettings,
): Promise<readonly IdentityChange[]> {
  const { identities = [], includeTables } = settings;
  if (identities.length === 0) return [];
  const { rows } = await client.query<TableRow>(TABLES);
  const captured = rows.filter(
    ({ name }) => includeTables.length === 0 || includeTables.some((pattern) => pattern.test(name)),
  );
  return captured.flatMap(({ name, quoted, identity, index, owned }): IdentityChange[] => {
    const [rule, other] = identities.filter(({ table }) => table.test(name));
    if (rule === undefined) return [];
    if (other !== undefined) {
      throw new MillraceError(
        'refused',
        `two parts of replica.identity.autoset.values match ${name}: leave one of them`,
      );
    }
    const wanted = rule.identity;
    const isThere =
      typeof wanted === 'string' ? identity === LETTERS[wanted] : identity === 'i' && index === wanted.index;
    if (isThere) return [];
    const words = typeof wanted === 'string' ? wanted : `USING INDEX "${wanted.index}"`;
    return [{ table: name, statement: `ALTER TABLE ${quoted} REPLICA IDENTITY ${words}`, owned }];
  });
}

/** A role that does not own the table, before anything is done. */
export function missingOwnership({ table, statement }: IdentityChange): MillraceError {
  return new MillraceError(
    'database-rejected',
    `the role does not own ${table}, whose replica identity it is to set (replica.identity.autoset.values). Run as an owner: ${statement}`,
    { statement },
  );
}

export async function setIdentities(client: pg.Client, settings: PostgresSettings, log: Log): Promise<void> {
  const changes = await planIdentities(client, settings);
  const foreign = changes.find(({ owned }) => !owned);
  if (foreign !== undefined) throw missingOwnership(foreign);
  for (const { table, statement } of changes) {
    try {
      await client.query(statement);
    } catch (error) {
      throw databaseError(error, `cannot set a replica identity with: ${statement}`);
    }
    log.info('set the replica identity', { table, statement });
  }
}
