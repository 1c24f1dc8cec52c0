/**
 * How far one gets with a broker before anything is asked of it: name, TCP, TLS, API versions, SASL mechanism, and
 * whether it speaks without SASL. A socket of its own, because kafkajs tells of all these causes only that it could not
 * connect (https://kafka.apache.org/protocol#The_Messages_ApiVersions, SaslHandshake, Metadata).
 */
import { type Socket, connect, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { messageOf } from '../errors.ts';
import { certificateTrouble, codeOf, reach } from '../network/reach.ts';
import type { KafkaSettings } from './client.ts';

export type Probe =
  | { readonly kind: 'ok' }
  | {
      readonly kind: 'unreachable' | 'tls' | 'sasl' | 'silent' | 'other';
      /** In plain words, with host and port. */
      readonly text: string;
      readonly remedy: string;
    };

const API_VERSIONS = 18;
const SASL_HANDSHAKE = 17;
const METADATA = 3;
const UNSUPPORTED_SASL_MECHANISM = 33;
const ILLEGAL_SASL_STATE = 34;

export async function probeBroker(
  server: string,
  settings: KafkaSettings,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Probe> {
  const { host, port } = splitServer(server);
  const reached = await reach({ host, port }, { timeoutMs, signal });
  if (reached.kind !== 'reached') return { kind: 'unreachable', text: reached.text, remedy: reached.remedy };
  const opened = await open({ host, port }, settings.tls, timeoutMs);
  if (!('socket' in opened)) {
    if (opened.kind !== 'tls-failed') return opened;
    return (await speaks({ host, port }, null, timeoutMs)) ? withoutTls(server) : opened.probe;
  }
  const talk = new Talk(opened.socket, timeoutMs);
  try {
    const probe = await converse(talk, server, settings);
    if (probe !== 'closed') return probe;
    if (settings.tls !== null) return noClientCertificate(server);
    const tls = { ca: null, cert: null, key: null };
    return (await speaks({ host, port }, tls, timeoutMs)) ? wantsTls(server, settings) : nobodyBehind(server);
  } catch (error) {
    const code = codeOf(error);
    if (/CERTIFICATE_REQUIRED|BAD_CERTIFICATE|HANDSHAKE_FAILURE/.test(code)) return noClientCertificate(server);
    return { kind: 'other', text: `${server} breaks the connection: ${messageOf(error)}`, remedy: LISTENERS };
  } finally {
    opened.socket.destroy();
  }
}

const LISTENERS = 'compare kafka.security.protocol and the port with listeners in server.properties of the broker';

/** Whether a broker answers there, with TLS (of any certificate) or without. */
async function speaks(at: Address, tls: KafkaSettings['tls'], timeoutMs: number): Promise<boolean> {
  const opened = await open(at, tls, timeoutMs, 'unchecked');
  if (!('socket' in opened)) return false;
  try {
    const answer = await new Talk(opened.socket, timeoutMs).ask(API_VERSIONS, 0, Buffer.alloc(0));
    // Without a client certificate the conversation may end here; the handshake was enough.
    return tls !== null || typeof answer !== 'string';
  } catch {
    return tls !== null;
  } finally {
    opened.socket.destroy();
  }
}

function withoutTls(server: string): Probe {
  return {
    kind: 'tls',
    text: `${server} is a port without TLS, and the configuration wants TLS`,
    remedy: 'set kafka.security.protocol to PLAINTEXT or SASL_PLAINTEXT, or use the port of a TLS listener',
  };
}

function wantsTls(server: string, { sasl }: KafkaSettings): Probe {
  return {
    kind: 'tls',
    text: `${server} is a port that wants TLS, and the configuration has none`,
    remedy: `set kafka.security.protocol to ${sasl === null ? 'SSL' : 'SASL_SSL'}`,
  };
}

function nobodyBehind(server: string): Probe {
  return {
    kind: 'other',
    text: `${server} takes the connection and ends it at the first request: a proxy or load balancer without a broker behind it, or another kind of server`,
    remedy: LISTENERS,
  };
}

async function converse(talk: Talk, server: string, settings: KafkaSettings): Promise<Probe | 'closed'> {
  const { sasl, tls } = settings;
  const versions = await talk.ask(API_VERSIONS, 0, Buffer.alloc(0));
  if (versions === 'silent') {
    return {
      kind: 'silent',
      text: `${server} takes the connection and says nothing: a broker that hangs, a proxy without one behind it, or another kind of server`,
      remedy: LISTENERS,
    };
  }
  if (versions === 'tls-alert') return wantsTls(server, settings);
  if (versions === 'closed') return 'closed';
  if (sasl !== null) {
    const mechanism = sasl.mechanism.toUpperCase();
    const answer = await talk.ask(SASL_HANDSHAKE, 1, text(mechanism));
    if (typeof answer === 'string') {
      return { kind: 'sasl', text: `${server} ends the connection at SASL ${mechanism}`, remedy: LISTENERS };
    }
    const code = answer.readInt16BE(4);
    if (code === ILLEGAL_SASL_STATE) {
      return {
        kind: 'sasl',
        text: `${server} does not use SASL on that port, and the configuration wants to log in`,
        remedy: `set kafka.security.protocol to ${tls === null ? 'PLAINTEXT' : 'SSL'}, or use the port of a SASL listener`,
      };
    }
    if (code === UNSUPPORTED_SASL_MECHANISM) {
      const offered = strings(answer, 6);
      return {
        kind: 'sasl',
        text: `${server} does not offer the SASL mechanism ${mechanism}, only ${offered.join(', ') || 'none'}`,
        remedy: `set kafka.sasl.mechanism to ${offered[0] ?? 'one that the broker offers'}`,
      };
    }
    return { kind: 'ok' };
  }
  const nothing = Buffer.alloc(4);
  if (typeof (await talk.ask(METADATA, 1, nothing)) === 'string') {
    return {
      kind: 'sasl',
      text: `${server} ends the connection of whoever does not log in: that port wants SASL`,
      remedy: `set kafka.security.protocol to ${tls === null ? 'SASL_PLAINTEXT' : 'SASL_SSL'}, kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password`,
    };
  }
  return { kind: 'ok' };
}

function noClientCertificate(server: string): Probe {
  return {
    kind: 'tls',
    text: `${server} ends the connection after the TLS handshake: it probably wants a client certificate, or does not accept ours`,
    remedy: 'set kafka.ssl.certificate.location and kafka.ssl.key.location to one that the broker trusts',
  };
}

/** `[::1]:9092` and `host:9092`. */
export function splitServer(server: string): { readonly host: string; readonly port: number } {
  const at = server.lastIndexOf(':');
  return { host: server.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(server.slice(at + 1)) };
}

interface Address {
  readonly host: string;
  readonly port: number;
}
type Opening = { readonly socket: Socket } | Probe | { readonly kind: 'tls-failed'; readonly probe: Probe };

function open(
  { host, port }: Address,
  tls: KafkaSettings['tls'],
  timeoutMs: number,
  certificate: 'checked' | 'unchecked' = 'checked',
): Promise<Opening> {
  return new Promise((resolve) => {
    const name = isIP(host) ? {} : { servername: host };
    const pem = Object.fromEntries(Object.entries(tls ?? {}).filter(([, value]) => value !== null));
    const rejectUnauthorized = certificate === 'checked';
    const socket =
      tls === null ? connect({ host, port }) : connectTls({ host, port, ...name, ...pem, rejectUnauthorized });
    const timer = setTimeout(() => {
      socket.destroy();
      const what = tls === null ? 'the connection' : 'the TLS handshake';
      resolve({
        kind: 'silent',
        text: `${host}:${port} does not go on with ${what} within ${timeoutMs / 1000} s`,
        remedy: LISTENERS,
      });
    }, timeoutMs);
    socket.once(tls === null ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer);
      resolve({ socket });
    });
    // Stays: a socket that breaks later must not end the process.
    socket.on('error', (error) => {
      clearTimeout(timer);
      resolve(tlsFailure(error, `${host}:${port}`));
    });
  });
}

function tlsFailure(error: Error, server: string): Opening {
  const code = codeOf(error);
  const trouble = certificateTrouble(code);
  if (trouble !== null) {
    const remedy = {
      certificate: `renew it on the broker: openssl s_client -connect ${server} -showcerts`,
      name: `connect by a name it was issued for: openssl s_client -connect ${server} | openssl x509 -noout -ext subjectAltName`,
      authority: 'give the authority that signed it in kafka.ssl.ca.location',
    }[trouble.mend];
    return { kind: 'tls', text: `${server}: ${trouble.text}`, remedy };
  }
  if (/CERTIFICATE|HANDSHAKE_FAILURE/.test(code)) return noClientCertificate(server);
  const text = `${server} does not answer the TLS handshake (${code || messageOf(error)})`;
  return { kind: 'tls-failed', probe: { kind: 'tls', text, remedy: LISTENERS } };
}

/** Requests one after the other on a socket. */
class Talk {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  #received = Buffer.alloc(0);
  #ended = false;
  #error: Error | null = null;
  #wake = (): void => {};

  constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** The body of the answer, behind its length: correlation id first. */
  async ask(api: number, version: number, body: Buffer): Promise<Buffer | 'closed' | 'silent' | 'tls-alert'> {
    const head = Buffer.alloc(14);
    head.writeInt32BE(10 + body.length, 0);
    head.writeInt16BE(api, 4);
    head.writeInt16BE(version, 6);
    head.writeInt16BE(-1, 12); // no client id
    this.#received = Buffer.alloc(0);
    this.#socket.write(Buffer.concat([head, body]));
    for (const until = Date.now() + this.#timeoutMs; ; ) {
      const { length } = this.#received;
      // A TLS record of alert or handshake type, where an answer would begin with its length.
      if (length >= 2 && this.#received[0] === 0x15 && this.#received[1] === 3) return 'tls-alert';
      if (length >= 4 && length >= 4 + this.#received.readInt32BE(0)) return this.#received.subarray(4);
      if (this.#error !== null && codeOf(this.#error) !== 'ECONNRESET' && codeOf(this.#error) !== 'EPIPE') {
        throw this.#error;
      }
      if (this.#ended || this.#error !== null) return 'closed';
      const left = until - Date.now();
      if (left <= 0) return 'silent';
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function strings(buffer: Buffer, at: number): string[] {
  const out: string[] = [];
  let next = at + 4;
  for (let count = buffer.readInt32BE(at); count > 0; count--) {
    const length = buffer.readInt16BE(next);
    out.push(buffer.toString('utf8', next + 2, next + 2 + length));
    next += 2 + length;
  }
  return out;
}
