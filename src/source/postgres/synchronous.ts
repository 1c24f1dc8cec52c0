import { MillraceError } from '../../errors.ts';

/**
 * The names in `synchronous_standby_names`: `a, b`, `2 (a, b)`, `FIRST 2 (a, b)` or `ANY 2 (a, b)`; a name may be quoted
 * (https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES).
 */
export function synchronousNames(setting: string): readonly string[] {
  const list = /^\s*(?:(?:first|any)\s+)?\d+\s*\((.*)\)\s*$/is.exec(setting)?.[1] ?? setting;
  const names: string[] = [];
  for (const match of list.matchAll(/"((?:[^"]|"")*)"|([^\s,]+)/g)) {
    names.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'));
  }
  return names;
}

const NAME_THEM = "ALTER SYSTEM SET synchronous_standby_names = 'name, name'; SELECT pg_reload_conf()";

/**
 * Refuses a server that would count our walsender as a synchronous standby: its commits would wait for Kafka, and a
 * commit that only we have confirmed is on no other server.
 */
export function checkSynchronous(setting: string, applicationName: string): void {
  // PostgreSQL compares without regard to case, and to logical walsenders as to physical ones.
  const ours = (name: string): boolean => name === '*' || name.toLowerCase() === applicationName.toLowerCase();
  if (!synchronousNames(setting).some(ours)) return;
  throw new MillraceError(
    'refused',
    `synchronous_standby_names is '${setting}', which counts our walsender "${applicationName}" as a synchronous standby: ` +
      'commits in the database would wait for Kafka, and would count as replicated when only we have seen them. ' +
      `Name the real standbys: ${NAME_THEM}`,
    { statement: NAME_THEM },
  );
}
