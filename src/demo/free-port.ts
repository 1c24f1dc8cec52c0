import { createServer } from 'node:net';

/** What this process has been given: the system may give a port again as soon as it is closed, and two listeners of one broker would get it. */
const given = new Set<number>();
/** A small part of the ports that a system chooses from. */
const MOST = 4096;

/** A TCP port on the loopback address that was free a moment ago, and that this process was not given before. */
export async function freePort(): Promise<number> {
  if (given.size >= MOST) given.clear();
  for (;;) {
    const port = await anyPort();
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
