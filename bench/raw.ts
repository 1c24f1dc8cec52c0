/**
 * The raw ceiling, as a process of its own: reads a slot, counts the rows and does nothing else.
 * Arguments: host, port, database, slot, rows; the password comes in PGPASSWORD. Prints JSON {seconds, cpuMs}.
 */
import pg from 'pg';
import { ReplicationStream, startReplication } from '../src/source/postgres/stream.ts';
import { PUBLICATION } from '../src/bench/backlog.ts';

const [host = '', port = '', database = '', slot = '', wanted = ''] = process.argv.slice(2);
const client = new pg.Client({
  host,
  port: Number(port),
  database,
  user: 'postgres',
  password: process.env['PGPASSWORD'] ?? '',
  replication: 'database',
} as pg.ClientConfig);
client.on('error', () => {});
await client.connect();
const stream = new ReplicationStream(client, new AbortController().signal);
await stream.start(startReplication(slot, 0n, { proto_version: '1', publication_names: `"${PUBLICATION}"` }), 0n);
let rows = 0;
const startedAt = performance.now();
const cpu = process.cpuUsage();
const handler = {
  data: (buffer: Buffer, at: number): void => {
    if (buffer[at] === 0x49) rows++; // I: Insert
  },
  keepAlive: (): void => {},
};
while (rows < Number(wanted) && (await stream.pump(handler)));
const seconds = (performance.now() - startedAt) / 1000;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(JSON.stringify({ seconds, cpuMs: (user + system) / 1000 }));
await stream.close();
process.exit(0);
