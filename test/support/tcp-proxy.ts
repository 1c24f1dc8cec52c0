import { type Socket, createConnection, createServer } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** From now on nothing passes in either direction, and nobody is told: a network that is gone. */
  freeze(): void;
  connections(): number;
  /** Bytes that the server has sent so far, through all connections. */
  received(): number;
  close(): Promise<void>;
}

/**
 * A TCP proxy on a free port of this machine; passes no more than the receiver takes, and of what the server sends on
 * one connection no more than so many bytes a second.
 */
export async function startProxy(
  target: { readonly host: string; readonly port: number },
  { bytesPerSecond = Number.POSITIVE_INFINITY }: { readonly bytesPerSecond?: number } = {},
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let frozen = false;
  let received = 0;
  const listener = createServer((inward) => {
    const outward = createConnection(target);
    for (const [from, to] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        if (!frozen) to.destroy();
      });
      from.on('data', (chunk: Buffer) => {
        if (from === outward) received += chunk.length;
        if (frozen) return;
        const waitMs = from === outward ? (chunk.length / bytesPerSecond) * 1000 : 0;
        const isTaken = to.write(chunk);
        if (isTaken && waitMs === 0) return;
        // A reader that stops has to be felt by the sender.
        from.pause();
        if (!isTaken) to.once('drain', () => from.resume());
        else setTimeout(() => from.resume(), waitMs);
      });
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    connections: () => sockets.size / 2,
    received: () => received,
    freeze: () => {
      frozen = true;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
