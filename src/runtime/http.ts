import { type Server, createServer } from 'node:http';
import { MillraceError } from '../errors.ts';
import type { MetricsRegistry } from './metrics.ts';
import type { State } from './supervisor.ts';

/**
 * `/health/live`: the process answers. `/health/ready`: every connector works or stands by (else 503). `/metrics`:
 * Prometheus. Rejects with `config` when the address is taken, before anything else has been started.
 */
export async function startHttp(
  address: string,
  states: ReadonlyMap<string, State>,
  metrics: MetricsRegistry,
): Promise<{ close(): Promise<void> }> {
  const at = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, at), Number(address.slice(at + 1))];
  const server = createServer((request, response) => {
    const send = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    if (request.url === '/health/live') return send(200, 'application/json', '{"status":"live"}');
    if (request.url === '/health/ready') {
      const ready = [...states.values()].every((state) => state === 'running' || state === 'standby');
      const body = { status: ready ? 'ready' : 'not ready', connectors: Object.fromEntries(states) };
      return send(ready ? 200 : 503, 'application/json', JSON.stringify(body));
    }
    if (request.url === '/metrics') {
      void metrics.text().then((text) => send(200, 'text/plain; version=0.0.4', text));
      return undefined;
    }
    return send(404, 'text/plain', 'there are /health/live, /health/ready and /metrics\n');
  });
  await listen(server, host, port, address);
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, host: string, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new MillraceError(
          'config',
          `cannot listen on ${address} (${error.message}): give another address with --http HOST:PORT`,
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
}
