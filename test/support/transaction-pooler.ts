/** A connection pooler in transaction mode, as PgBouncer is one: a backend belongs to a client for one transaction. */
import { type Socket, createServer } from 'node:net';
import { FrameReader } from '../../src/source/postgres/frames.ts';
import { socketOf } from '../../src/source/postgres/connection.ts';
import pg from 'pg';
import type { PostgresAddress } from './servers.ts';

export interface Pooler {
  readonly port: number;
  close(): Promise<void>;
}

interface Backend {
  readonly socket: Socket;
  client: Socket | null;
}

const READY = 0x5a; // Z
const ENDS_A_GROUP = [0x51, 0x53]; // Query, Sync
const TERMINATE = 0x58; // X

/** Two backends, the last used one first: a quiet client gets the same one every time. */
export async function startPooler(server: PostgresAddress, database: string): Promise<Pooler> {
  const idle: Backend[] = [];
  const waiting: ((backend: Backend) => void)[] = [];
  const sessions: pg.Client[] = [];
  const release = (backend: Backend): void => {
    backend.client = null;
    const next = waiting.shift();
    if (next) next(backend);
    else idle.push(backend);
  };
  for (let i = 0; i < 2; i++) {
    const { host, port, user, password } = server;
    const session = new pg.Client({ host, port, user, password, database });
    session.on('error', () => {});
    await session.connect();
    sessions.push(session);
    const socket = socketOf(session);
    socket.removeAllListeners('data');
    const backend: Backend = { socket, client: null };
    const frames = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      while (frames.next()) {
        backend.client?.write(frames.buffer.subarray(frames.start - 5, frames.end));
        if (frames.type === READY && frames.buffer[frames.start] === 0x49) release(backend);
      }
    });
    idle.push(backend);
  }
  const listener = createServer((client) =>
    serve(client, (use) => {
      const backend = idle.pop();
      if (backend) use(backend);
      else waiting.push(use);
    }),
  ); // prettier-ignore
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: async () => {
      for (const session of sessions) socketOf(session).destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

function serve(client: Socket, take: (use: (backend: Backend) => void) => void): void {
  let startup: Buffer | null = Buffer.alloc(0);
  let mine: Backend | null = null;
  let group: Buffer[] = [];
  const frames = new FrameReader();
  client.on('error', () => {});
  const send = (backend: Backend): void => {
    mine = backend;
    backend.client = client;
    backend.socket.write(Buffer.concat(group));
    group = [];
  };
  client.on('data', (chunk: Buffer) => {
    let rest = chunk;
    if (startup !== null) {
      startup = Buffer.concat([startup, chunk]);
      if (startup.length < 4 || startup.length < startup.readInt32BE(0)) return;
      rest = startup.subarray(startup.readInt32BE(0));
      startup = null;
      client.write(GREETING);
    }
    frames.push(rest);
    while (frames.next()) {
      if (frames.type === TERMINATE) return void client.end();
      group.push(Buffer.from(frames.buffer.subarray(frames.start - 5, frames.end)));
      if (!ENDS_A_GROUP.includes(frames.type)) continue;
      if (mine?.client === client) send(mine);
      else take(send);
    }
  });
}

/** AuthenticationOk, BackendKeyData with a process number that it invents, ReadyForQuery. */
const GREETING = Buffer.from('520000000800000000' + '4b0000000c0001e24000000001' + '5a0000000549', 'hex');
