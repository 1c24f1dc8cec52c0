/** Publication and captured tables: whether rows get into the log at all, and whether the router can use them. */
import type pg from 'pg';
import type { Diagnosis } from '../../change/finding.ts';
import { publicationRights } from './plan-queries.ts';
import { FILTERED, NO_IDENTITY, type PublicationPlan, planPublication } from './publication.ts';
import type { PostgresSettings } from './settings.ts';

/** A column that the router reads, and the option that says so. */
export interface NeededColumn {
  readonly column: string;
  readonly option: string;
  /** A NULL in it stops the connector. */
  readonly notNull: boolean;
}

interface TableFacts {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly notNull: boolean }[];
  readonly inserted: number;
  readonly rules: readonly string[];
  readonly triggers: readonly string[];
}

export async function examinePublication(
  client: pg.Client,
  settings: PostgresSettings,
  { start, needed }: { readonly start: 'first' | 'continued'; readonly needed: readonly NeededColumn[] },
): Promise<Diagnosis[]> {
  const out: Diagnosis[] = [];
  const invisible = await invisibleTables(client, settings);
  let plan: PublicationPlan;
  try {
    plan = await planPublication(client, settings, start);
  } catch (error) {
    // "matches no table": an unlogged one that does match is the better answer.
    if (invisible.length > 0) return invisible;
    throw error;
  }
  out.push(...invisible);
  out.push(...(await coverage(client, settings, plan, start)));
  if (plan.withoutIdentity.length > 0) {
    out.push({
      level: 'warning',
      area: 'table',
      text: `${NO_IDENTITY}: ${plan.withoutIdentity.join(', ')}`,
      means: 'the application cannot update or delete rows there; inserts are not affected',
      remedy: plan.identityStatements.join('; '),
    });
  }
  if (plan.silent !== null) {
    out.push({
      level: 'warning',
      area: 'publication',
      text: plan.silent.text,
      means: 'readers of the topics never hear of them, without a word',
      remedy: plan.silent.statement,
    });
  }
  out.push(...(await filtered(client, settings, { tables: plan.filtered, needed })));
  for (const table of await tableFacts(client, plan.tables)) out.push(...judgeTable(table, needed));
  return out;
}

/** What the publication leaves out, and whether we may change that. */
async function coverage(
  client: pg.Client,
  settings: PostgresSettings,
  plan: PublicationPlan,
  start: 'first' | 'continued',
): Promise<Diagnosis[]> {
  const { publicationName } = settings;
  const out: Diagnosis[] = [];
  for (const { message, statement } of plan.refusals) {
    const remedy = statement === null ? {} : { remedy: statement };
    out.push({
      level: 'broken',
      area: 'publication',
      text: message,
      means: 'rows that are not published never reach us',
      ...remedy,
    });
  }
  if (plan.refusals.length === 0 && plan.action !== null) {
    const { kind, statement } = plan.action;
    const isMissing = kind === 'create';
    out.push({
      level: start === 'first' ? 'ok' : 'warning',
      area: 'publication',
      text: isMissing
        ? `publication "${publicationName}" does not exist; a start creates it`
        : `publication "${publicationName}" does not cover ${plan.action.tables.join(', ')}; the next start adds them`,
      ...(start === 'first'
        ? {}
        : { means: 'rows committed to these tables before that are not captured', remedy: statement }),
    });
    const rights = await publicationRights(client, settings, plan.action);
    out.push(
      ...rights.map(
        ({ text, statement: remedy }): Diagnosis => ({
          level: 'broken',
          area: 'rights',
          text,
          ...(remedy === undefined ? {} : { remedy }),
        }),
      ),
    );
  }
  if (plan.refusals.length === 0 && plan.action === null) {
    out.push({
      level: 'ok',
      area: 'publication',
      text: `publication "${publicationName}" covers ${plan.tables.join(', ')}`,
    });
  }
  return out;
}

/** Tables that match and whose rows are never in the log, or not under that name. */
async function invisibleTables(client: pg.Client, { includeTables }: PostgresSettings): Promise<Diagnosis[]> {
  if (includeTables.length === 0) return [];
  const result = await client.query<{ name: string; kind: string; persistence: string }>(
    `SELECT n.nspname || '.' || c.relname AS name, c.relkind::text AS kind, c.relpersistence::text AS persistence
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE (c.relkind IN ('v', 'm', 'f') OR (c.relkind IN ('r', 'p') AND c.relpersistence <> 'p'))
        AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT IN ('information_schema', 'pg_catalog') ORDER BY 1`,
  );
  const matching = result.rows.filter(({ name }) => includeTables.some((pattern) => pattern.test(name)));
  return matching.map(({ name, kind, persistence }): Diagnosis => {
    const logged = kind === 'r' && persistence === 'u';
    const what = logged ? 'is an unlogged table' : KINDS[kind === 'r' || kind === 'p' ? persistence : kind];
    return {
      level: 'broken',
      area: 'table',
      text: `${name}, which table.include.list matches, ${what ?? 'is no ordinary table'}: its rows are never written to the log`,
      means: 'nothing that is inserted there is ever delivered',
      remedy: logged ? `ALTER TABLE ${name} SET LOGGED` : 'name the table behind it in table.include.list',
    };
  });
}

const KINDS: Readonly<Record<string, string>> = {
  u: 'is an unlogged table',
  t: 'is a temporary table',
  v: 'is a view',
  m: 'is a materialized view',
  f: 'is a foreign table',
};

/** Row filters and column lists (PostgreSQL 15 and newer), with their text. */
async function filtered(
  client: pg.Client,
  settings: PostgresSettings,
  { tables, needed }: { readonly tables: readonly string[]; readonly needed: readonly NeededColumn[] },
): Promise<Diagnosis[]> {
  if (tables.length === 0) return [];
  const name = settings.publicationName;
  const result = await client.query<{ table: string; columns: string[] | null; filter: string | null }>(
    `SELECT schemaname || '.' || tablename AS table, to_jsonb(t)->>'rowfilter' AS filter,
            array(SELECT jsonb_array_elements_text(to_jsonb(t)->'attnames')) AS columns
       FROM pg_catalog.pg_publication_tables t WHERE pubname = $1 AND schemaname || '.' || tablename = ANY($2)`,
    [name, tables],
  );
  return result.rows.flatMap(({ table, columns, filter }): Diagnosis[] => {
    const out: Diagnosis[] = [];
    const missing = needed.filter(({ column }) => !(columns ?? []).includes(column));
    const whole = `ALTER PUBLICATION "${name}" SET TABLE ${table}`;
    if (missing.length > 0) {
      const [first] = missing;
      out.push({
        level: 'broken',
        area: 'publication',
        text: `publication "${name}" has a column list for ${table} without ${missing.map(({ column }) => column).join(', ')} (${first?.option ?? ''})`,
        means: 'the router does not get what it needs: the first row stops the connector',
        remedy: whole,
      });
    }
    if (filter !== null) {
      out.push({
        level: 'warning',
        area: 'publication',
        text: `publication "${name}" has a row filter for ${table}: ${filter}. ${FILTERED}`,
        means: 'rows for which it is not true are never delivered, without a word',
        remedy: whole,
      });
    }
    return out;
  });
}

/** What there is to judge of tables, by `schema.table`. */
export async function tableFacts(client: pg.Client, tables: readonly string[]): Promise<readonly TableFacts[]> {
  const result = await client.query<TableFacts>(
    `SELECT n.nspname || '.' || c.relname AS name,
            (SELECT jsonb_agg(jsonb_build_object('name', attname, 'notNull', attnotnull))
               FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
            (SELECT coalesce(sum(pg_catalog.pg_stat_get_tuples_inserted(t.oid)), 0)::float8
               FROM (SELECT relid::oid AS oid FROM pg_catalog.pg_partition_tree(c.oid) UNION SELECT c.oid) t) AS inserted,
            array(SELECT r.rulename::text FROM pg_catalog.pg_rewrite r
                   WHERE r.ev_class = c.oid AND r.ev_type = '3' AND r.is_instead AND r.ev_enabled <> 'D') AS rules,
            array(SELECT t.tgname || ' on ' || t.tgrelid::regclass FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                   WHERE t.tgenabled = 'D' AND NOT t.tgisinternal AND t.tgrelid <> c.oid
                     AND p.prosrc ~* ('insert\\s+into\\s+("?' || n.nspname || '"?\\.)?"?' || c.relname || '"?\\M')) AS triggers
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname || '.' || c.relname = ANY($1)`,
    [tables],
  );
  return result.rows;
}

/** Pure. */
export function judgeTable(
  { name, columns, inserted, rules, triggers }: TableFacts,
  needed: readonly NeededColumn[],
): Diagnosis[] {
  const out: Diagnosis[] = [];
  for (const { column, option, notNull } of needed) {
    const found = columns.find((each) => each.name === column);
    if (found === undefined) {
      out.push({
        level: 'broken',
        area: 'table',
        text: `${name} has no column "${column}" (${option}); it has ${columns.map((each) => each.name).join(', ')}`,
        means: 'the first row stops the connector',
        remedy: `add the column, set ${option} to another, or leave the table out of table.include.list`,
      });
    } else if (notNull && !found.notNull) {
      out.push({
        level: 'warning',
        area: 'table',
        text: `column "${column}" of ${name} may be NULL (${option})`,
        means: 'a row with NULL there has no topic and stops the connector',
        remedy: `ALTER TABLE ${name} ALTER COLUMN "${column}" SET NOT NULL`,
      });
    }
  }
  for (const rule of rules) {
    out.push({
      level: 'warning',
      area: 'table',
      text: `rule "${rule}" on ${name} does something else instead of an INSERT`,
      means: 'rows that it leads elsewhere are never in this table, and never delivered',
      remedy: `DROP RULE "${rule}" ON ${name}`,
    });
  }
  for (const trigger of triggers) {
    out.push({
      level: 'warning',
      area: 'table',
      text: `trigger ${trigger}, whose function writes into ${name}, is disabled`,
      means: 'the rows it would write are not written',
      remedy: `ALTER TABLE ${trigger.split(' on ')[1] ?? ''} ENABLE TRIGGER ${trigger.split(' on ')[0] ?? ''}`,
    });
  }
  const count = inserted === 0 ? 'no row was inserted' : `${inserted} rows were inserted`;
  out.push({
    level: 'ok',
    area: 'table',
    text: `${name} ${needed.length === 0 ? 'can be captured' : 'has the columns that the router needs'}; ${count} since the server's statistics began`,
  });
  return out.some(({ level }) => level === 'broken') ? out.filter(({ level }) => level !== 'ok') : out;
}
