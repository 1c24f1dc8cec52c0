import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import pg from 'pg';
import { type ErrorKind, MillraceError, messageOf } from '../../errors.ts';
import type { PostgresSettings, SslMode } from './settings.ts';

export interface ConnectOptions {
  readonly applicationName: string;
  /** A walsender session (`replication=database`). */
  readonly replication?: boolean;
  readonly signal: AbortSignal;
}

const GOODBYE_MS = 1000;

/**
 * Opens one session, trying TLS in libpq's order for `allow` and `prefer`
 * (https://www.postgresql.org/docs/current/libpq-ssl.html). Throws a `MillraceError` that names the server, or the
 * signal's reason as soon as it is aborted.
 */
export async function connect(settings: PostgresSettings, options: ConnectOptions): Promise<pg.Client> {
  const attempts = tlsAttempts(settings);
  for (const [index, ssl] of attempts.entries()) {
    options.signal.throwIfAborted();
    const client = new pg.Client(clientConfig(settings, options, ssl));
    // pg emits 'error' for a session that breaks while nobody waits for it; unheard it would end the process.
    client.on('error', () => {});
    const abort = (): void => void socketOf(client).destroy();
    options.signal.addEventListener('abort', abort, { once: true });
    try {
      await client.connect();
      return client;
    } catch (error) {
      await endSession(client);
      options.signal.throwIfAborted();
      const last = index === attempts.length - 1;
      if (last || !fallsBack(error)) throw databaseError(error, `cannot connect to ${address(settings)}`);
    } finally {
      options.signal.removeEventListener('abort', abort);
    }
  }
  throw new MillraceError('internal', 'no way to connect was tried');
}

/** A session for the time of `use`: an aborted signal cuts it, whatever statement the server is busy with. */
export async function withSession<T>(
  settings: PostgresSettings,
  options: ConnectOptions,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(settings, options);
  const abort = (): void => void socketOf(client).destroy();
  options.signal.addEventListener('abort', abort, { once: true });
  try {
    options.signal.throwIfAborted();
    return await use(client);
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  } finally {
    options.signal.removeEventListener('abort', abort);
    await endSession(client);
  }
}

/** Says goodbye, and cuts the connection when the server (or the network) does not answer within a second. */
export async function endSession(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => socketOf(client).destroy(), GOODBYE_MS);
  await client.end().catch(() => {});
  clearTimeout(timer);
}

/** The socket under a client, TCP, TLS or Unix: pg has no public name for it. */
export function socketOf(client: pg.Client): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}

/** The process number the server gave at the start of the session; a pooler invents one. */
export function announcedPid(client: pg.Client): number | null {
  return (client as unknown as { readonly processID: number | null }).processID;
}

/** Where we connect to, without the password. */
export function address(settings: PostgresSettings): string {
  return `PostgreSQL at ${settings.host}:${settings.port}, database "${settings.database}", user "${settings.user}"`;
}

/** Classifies whatever pg throws by SQLSTATE or by the socket's or the TLS library's error code. */
export function databaseError(error: unknown, doing: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const code = codeOf(error);
  const { kind, remedy } = classify(code, messageOf(error));
  const advice = [hintOf(error), remedy].filter((part) => part !== '').join('. ');
  const text = `${doing}: ${messageOf(error)}${code ? ` (${code})` : ''}${advice ? `. ${advice}` : ''}`;
  return new MillraceError(kind, text, { cause: error });
}

/** An administrator stops the server, or the server is starting up or going down. */
export function isShutdown(code: string): boolean {
  return code === '57P01' || code === '57P02' || code === '57P03';
}

function classify(code: string, message: string): { readonly kind: ErrorKind; readonly remedy: string } {
  if (isShutdown(code)) return { kind: 'database-shutdown', remedy: '' };
  if (SQLSTATE.test(code)) {
    if (/unsupported startup parameter/i.test(message)) return { kind: 'refused', remedy: NOT_A_POOLER };
    const passing = /^(08|53|55|57|40)/.test(code);
    return { kind: passing ? 'database-unavailable' : 'database-rejected', remedy: remedyFor(code, message) };
  }
  if (/does not support SSL/.test(message)) {
    return {
      kind: 'database-rejected',
      remedy: 'Turn ssl on in the server, or set database.sslmode to prefer or disable',
    };
  }
  if (message.startsWith('SASL:')) {
    const absent = /password must be/.test(message);
    return { kind: 'database-rejected', remedy: absent ? 'The server asks for a password: set database.password' : '' };
  }
  if (CERTIFICATE.test(code)) return { kind: 'database-rejected', remedy: CHECK_CERTIFICATE };
  if (/^ERR_(TLS|SSL|OSSL)/.test(code)) {
    return {
      kind: 'database-rejected',
      remedy: 'Check database.sslmode and the files in database.sslrootcert, sslcert and sslkey',
    };
  }
  return { kind: 'database-unavailable', remedy: '' };
}

function remedyFor(code: string, message: string): string {
  if (code === '28P01') return 'Check database.user and database.password';
  if (code === '28000' && /certificate/.test(message))
    return 'Give a client certificate in database.sslcert and database.sslkey';
  if (code === '28000')
    return "Check the server's pg_hba.conf against database.user, database.dbname and database.sslmode";
  if (code === '3D000') return 'Check database.dbname';
  if (code === '42501' && /replication|walsender|WAL sender/i.test(message))
    return 'Run: ALTER ROLE … REPLICATION (sql/postgres/grants.sql)';
  return '';
}

/** The classes of SQLSTATE; a socket's code can have five letters too (EPIPE). */
const SQLSTATE = /^([0-9][0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/;
/** What Node answers when it does not accept the server's certificate. */
const CERTIFICATE =
  /^(ERR_TLS_CERT_ALTNAME_INVALID|UNABLE_TO_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)/;
const CHECK_CERTIFICATE =
  "The server's certificate is not accepted: give the CA that signed it in database.sslrootcert, connect by a name it was issued for, " +
  'or set database.sslmode to verify-ca (does not check the name) or require (checks nothing)';
const NOT_A_POOLER =
  'A connection pooler stands between: point database.hostname and database.port at PostgreSQL itself';

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The server's own advice. Its "detail" is left out: that may hold a row's values. */
function hintOf(error: unknown): string {
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : '';
  return hint.replace(/\.$/, '');
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
    // Output settings decide the bytes of every value, so a server's defaults must not. Warnings have to reach the stream.
    options:
      '-c client_min_messages=warning -c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=3 -c bytea_output=hex -c client_encoding=UTF8',
    ...(settings.password === null ? {} : { password: settings.password }),
    ...(options.replication ? { replication: 'database' } : {}),
  };
}

type Tls = boolean | NonNullable<Exclude<pg.ClientConfig['ssl'], boolean>>;

function tlsAttempts(settings: PostgresSettings): readonly Tls[] {
  const mode: SslMode = settings.host.startsWith('/') ? 'disable' : settings.sslMode;
  if (mode === 'disable') return [false];
  if ((settings.sslCert === null) !== (settings.sslKey === null)) {
    throw new MillraceError('config', 'database.sslcert and database.sslkey belong together: set both or none');
  }
  const files = {
    ...(settings.sslRootCert === null ? {} : { ca: readPem(settings.sslRootCert, 'database.sslrootcert') }),
    ...(settings.sslCert === null ? {} : { cert: readPem(settings.sslCert, 'database.sslcert') }),
    ...(settings.sslKey === null ? {} : { key: readPem(settings.sslKey, 'database.sslkey') }),
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

function readPem(file: string, key: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new MillraceError('config', `cannot read the file in ${key}: ${messageOf(error)}`, { cause: error });
  }
}

/** The server has no TLS, TLS failed, or pg_hba.conf wants the other kind: try the next. */
function fallsBack(error: unknown): boolean {
  const code = codeOf(error);
  return code === '28000' || !SQLSTATE.test(code);
}
