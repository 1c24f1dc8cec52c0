/** Whether a server can be reached at all, step by step, so that the step that fails can be named. */
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { messageOf } from '../errors.ts';
import { untilAborted } from './until-aborted.ts';

export type Reach =
  | { readonly kind: 'reached'; readonly address: string }
  | {
      readonly kind: 'unknown-name' | 'refused' | 'silent' | 'unreachable';
      /** In plain words, with host and port. */
      readonly text: string;
      readonly remedy: string;
    };

/** Resolves the name and opens a TCP connection (or that of a Unix socket, for a path), which is closed at once. */
export async function reach(
  at: { readonly host: string; readonly port: number },
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Reach> {
  const { host, port } = at;
  if (host.startsWith('/')) return knock({ path: `${host}/.s.PGSQL.${port}` }, `${host}/.s.PGSQL.${port}`, timeoutMs);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let address: string;
  try {
    address = (await untilAborted(lookup(host), deadline)).address;
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) {
      return {
        kind: 'unknown-name',
        text: `the name "${host}" was not resolved within ${timeoutMs / 1000} s: no name server answers`,
        remedy: `getent hosts ${host}`,
      };
    }
    return {
      kind: 'unknown-name',
      text: `the name "${host}" is not known (${codeOf(error)}): a typing error, or a name of another network`,
      remedy: `getent hosts ${host}`,
    };
  }
  return knock(
    { host: address, port },
    address === host ? `${host}:${port}` : `${host}:${port} (${address})`,
    timeoutMs,
  );
}

function knock(
  to: { readonly path: string } | { readonly host: string; readonly port: number },
  where: string,
  timeoutMs: number,
): Promise<Reach> {
  return new Promise((resolve) => {
    const socket = connect(to);
    const end = (reached: Reach): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reached);
    };
    const timer = setTimeout(
      () =>
        end({
          kind: 'silent',
          text: `${where} does not answer within ${timeoutMs / 1000} s: a firewall drops the packets, or nothing has the address`,
          remedy: 'port' in to ? `nc -vz -w 5 ${to.host} ${to.port}` : `ls -l ${to.path}`,
        }),
      timeoutMs,
    );
    socket.once('connect', () => end({ kind: 'reached', address: where }));
    socket.once('error', (error) => end(failure(error, where, to)));
  });
}

function failure(error: Error, where: string, to: { readonly path: string } | { readonly port: number }): Reach {
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') {
    return {
      kind: 'refused',
      text: `nothing listens at ${where}: the connection is refused`,
      remedy: 'start the server, or correct host and port',
    };
  }
  if (code === 'ENOENT' && 'path' in to) {
    return {
      kind: 'refused',
      text: `there is no socket ${where}: the server does not run here, or has another unix_socket_directories or port`,
      remedy: 'SHOW unix_socket_directories; SHOW port',
    };
  }
  const text = `${where} cannot be reached: ${code === '' ? messageOf(error) : `${messageOf(error)} (${code})`}`;
  return { kind: 'unreachable', text, remedy: 'check route, firewall and permissions between here and there' };
}

export interface CertificateTrouble {
  /** In plain words. */
  readonly text: string;
  /** What to mend: the certificate, the name that is connected to, or the authorities that are known here. */
  readonly mend: 'certificate' | 'name' | 'authority';
}

/** What a TLS library answers about a server's certificate; null for anything else. */
export function certificateTrouble(code: string): CertificateTrouble | null {
  const of = (mend: CertificateTrouble['mend'], what: string): CertificateTrouble => ({
    text: `the server's certificate ${what} (${code})`,
    mend,
  });
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return of('certificate', 'has expired');
    case 'CERT_NOT_YET_VALID':
      return of('certificate', "is not valid yet, or this machine's clock is behind");
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return of('name', 'was issued for another name');
    case 'CERT_REVOKED':
      return of('certificate', 'was revoked');
    default:
      return NOT_TRUSTED.test(code)
        ? of('authority', 'is not trusted: the authority that signed it is not known here')
        : null;
  }
}

const NOT_TRUSTED =
  /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|ERR_SSL_.*CERTIFICATE_VERIFY_FAILED)/;

/** The code of Node's network and TLS errors, or ''; of several attempts, that of the first. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
