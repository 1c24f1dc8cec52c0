import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { MillraceError } from '../errors.ts';
import type { MetricsRegistry } from './metrics.ts';
import { healthOf, statusPage } from './health.ts';
import type { ConnectorStatus } from './status.ts';

export interface HttpServer {
  /** `host:port` as bound; of use when the port was 0. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * `/health/live`: the process answers. `/health/ready`: every connector works or stands by (else 503). `/status`: where
 * each stands. `/metrics`: Prometheus. Rejects with `config` when the address is no address or taken, before anything else
 * has been started; `option` is what the caller calls the address.
 */
export async function startHttp(
  address: string,
  statuses: ReadonlyMap<string, ConnectorStatus>,
  metrics: Pick<MetricsRegistry, 'text'>,
  option = '--http',
): Promise<HttpServer> {
  const { host, port } = parseAddress(address, option);
  const server = createServer((request, response) => void answer(request, response, statuses, metrics));
  await listen(server, { host, port, address, option });
  const bound = server.address();
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    address: `${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** `host:port`, `[::1]:port`, or `:port` for every interface. Throws `config`. */
export function parseAddress(address: string, option = '--http'): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:[\]/]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match && port <= 65_535) return { host: match[1] ?? (match[2] === '' ? '::' : (match[2] ?? '')), port };
  throw new MillraceError(
    'config',
    `${option}: expected HOST:PORT, such as 127.0.0.1:8083, [::1]:8083 or 0.0.0.0:8083, got "${address}"`,
  );
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  statuses: ReadonlyMap<string, ConnectorStatus>,
  metrics: Pick<MetricsRegistry, 'text'>,
): Promise<void> {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'text/plain', 'only GET and HEAD\n');
  switch ((request.url ?? '').replace(/\?.*/, '')) {
    case '/health/live':
      return send(200, 'application/json', '{"status":"live"}\n');
    case '/health/ready': {
      const { isReady, body } = healthOf(statuses);
      return send(isReady ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`);
    }
    case '/status':
      return send(200, 'application/json', `${JSON.stringify(statusPage(statuses), null, 2)}\n`);
    case '/metrics':
      return send(200, 'text/plain; version=0.0.4; charset=utf-8', await metrics.text());
    default:
      return send(404, 'text/plain', 'there are /health/live, /health/ready, /status and /metrics\n');
  }
}

function listen(
  server: Server,
  at: { readonly host: string; readonly port: number; readonly address: string; readonly option: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'another program listens there' : error.message;
      reject(
        new MillraceError(
          'config',
          `cannot listen on ${at.address}: ${why}. Nothing was started; give another address with ${at.option}, as HOST:PORT`,
          { cause: error },
        ),
      );
    });
    server.listen(at.port, at.host, resolve);
  });
}
