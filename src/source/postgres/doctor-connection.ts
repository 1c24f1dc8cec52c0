/** Why the database does not let us in, in plain words with the way on; pure. */
import type { Diagnosis } from '../../change/finding.ts';
import { MillraceError, messageOf } from '../../errors.ts';
import { certificateTrouble } from '../../network/reach.ts';
import { codeOf } from './connection.ts';
import type { PostgresSettings } from './settings.ts';

type Trouble = Pick<Diagnosis, 'text' | 'remedy'> & { readonly area?: Diagnosis['area'] };

/** `doing`: what was tried, as "a session" or "a replication session". */
export function connectTrouble(error: unknown, settings: PostgresSettings, doing: string): Diagnosis {
  const { area = 'database', ...words } = troubleOf(error, settings);
  return {
    level: 'broken',
    area,
    ...words,
    text: `${doing} with ${where(settings)}: ${words.text}`,
    means: 'nothing can be read from the log',
  };
}

function where({ host, port, database }: PostgresSettings): string {
  return `PostgreSQL at ${host.startsWith('/') ? host : `${host}:${port}`}, database "${database}"`;
}

function troubleOf(error: unknown, settings: PostgresSettings): Trouble {
  const cause = error instanceof MillraceError && error.cause !== undefined ? error.cause : error;
  const code = codeOf(cause);
  const said = messageOf(cause);
  const { user, database } = settings;
  const role = `"${user.replaceAll('"', '""')}"`;
  if (code === '28P01') {
    return {
      text: `the password for user "${user}" is wrong, or there is no such user`,
      remedy: `correct database.password, or: ALTER ROLE ${role} PASSWORD '…'`,
    };
  }
  if (/password must be/.test(said)) {
    return { text: 'the server asks for a password, and none is configured', remedy: 'set database.password' };
  }
  if (code === '28000') return forbidden(said, settings);
  if (code === '3D000') {
    return {
      text: `there is no database "${database}"`,
      remedy: 'correct database.dbname; the databases: SELECT datname FROM pg_database',
    };
  }
  if (code === '53300') return full(said);
  if (code === '57P03') {
    return { text: `the server is not ready: ${said}`, remedy: 'wait until it has started; its log says what it does' };
  }
  if (code === '42501') {
    return {
      area: 'rights',
      text: /replication|walsender|WAL sender/i.test(said) ? `role "${user}" may not replicate` : said,
      remedy: /replication|walsender|WAL sender/i.test(said)
        ? `ALTER ROLE ${role} REPLICATION`
        : `GRANT CONNECT ON DATABASE "${database.replaceAll('"', '""')}" TO ${role}`,
    };
  }
  return transportTrouble(code, said, error, settings);
}

function transportTrouble(
  code: string,
  said: string,
  error: unknown,
  { host, port, sslMode }: PostgresSettings,
): Trouble {
  const trouble = certificateTrouble(code);
  if (trouble !== null) {
    const show = `openssl s_client -starttls postgres -connect ${host}:${port} -showcerts`;
    const remedy = {
      certificate: `renew it on the server: ${show}`,
      name: `connect by a name it was issued for, or set database.sslmode=verify-ca: ${show}`,
      authority: 'give the authority that signed it in database.sslrootcert',
    }[trouble.mend];
    return { text: trouble.text, remedy };
  }
  if (/does not support SSL/.test(said)) {
    return {
      text: `database.sslmode=${sslMode} wants TLS, and the server has none`,
      remedy: 'ALTER SYSTEM SET ssl = on (it needs server.crt and server.key), or set database.sslmode=prefer',
    };
  }
  if (/unsupported startup parameter/i.test(said)) {
    return {
      text: `a connection pooler stands between, which passes no replication (${said})`,
      remedy: 'point database.hostname and database.port at PostgreSQL itself',
    };
  }
  if (/timeout/i.test(said) || (error instanceof Error && error.name === 'TimeoutError')) {
    return {
      text: 'the server takes the connection and then says nothing: it hangs, or a proxy has no server behind it',
      remedy: `look at the server's log and load; pg_isready -h ${host} -p ${port}`,
    };
  }
  return {
    text: messageOf(error),
    remedy: "look into the server's log: it says why it ended the session",
  };
}

function forbidden(said: string, { user, database, sslMode }: PostgresSettings): Trouble {
  if (/role ".*" does not exist/.test(said))
    return { text: `there is no role "${user}"`, remedy: 'sql/postgres/grants.sql' };
  if (/not permitted to log in/.test(said)) {
    return { area: 'rights', text: said, remedy: `ALTER ROLE "${user.replaceAll('"', '""')}" LOGIN` };
  }
  if (/certificate/.test(said)) {
    return {
      text: `the server wants a client certificate: ${said}`,
      remedy: 'set database.sslcert and database.sslkey',
    };
  }
  const plain = /no encryption|SSL off/.test(said);
  return {
    text: `pg_hba.conf of the server does not let us in: ${said}`,
    remedy: plain
      ? `database.sslmode is ${sslMode}: set it to require if pg_hba.conf has a hostssl line, or add: hostssl ${database} ${user} ADDRESS scram-sha-256`
      : `add to pg_hba.conf: host ${database} ${user} ADDRESS scram-sha-256; then SELECT pg_reload_conf()`,
  };
}

function full(said: string): Trouble {
  if (/standby connections|max_wal_senders/i.test(said)) {
    return {
      area: 'server',
      text: 'every walsender is in use (max_wal_senders)',
      remedy: 'ALTER SYSTEM SET max_wal_senders = 20; then restart the server',
    };
  }
  return {
    area: 'server',
    text: `the server has no connection left: ${said}`,
    remedy: 'SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC',
  };
}
