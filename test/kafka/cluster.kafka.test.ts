import assert from 'node:assert/strict';
import { type Socket, createServer } from 'node:net';
import { test } from 'node:test';
import { createKafka } from '../../src/kafka/client.ts';
import { closeCluster, findCoordinator, openCluster } from '../../src/kafka/cluster.ts';
import { topicReady } from '../support/kafka-wire.ts';
import { freshName, kafka, quiet, waitFor } from '../support/servers.ts';

const client = (bootstrap: string): ReturnType<typeof createKafka> =>
  createKafka({ bootstrapServers: [bootstrap], clientId: 'test', sasl: null, tls: null }, quiet);

test('opening asks for brokers and for no topics: one of a stranger without a leader must not matter', async () => {
  const bootstrap = await kafka();
  const admin = client(bootstrap).admin();
  await admin.connect();
  const topic = freshName('stranger');
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1 }] });
  await admin.disconnect();
  await topicReady(bootstrap, topic, 1);
  const cluster = await openCluster(client(bootstrap));
  try {
    const { brokers, metadata } = cluster.brokerPool;
    assert.deepEqual([Object.keys(brokers), metadata?.topicMetadata], [['1'], []]);
    assert.match(metadata?.clusterId ?? '', /./);
    assert.equal((await cluster.findControllerBroker()).nodeId, 1);
    await findCoordinator(cluster, 'transaction', topic);
    await cluster.refreshMetadata();
    assert.equal((await (await cluster.findBroker({ nodeId: '1' })).metadata([topic])).topicMetadata[0]?.topic, topic);
  } finally {
    await closeCluster(cluster);
  }
});

test('a cluster that cannot be opened leaves no connection behind', async (t) => {
  const sockets = new Set<Socket>();
  let accepted = 0;
  // Says which versions it knows, and to everything else something that makes no sense.
  const server = createServer((socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    socket.on('data', (request) => {
      const versions = Buffer.from('0000000000020012000000020003000000010000' + '0000', 'hex');
      const body = request.readInt16BE(4) === 18 ? versions : Buffer.from('7fff', 'hex');
      const head = Buffer.alloc(8);
      head.writeInt32BE(4 + body.length);
      head.writeInt32BE(request.readInt32BE(8), 4);
      socket.write(Buffer.concat([head, body]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  await assert.rejects(openCluster(client(`127.0.0.1:${address.port}`)));
  assert.ok(accepted > 0);
  await waitFor('every connection to be closed', async () => sockets.size === 0, 2000);
});
