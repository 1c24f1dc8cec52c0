/** A TCP proxy in this process: counts what passes, and passes no more than the reader takes. */
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

export interface Proxy {
  readonly host: string;
  readonly port: number;
  /** Bytes that the server has sent so far through all connections. */
  received(): number;
  /** Connections made so far. */
  connections(): number;
  close(): Promise<void>;
}

export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let received = 0;
  let connections = 0;
  const server = createServer((client) => {
    connections++;
    const upstream = connect(target.port, target.host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      // `pipe` pauses the sender while the receiver's buffer is full: a reader that stops is felt by the server.
      from.pipe(to);
    }
    upstream.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    received: () => received,
    connections: () => connections,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
