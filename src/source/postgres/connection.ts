import { readFileSync } from 'node:fs';
import pg from 'pg';
import { type ErrorKind, MillraceError, messageOf } from '../../errors.ts';
import type { PostgresSettings, SslMode } from './settings.ts';

export interface ConnectOptions {
  readonly applicationName: string;
  /** A walsender session (`replication=database`). */
  readonly replication?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Opens one session, trying TLS in libpq's order for `allow` and `prefer`
 * (https://www.postgresql.org/docs/current/libpq-ssl.html). Throws a `MillraceError` that names the server.
 */
export async function connect(settings: PostgresSettings, options: ConnectOptions): Promise<pg.Client> {
  const attempts = tlsAttempts(settings);
  for (const [index, ssl] of attempts.entries()) {
    options.signal.throwIfAborted();
    const client = new pg.Client(clientConfig(settings, options, ssl));
    // pg emits 'error' for a session that breaks while nobody waits for it; unheard it would end the process.
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      const last = index === attempts.length - 1;
      if (last || !fallsBack(error)) throw databaseError(error, `cannot connect to ${address(settings)}`);
    }
  }
  throw new MillraceError('internal', 'no way to connect was tried');
}

/** Where we connect to, without the password. */
export function address(settings: PostgresSettings): string {
  return `PostgreSQL at ${settings.host}:${settings.port}, database "${settings.database}", user "${settings.user}"`;
}

/** Classifies whatever pg throws by SQLSTATE or by the socket's error code. */
export function databaseError(error: unknown, doing: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const code = codeOf(error);
  return new MillraceError(kindOf(code), `${doing}: ${messageOf(error)}${code ? ` (${code})` : ''}`, { cause: error });
}

function kindOf(code: string): ErrorKind {
  if (code === '57P01' || code === '57P02' || code === '57P03') return 'database-shutdown';
  if (!/^[0-9A-Z]{5}$/.test(code) || /^(08|53|55|57|40)/.test(code)) return 'database-unavailable';
  return 'database-rejected';
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function clientConfig(settings: PostgresSettings, options: ConnectOptions, ssl: Tls): pg.ClientConfig {
  return {
    host: settings.host,
    port: settings.port,
    user: settings.user,
    database: settings.database,
    application_name: options.applicationName,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    ssl,
    // Output settings decide the bytes of every value, so a server's defaults must not.
    options:
      '-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=3 -c bytea_output=hex -c client_encoding=UTF8',
    ...(settings.password === null ? {} : { password: settings.password }),
    ...(options.replication ? { replication: 'database' } : {}),
  };
}

type Tls = boolean | NonNullable<Exclude<pg.ClientConfig['ssl'], boolean>>;

function tlsAttempts(settings: PostgresSettings): readonly Tls[] {
  const mode: SslMode = settings.host.startsWith('/') ? 'disable' : settings.sslMode;
  if (mode === 'disable') return [false];
  const files = {
    ...(settings.sslRootCert === null ? {} : { ca: readFileSync(settings.sslRootCert) }),
    ...(settings.sslCert === null ? {} : { cert: readFileSync(settings.sslCert) }),
    ...(settings.sslKey === null ? {} : { key: readFileSync(settings.sslKey) }),
  };
  const unchecked = { ...files, rejectUnauthorized: false };
  switch (mode) {
    case 'allow':
      return [false, unchecked];
    case 'prefer':
      return [unchecked, false];
    case 'require':
      // As libpq: with a root certificate at hand, "require" checks the chain too.
      return [settings.sslRootCert === null ? unchecked : { ...files, checkServerIdentity: () => undefined }];
    case 'verify-ca':
      return [{ ...files, checkServerIdentity: () => undefined }];
    case 'verify-full':
      return [files];
  }
}

/** The server has no TLS, TLS failed, or pg_hba.conf wants the other kind: try the next. */
function fallsBack(error: unknown): boolean {
  return codeOf(error) === '28000' || !/^[0-9A-Z]{5}$/.test(codeOf(error));
}
